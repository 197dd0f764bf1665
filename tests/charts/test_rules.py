"""Alert rules: every query is PromQL, asks for metrics that the code has, and every alert can fire and be quiet."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from tests.charts.alert_cases import cases, played
from tests.charts.objectives import OBJECTIVES
from tests.charts.queries import OF_TARGETS, RULES, alerts, asked, known, queries
from tests.charts.rendering import one, render


def test_every_query_is_promql(promtool, tmp_path):
    """A dashboard whose query does not parse shows nothing, and nobody is told."""
    rules = [
        {"record": f"query_{number}", "expr": query, "labels": {"where": where}}
        for number, (where, query) in enumerate(queries().items())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
    assert len(rules) > 100


@pytest.mark.parametrize("file", sorted({where.partition(":")[0] for where in queries()}))
def test_every_query_asks_for_what_there_is(file):
    """Each metric is in the code's tables, and each label is one of its own or of where it was read."""
    there = known()
    for where, query in queries().items():
        if where.startswith(f"{file}:"):
            names, labels = asked(query)
            assert names, where
            assert set() == names - there.keys(), where
            assert set() == labels - OF_TARGETS - set().union(*(there[name] for name in names)), where


def test_a_metric_that_does_not_exist_would_be_seen():
    """The test above can fail: names and labels are taken out of a query as they stand in it."""
    query = (
        'sum by (bot) (rate(no_such_total{verdict="Refused", where=~"$bot"}[5m])) / on (pod) other > 1e9'
        " or bot:a_record:rate5m * -.5"
    )

    assert ({"no_such_total", "other", "bot:a_record:rate5m"}, {"bot", "verdict", "where", "pod"}) == asked(query)


@pytest.mark.parametrize("group", sorted(cases()))
def test_every_alert_fires_for_what_it_is_about_and_for_nothing_else(promtool, tmp_path, group):
    """Promtool plays the series of `alerts/GROUP.yaml` against the rules."""
    file = tmp_path / f"{group}.yaml"
    file.write_text(yaml.safe_dump(played(group)))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_played():
    """Each with a series for which it fires and one, as near as can be, for which it does not."""
    assert {rule["alert"] for rule in alerts()} == {case["alert"] for group in cases().values() for case in group}
    for group in cases().values():
        for case in group:
            assert case["fires"]["series"]
            assert case["quiet"]["series"], case["alert"]
            assert case["fires"]["series"] != case["quiet"]["series"]


def test_an_alert_says_how_bad_it_is_and_what_it_is_about():
    """Whoever is woken reads a sentence with the name of the bot or pod, and routes by severity."""
    for rule in alerts():
        labels = rule["labels"]
        assert (labels["severity"], labels["priority"]) in {
            ("critical", "P0"), ("critical", "P1"), ("warning", "P1"), ("warning", "P2"), ("warning", "P3"),
        }, rule["alert"]  # fmt: skip
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["for"]


def test_thresholds_are_those_of_the_health_score():
    """Where the bot calls itself degraded or critical, the alerts do."""
    expressions = {rule["alert"]: rule["expr"] for rule in alerts()}

    assert expressions["TradewindHealthCritical"].endswith("< 60")
    assert expressions["TradewindHealthLow"].endswith("< 80 >= 60")


def test_limits_of_latency_are_bounds_of_the_histograms():
    """Between two bounds nobody knows how many there were."""
    text = (RULES[[path.stem for path in RULES].index("objectives")]).read_text()
    bounds = {
        sample.labels["le"]
        for metric in _observed().collect()
        for sample in metric.samples
        if sample.name.endswith("_bucket")
    }

    assert set(re.findall(r'le="([^"]*)"', text)) == {"0.1", "0.5", "5.0"} <= bounds
    assert len(OBJECTIVES) == len({one.name for one in OBJECTIVES})


def _observed():
    from tradewind.kernel.telemetry.metrics import Metrics  # noqa: PLC0415

    metrics = Metrics()
    metrics.candle_delay.labels("a/b").observe(1)
    return metrics.registry


def test_prometheus_reads_the_configuration(helm, promtool, tmp_path):
    """The bundled server takes its configuration and finds the rules where it says that they are."""
    options = ("prometheus.enabled=true", "prometheus.alertmanagers[0]=alertmanager.monitoring:9093")
    data = one(render(helm, *options), "ConfigMap", "tradewind-prometheus")["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text.replace("/etc/prometheus", str(tmp_path)))
    done = subprocess.run(
        # Without the check of the token's file, which only a pod has.
        [promtool, "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == len(RULES)
