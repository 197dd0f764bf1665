"""Alert rules and dashboards: every query is PromQL, asks for metrics that the code has, and every alert can fire."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.charts.rendering import one, render
from tests.charts.values import CHART

from tradewind.kernel.telemetry.metrics import Metrics
from tradewind_operator.metrics import OperatorMetrics

HERE = Path(__file__).parent
RULES = sorted((CHART / "rules").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
OF_TARGETS = {"namespace", "pod", "container", "job", "instance", "le"}
"""Labels that every sample has because of where it was read, and the bounds of histograms."""
WORDS = {"and", "or", "unless", "bool", "offset", "time", "e9", "inf"}


def alerts():
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def panels(path):
    return json.loads(path.read_text())["panels"]


def queries():
    """Where each query stands, and what Prometheus gets of it."""
    found = {f"{path.name}: {rule['alert']}": rule["expr"] for path in RULES for rule in alerts_of(path)}
    for path in DASHBOARDS:
        for panel in panels(path):
            for number, target in enumerate(panel["targets"]):
                asked = target["expr"].replace("$__rate_interval", "1m").replace("$bot", ".*")
                found[f"{path.name}: {panel['title']} {number}"] = asked
    return found


def alerts_of(path):
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def known():
    """Name of each sample that the code can show -> its labels."""
    found = {"up": set()}
    for registry in (Metrics().registry, OperatorMetrics().registry):
        for name, collector in registry._names_to_collectors.items():
            found[name] = set(getattr(collector, "_labelnames", ()))
        # What is read from the operating system has no name before it is read.
        found |= {sample.name: set(sample.labels) for metric in registry.collect() for sample in metric.samples}
    return found


def asked(query):
    """The metrics and the labels that a query names."""
    labels = set()
    for clause in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", query):
        labels |= {label.strip() for label in clause.split(",")}
    for matchers in re.findall(r"\{([^}]*)\}", query):
        labels |= set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers))
    bare = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", query)
    names = {name for name in re.findall(r"\b([a-z_]\w*)\b(?!\s*\()", bare) if name not in WORDS}
    return names, labels


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
    assert len(rules) > 30


@pytest.mark.parametrize(("where", "query"), queries().items(), ids=list(queries()))
def test_every_query_asks_for_what_there_is(where, query):
    """Each metric is in the code's tables, and each label is one of its own or of where it was read."""
    names, labels = asked(query)

    assert names
    assert set() == names - known().keys(), where
    assert set() == labels - OF_TARGETS - set().union(*(known()[name] for name in names)), where


def test_a_metric_that_does_not_exist_would_be_seen():
    """The test above can fail: names and labels are taken out of a query as they stand in it."""
    query = 'sum by (bot) (rate(no_such_total{verdict="Refused", where=~"$bot"}[5m])) / on (pod) other > 1e9'

    assert ({"no_such_total", "other"}, {"bot", "verdict", "where", "pod"}) == asked(query)


def test_every_alert_fires_for_what_it_is_about_and_for_nothing_else(promtool):
    """Promtool plays the series of `rules_test.yaml`; there is no alert that is not played there."""
    played = yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in played for case in test["alert_rule_test"] if case["exp_alerts"]}
    done = subprocess.run(
        [promtool, "test", "rules", HERE / "rules_test.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {rule["alert"] for rule in alerts()} == fired


def test_an_alert_says_how_bad_it_is_and_what_it_is_about():
    """Whoever is woken reads a sentence with the name of the bot or pod, and routes by severity."""
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() >= {"summary", "description"}
        assert rule["for"]


def test_thresholds_are_those_of_the_health_score():
    """Where the bot calls itself degraded or critical, the alerts do."""
    expressions = {rule["alert"]: rule["expr"] for rule in alerts()}

    assert expressions["TradewindHealthCritical"].endswith("< 60")
    assert expressions["TradewindHealthLow"].endswith("< 80 >= 60")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_found_again(path):
    """Links to a dashboard outlive its next version: the uid is fixed. Its source is chosen by whoever looks."""
    board = json.loads(path.read_text())

    assert board["uid"] == f"tradewind-{path.stem}"
    assert "datasource" in [variable["name"] for variable in board["templating"]["list"]]
    for panel in board["panels"]:
        assert panel["description"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


def test_no_two_panels_lie_upon_each_other():
    """Every place of the grid is taken once."""
    for path in DASHBOARDS:
        taken = set()
        for panel in panels(path):
            place = panel["gridPos"]
            cells = {
                (column, row)
                for column in range(place["x"], place["x"] + place["w"])
                for row in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & cells, panel["title"]
            assert place["x"] + place["w"] <= 24
            taken |= cells


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
