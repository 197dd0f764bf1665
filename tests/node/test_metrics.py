"""The chart's Prometheus on the node reads everything, has data for every panel, and tells of an alert that is real."""

from __future__ import annotations

import pytest
from tests.charts.queries import DASHBOARDS, drawn
from tests.cluster.charts import CHART, HOME, OPERATOR
from tests.node.bots import NAMESPACE, Bot
from tests.node.images import CHECKOUT
from tests.node.installing import wait_until_installed
from tests.node.prometheus import Prometheus
from tests.node.receiver import Receiver

from tradewind.contracts.api.document import load_bot
from tradewind.plan import services

PATIENCE = 300.0
"""Longer than rules that are evaluated each minute need for a rate."""


@pytest.fixture
def prometheus(node):
    return Prometheus(node)


def readable(node):
    """The pods of bots and operators."""
    found = set()
    operators = f"app.kubernetes.io/name%3D{OPERATOR}"
    for namespace, selector in ((NAMESPACE, "app.kubernetes.io/managed-by%3Dtradewind-operator"), (HOME, operators)):
        _, answer = node.request("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        found |= {one["metadata"]["name"] for one in answer["items"]}
    return found


def test_every_service_and_operator_is_read(node, churning, prometheus):
    """Each of their pods once, and each answers; each service of the bot says of itself that it works."""
    expected = {one.name for one in services(load_bot(CHECKOUT / "tests" / "node" / "churning.yaml"))}

    def all_up():
        # The metric lags behind the targets: the last word of a pod that is gone may be that it was not reached.
        told = {one["value"][1] for one in prometheus.query('up{job=~"tradewind-.*"}')}
        return prometheus.targets() == dict.fromkeys(readable(node), "up") and told == {"1"}

    try:
        node.wait_until("every target is up", all_up, PATIENCE)
    except Exception as error:
        error.add_note(f"{prometheus.targets()} beside {sorted(readable(node))}")
        raise
    working = f'tradewind_service_up{{bot="{NAMESPACE}/{churning.name}"}} == 1'
    node.wait_until(
        "every service works", lambda: {one["metric"]["service"] for one in prometheus.query(working)} == expected
    )


def test_every_panel_has_data_once_there_was_a_trade(node, churning, prometheus):
    """Each query of each dashboard, the operator's too, as Grafana would ask it."""
    closed = f'sum(tradewind_trades_closed_total{{bot="{NAMESPACE}/{churning.name}"}}) > 0'
    node.wait_until("a trade is closed", lambda: bool(prometheus.query(closed)), PATIENCE)
    empty = list(drawn(DASHBOARDS))
    assert len(empty) > 60

    def filled():
        empty[:] = [one for one in empty if not prometheus.query(one[1])]
        return not empty

    try:
        node.wait_until("every panel has data", filled, PATIENCE)
    except Exception as error:
        raise AssertionError(f"no data: {[where for where, _ in empty]}") from error


@pytest.fixture
def receiver(node, terminal):
    """A webhook that the chart's Prometheus is told to send its alerts to."""
    upgrade = f"helm upgrade tradewind {CHART} --namespace {HOME} --reset-values --wait --timeout 3m"
    with Receiver(node) as running:
        terminal(f"{upgrade} --set 'prometheus.alertmanagers={{{running.address}}}'")
        wait_until_installed(node)
        yield running
        terminal(upgrade)
        wait_until_installed(node)


def test_an_alert_goes_from_a_bot_to_a_webhook(node, receiver, prometheus):
    """The emergency stop of a bot fires, and is sent with what a person needs to act on it."""
    with Bot(node, CHECKOUT / "manifests" / "samples" / "minimal.yaml", "stopped") as bot:
        bot.wait_until_ready()
        node.kubectl("patch", "tb", bot.name, "--type=merge", "-p", '{"spec": {"emergencyStop": true}}')

        def fires():
            names = {(one["labels"]["alertname"], one["labels"].get("bot")) for one in prometheus.firing()}
            return ("TradewindEmergencyStopped", f"{NAMESPACE}/{bot.name}") in names

        bot.wait_until("told of by an alert", fires)
        bot.wait_until("told of to the webhook", lambda: "TradewindEmergencyStopped" in receiver.alerts)
    alert = receiver.alerts["TradewindEmergencyStopped"]
    assert alert["labels"]["bot"] == f"{NAMESPACE}/stopped"
    assert (alert["labels"]["severity"], alert["labels"]["priority"]) == ("critical", "P0")
    assert alert["annotations"]["runbook_url"].endswith("docs/runbooks/TradewindEmergencyStopped.md")
