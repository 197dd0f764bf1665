"""Every query of the chart, where it stands, and what it asks for: the metrics and labels that stand in its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.charts.values import CHART

from tradewind.kernel.telemetry.metrics import Metrics
from tradewind_operator.metrics import OperatorMetrics

RULES = sorted((CHART / "rules").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
OF_TARGETS = {"namespace", "pod", "container", "job", "instance", "le"}
"""Labels that every sample has because of where it was read, and the bounds of histograms."""
WORDS = {"and", "or", "unless", "bool", "offset", "time", "e9", "inf"}
_CLAUSE = r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)"


def rules() -> list[dict[str, Any]]:
    """Every rule, recording ones included."""
    return [rule for path in RULES for rule in rules_of(path)]


def rules_of(path: Path) -> list[dict[str, Any]]:
    """The rules of one file."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for rule in rules() if "alert" in rule]


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard."""
    found: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return found


def queries() -> dict[str, str]:
    """Where each query stands -> what Prometheus gets of it."""
    found = {}
    for path in RULES:
        for number, rule in enumerate(rules_of(path)):
            found[f"{path.name}: {number} {rule.get('alert', rule.get('record'))}"] = rule["expr"]
    return found | dict(drawn(DASHBOARDS))


def drawn(dashboards: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Where each query of these dashboards stands, and what Prometheus gets of it."""
    for path in dashboards:
        for panel in panels(path):
            for number, target in enumerate(panel["targets"]):
                query = target["expr"].replace("$__rate_interval", "1m").replace("$bot", ".*")
                yield f"{path.name}: {panel['title']} {number}", query


def known() -> dict[str, set[str]]:
    """Name of each sample that the code can show, or a rule records -> its labels."""
    found: dict[str, set[str]] = {"up": set()}
    for registry in (Metrics().registry, OperatorMetrics().registry):
        for name, collector in registry._names_to_collectors.items():
            found[name] = set(getattr(collector, "_labelnames", ()))
        # What is read from the operating system has no name before it is read.
        found |= {sample.name: set(sample.labels) for metric in registry.collect() for sample in metric.samples}
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = {"bot", *rule.get("labels", ())}
    return found


def asked(query: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query names."""
    labels: set[str] = set()
    for clause in re.findall(_CLAUSE, query):
        labels |= {label.strip() for label in clause.split(",")}
    for matchers in re.findall(r"\{([^}]*)\}", query):
        labels |= set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers))
    bare = re.sub(_CLAUSE + r"|\{[^}]*\}|\[[^]]*\]", " ", query)
    names = {name for name in re.findall(r"(?<![\w:.])([a-z_][\w:]*)\b(?!\s*\()", bare) if name not in WORDS}
    return names, labels - {""}
