"""What the machine, the network and people do to pods: the bot is ready again, and no order is lost or doubled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.node.audit import orders_agree
from tests.node.bots import NAMESPACE, Bot, is_ready
from tests.node.installing import HOME, POSTGRES, REDIS

from tradewind.domain.order import OrderState
from tradewind.execution.tables import orders

WORKLOADS = ("door", "trading", "market-data", "execution", "operations", "sim-exchange")
STORES = (POSTGRES, REDIS)
ALWAYS_AT_IT = "execution"
"""It renews its hold on the account every few seconds; a service that asks nothing at the moment cannot know."""


@pytest.mark.parametrize("component", WORKLOADS)
def test_a_killed_container_comes_back_and_no_order_is_lost_or_doubled(churning, component):
    """SIGKILL from the node, as of a kernel that runs out of memory."""
    sent = orders_agree(churning)

    churning.kill(component)

    churning.wait_until_ready()
    assert orders_agree(churning, more_than=sent) > sent


SLOW = {"kind": "DelayBeyondTimeout", "seconds": "1.5", "count": 1_000_000}
"""Every request waits so long at the exchange: the bot waits for longer, but an order is on its way for as long."""
UPDATES = 2


def test_an_update_of_execution_amid_orders_on_their_way_loses_and_doubles_none(node, terminal):
    """Its template changes while the exchange has yet to answer for an order, again and again."""
    exchange = [{"name": "sim", "venue": "Simulated", "faults": [SLOW]}]
    with Bot(node, Path(__file__).parent / "churning.yaml", "updated", {"exchanges": exchange}) as bot:
        bot.wait_until_ready()
        on_their_way = set()
        for turn in range(UPDATES):
            former = bot.pod("execution")["metadata"]["uid"]
            bot.wait_until("sending an order", lambda: bool(bot.read(submitted(bot))))
            changed = [{"name": "execution", "env": [{"name": "TURN", "value": str(turn)}]}]
            node.kubectl("patch", "tb", bot.name, "--type=merge", "-p", json.dumps({"spec": {"services": changed}}))
            on_their_way |= bot.read(submitted(bot))
            bot.wait_until("updated", lambda former=former: has_another(bot, "execution", former))
            bot.wait_until_ready()
        assert on_their_way
        # While it trades, some order is always on its way, and this exchange tells of its books as slowly.
        terminal(f"kubectl tradewind stop {bot.name} --reason audit")
        assert orders_agree(bot) >= UPDATES


def submitted(bot):
    """A query: the orders that were sent and not answered for yet."""
    wanted = select(orders.c.client_order_id).where(
        orders.c.bot == f"{NAMESPACE}/{bot.name}", orders.c.state == OrderState.SUBMITTED
    )
    return lambda connection: set(connection.execute(wanted).scalars())


def has_another(bot, component, former):
    """Whether a pod of a workload is ready that is not the former one; for a moment there is none at all."""
    return any(
        is_ready(pod)
        for pod in bot.pods()
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
        and pod["metadata"]["uid"] != former
        and "deletionTimestamp" not in pod["metadata"]
    )


@pytest.mark.parametrize("store", STORES)
def test_a_killed_store_comes_back_and_no_order_is_lost_or_doubled(node, churning, store):
    """Its container is killed: it comes back on its volume."""
    sent = orders_agree(churning)
    _, pod = node.request("GET", f"/api/v1/namespaces/{HOME}/pods/{store}-0")
    (status,) = pod["status"]["containerStatuses"]

    node.kill_container(status["containerID"])

    # The bot may not have noticed by then; the database is asked by the test itself, which does not try twice.
    node.wait_until(f"{store} is back", lambda: _is_back(node, f"{store}-0", status["restartCount"]))
    churning.wait_until_ready()
    assert orders_agree(churning, more_than=sent) > sent


def _is_back(node, pod, restarts):
    """Whether the container of a pod was started more often than that, and is ready."""
    _, answer = node.request("GET", f"/api/v1/namespaces/{HOME}/pods/{pod}")
    return any(one["restartCount"] > restarts and one["ready"] for one in answer["status"].get("containerStatuses", ()))


def _readiness(bot):
    """Workload -> whether its pod is ready."""
    return {component: is_ready(bot.pod(component)) for component in WORKLOADS}


@pytest.mark.parametrize("store", STORES)
def test_without_a_store_pods_are_not_ready_and_not_restarted(node, churning, store):
    """Readiness of who needs it says so, and the bot's; liveness does not: a restart would mend nothing."""
    sent, before = orders_agree(churning), churning.restarts()

    node.kubectl("scale", "-n", HOME, f"statefulset/{store}", "--replicas=0")
    try:
        churning.wait_until("unready", lambda: not _readiness(churning)[ALWAYS_AT_IT])
        churning.wait_until("not Ready", lambda: not churning.is_ready())
    finally:
        node.kubectl("scale", "-n", HOME, f"statefulset/{store}", "--replicas=1")

    churning.wait_until_ready()
    assert churning.restarts() == before
    assert orders_agree(churning, more_than=sent) > sent
