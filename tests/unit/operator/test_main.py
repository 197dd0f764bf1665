"""A whole operator on an API server of this process: it leads or waits, keeps bots so, tells how it is, ends in order.

What it does on a real control plane is in `tests/cluster`.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import pytest
from tests.unit.operator.conftest import Refusal

from tradewind_operator import bot_watch, main
from tradewind_operator.apiclient import ApiClient
from tradewind_operator.framework import kopf
from tradewind_operator.main import DEAF_AFTER, Operator
from tradewind_operator.reach import Reach
from tradewind_operator.settings import OperatorSettings

LEASE = {"lease_duration": 0.6, "namespace": "trading", "namespaces": "trading", "host": "127.0.0.1", "port": 0}


@pytest.fixture
async def start(api, monkeypatch):
    """Starts operators, `start("a")`; they end with the test."""
    monkeypatch.setattr(bot_watch, "login", lambda: kopf.ConnectionInfo(server=api.url, token="t"))
    running = {}

    async def begin(identity="a"):
        settings = OperatorSettings(identity=identity, service_address=f"{api.url}/silent/{{service}}", **LEASE)
        operator = Operator(settings, ApiClient(lambda: kopf.ConnectionInfo(server=api.url, token="t")))
        operator.health.start = noting(operator.health.start, listening := asyncio.Event())
        running[operator] = asyncio.create_task(operator.run())
        await listening.wait()
        return operator

    begin.tasks = running
    yield begin
    for operator in running:
        operator.stop()
    await asyncio.gather(*running.values(), return_exceptions=True)


async def test_bots_reach_the_stores_where_they_are():
    """The ports of a PostgreSQL and a Redis of the house go into the network policies of bots."""
    operator = Operator(OperatorSettings(postgres_port=6432, redis_port=6380), ApiClient(lambda: None))
    site = operator.site()
    await operator.client.close()

    assert (site.postgres_port, site.redis_port) == (6432, 6380)


def noting(what, done):
    async def noted():
        await what()
        done.set()

    return noted


async def until(holds, seconds=60):
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what an operator knows has no event
            await asyncio.sleep(0.01)


async def asked(operator, path):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{operator.health.port}{path}") as got:
        return got.status, (await got.json() if "json" in got.content_type else await got.text())


def reconciled(api):
    conditions = (api.get("TradingBot", "momentum") or {}).get("status", {}).get("conditions", ())
    return next(((one["status"], one["reason"]) for one in conditions if one["type"] == "Reconciled"), None)


async def test_a_bot_is_made_kept_and_told_of(api, start, resource):
    operator = await start()
    await until(lambda: operator.leadership.leads)
    assert await asked(operator, "/readyz") == (200, {"status": "ok", "reasons": []})
    assert await asked(operator, "/healthz") == (200, {"status": "ok", "reasons": []})
    await api.put(resource())
    await until(lambda: reconciled(api) == ("True", "Applied"))
    before = api.get("Deployment", "momentum-bot")["metadata"]["uid"]
    await api.remove("Deployment", "momentum-bot")
    await until(
        lambda: (api.get("Deployment", "momentum-bot") or {"metadata": {"uid": before}})["metadata"]["uid"] != before
    )
    status, text = await asked(operator, "/metrics")
    assert status == 200
    for line in (
        "tradewind_operator_leader 1.0",
        "tradewind_operator_bots 1.0",
        'tradewind_operator_bot_condition{name="momentum",namespace="trading",status="True",type="Reconciled"} 1.0',
    ):
        assert line in text
    await api.remove("TradingBot", "momentum")
    await until(lambda: len(operator.bots) == 0)


async def test_a_standby_is_ready_and_takes_over_at_once_from_one_that_ends(api, start, resource):
    """Ended in order it gives the Lease up; nobody waits for it to run out."""
    first = await start("a")
    await until(lambda: first.leadership.leads)
    second = await start("b")
    await until(lambda: not second._unready())
    await api.put(resource())
    await until(lambda: reconciled(api) == ("True", "Applied"))
    assert not second.leadership.leads
    first.stop()
    await start.tasks[first]
    assert api.get("Lease", "tradewind-operator")["spec"]["holderIdentity"] in ("", "b")
    await until(lambda: second.leadership.leads)
    await api.remove("ConfigMap", "momentum-manifest")
    await until(lambda: api.get("ConfigMap", "momentum-manifest"))


async def test_what_is_not_listed_yet_is_named(api, start):
    """It could not take over: it would not know what is there."""
    hold = asyncio.Event()
    api.refuse = lambda request: hold.wait() if request.path.endswith("/configmaps") else None
    operator = await start()
    await until(lambda: operator._unready() == ["configmaps in trading are not listed yet"])
    status, answer = await asked(operator, "/readyz")
    assert (status, answer["reasons"]) == (503, ["configmaps in trading are not listed yet"])
    assert not operator.leadership.leads
    hold.set()
    await until(lambda: operator.leadership.leads)


async def test_a_part_that_fails_ends_the_process(api, start):
    """The kubelet starts it again; half an operator would look like a whole one."""
    operator = await start()
    await until(lambda: operator.leadership.leads)

    async def fail(*_):
        raise RuntimeError("defect")

    operator.list.compare = fail
    operator._watch_began.set()
    with pytest.raises(RuntimeError, match="defect"):
        await start.tasks[operator]
    with contextlib.suppress(aiohttp.ClientError):
        await asked(operator, "/healthz")
        raise AssertionError("it still answers")
    assert api.get("Lease", "tradewind-operator")["spec"]["holderIdentity"] == ""


# ------------------------------------------------------------------------------------------------------------ liveness


@pytest.fixture
async def clocked(api, client, monkeypatch):
    """An operator that does not run, with a clock of the test; `pass_time(seconds, answers=...)`."""
    operator = Operator(OperatorSettings(identity="a", **LEASE), client)
    operator.now = 0.0
    monkeypatch.setattr(main, "monotonic", lambda: operator.now)
    client.reach = Reach(lambda: operator.now)
    for one in operator.reflectors:
        one.heard = 0.0

    async def pass_time(seconds, *, answers, hears=()):
        api.refuse = None if answers else refuse
        for _ in range(0, seconds, 10):
            operator.now += 10
            with contextlib.suppress(Exception):
                await client.read("/api/v1/namespaces/trading/pods")
            if answers and operator.leadership.looked_at is not None:
                operator.leadership.looked_at = operator.now
            for one in operator.reflectors:
                if one.name in hears:
                    one.heard = operator.now

    def refuse(_request):
        raise Refusal(503, "ServiceUnavailable")

    operator.pass_time = pass_time
    operator.all = [one.name for one in operator.reflectors]
    return operator


async def test_a_watch_that_hears_nothing_while_others_do_fails_liveness(clocked):
    others = [name for name in clocked.all if name != "pods in trading"]
    await clocked.pass_time(int(DEAF_AFTER), answers=True, hears=others)
    assert clocked._unhealthy() == []
    await clocked.pass_time(20, answers=True, hears=others)
    assert clocked._unhealthy() == ["the watch of pods in trading has heard nothing for 240 s"]


async def test_an_api_server_that_is_gone_restarts_nobody(clocked):
    """All replicas would end at once, and a restart mends nothing. When it is back, watches get time to begin again."""
    await clocked.pass_time(100, answers=True, hears=clocked.all)
    await clocked.pass_time(3600, answers=False)
    assert clocked._unhealthy() == []
    await clocked.pass_time(60, answers=True)
    assert clocked._unhealthy() == []
    await clocked.pass_time(240, answers=True)
    assert len(clocked._unhealthy()) == len(clocked.all)


async def test_a_lease_that_nobody_looks_at_any_more_fails_liveness(clocked):
    assert clocked.leadership.looked_at is None
    clocked.leadership.looked_at = 0.0
    await clocked.pass_time(1000, answers=True, hears=clocked.all)
    assert clocked._unhealthy() == []
    clocked.now += DEAF_AFTER + 1
    assert clocked._unhealthy() == ["the Lease was not looked at for 240 s"]
