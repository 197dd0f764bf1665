"""The chart's Jaeger on the node: a trade is one trace, whose spans were made in several pods."""

from __future__ import annotations

import time
import urllib.parse

import pytest
from tests.cluster.charts import CHART, HOME
from tests.node.installing import address, wait_until_installed

PATIENCE = 300.0
JAEGER = "tradewind-jaeger"
PORT = 16686
WAY = ["position", "fill", "order", "decision", "evaluation", "candle"]
"""From an opened position to the candle that it was decided on."""
SERVICES = {"market-data", "strategy", "engine", "execution", "portfolio"}


@pytest.fixture
def jaeger(node, terminal, churning):
    """What Jaeger answers. Bots send their traces there from then on, which replaces their pods."""
    upgrade = f"helm upgrade tradewind {CHART} --namespace {HOME} --reset-values --wait --timeout 3m"
    terminal(f"{upgrade} --set jaeger.enabled=true")
    wait_until_installed(node)
    there = {f"http://{JAEGER}.{HOME}:4318"}
    churning.wait_until("sending traces", lambda: endpoints(churning) == there, PATIENCE)
    churning.wait_until_ready()

    def asked(call, **parameters):
        answer = node.ask(f"{address(node, JAEGER, PORT)}/api/{call}?{urllib.parse.urlencode(parameters)}")
        assert answer.status == 200, answer.text
        return answer.content["data"]

    return asked


def endpoints(bot):
    """Where its pods send traces, also those that are ending; None for nowhere."""
    told = [{one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]} for pod in bot.pods()]
    return {one.get("OTEL_EXPORTER_OTLP_ENDPOINT") for one in told}


def way_up(span, spans):
    """The names from a span to its root; raises `KeyError` where a parent is not in the trace."""
    by_id = {one["spanID"]: one for one in spans}
    names = [span["operationName"]]
    while parents := [one["spanID"] for one in span["references"] if one["refType"] == "CHILD_OF"]:
        span = by_id[parents[0]]
        names.append(span["operationName"])
    return names


def positions(trace):
    """Its spans of a position's changes, the first one first."""
    found = [span for span in trace["spans"] if span["operationName"] == "position"]
    return sorted(found, key=lambda span: span["startTime"])


def first_moment(trace):
    """Microseconds since 1970 when its first span began."""
    return min(span["startTime"] for span in trace["spans"])


def missing(trace):
    """What a trade's trace lacks; spans of a pod come every few seconds."""
    try:
        way = way_up(positions(trace)[0], trace["spans"])
    except KeyError as parent:
        return f"span {parent}"
    makers = [trace["processes"][span["processID"]] for span in trace["spans"]]
    pods = {tag["value"] for maker in makers for tag in maker["tags"] if tag["key"] == "k8s.pod.name"}
    services = SERVICES - {maker["serviceName"] for maker in makers}
    return "" if (way, services) == (WAY, set()) and len(pods) >= 3 else f"{way}, {services}, {pods}"


def test_one_trade_is_one_trace_over_several_pods(churning, jaeger):
    """From the candle to the closed position, as Jaeger's API tells it."""
    found = []
    # Of what began before, some pods have told and others not.
    began = time.time() * 1e6

    def traded():
        traces = jaeger("traces", service="portfolio", operation="position", limit=50)
        found[:] = [trace["traceID"] for trace in traces if len(positions(trace)) > 1 and began < first_moment(trace)]
        return bool(found)

    churning.wait_until("traced from an entry to its exit", traded, PATIENCE)
    lacks = {}

    def whole():
        lacks.update((one, missing(jaeger(f"traces/{one}")[0])) for one in found)
        return not any(lacks.values())

    try:
        churning.wait_until("traced whole", whole, 30)
    except Exception as error:
        raise AssertionError(f"traces of trades lack {lacks}") from error
