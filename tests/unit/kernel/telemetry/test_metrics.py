"""The table of metrics."""

from __future__ import annotations

import re

from prometheus_client import generate_latest

from tradewind.kernel.telemetry.metrics import Metrics

UNITS = (
    "_total",
    "_seconds",
    "_bytes",
    "_ratio",
    "_usd",
    "_info",
    "_score",
    "_up",
    "_messages",
    "_trades",
    "_orders",
    "_enabled",
    "_calls",
    "_state",
    "_profit",
    "_pairs",
)


def test_every_metric_has_the_prefix_a_unit_and_a_bot():
    """One prefix, a unit at the end, `bot` as the first label: what every dashboard and alert rests on."""
    for collector in (one for one in Metrics().registry.collect() if not one.name.startswith("process_")):
        name = collector.name + ("_total" if collector.type == "counter" else "")

        assert re.fullmatch(r"tradewind_[a-z][a-z_]*", name), name
        assert name.endswith(UNITS), name
        assert collector.documentation.endswith("."), name


def test_two_bots_in_one_process_share_no_metric():
    """Each has a registry of its own."""
    first, second = Metrics(), Metrics()
    first.cycles.labels("a/b").inc()

    assert b'tradewind_cycles_total{bot="a/b"} 1.0' in generate_latest(first.registry)
    assert b'bot="a/b"' not in generate_latest(second.registry)
