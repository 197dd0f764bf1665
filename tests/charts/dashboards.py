"""The dashboards of the chart, made of the short files beside them: Grafana's documents say everything ten times.

A file has `title`, `about`, `bots` (whether a bot can be chosen) and `rows`, each with its `height` and its panels from
left to right, which share its width. A panel has `title`, `about` and `ask`: query -> legend; `kind` (`timeseries`,
`stat`: the last value, `table`: one line a series), `unit` as Grafana names them, and `exemplars` where points lead to
traces. The kinds are the plain ones that every Grafana draws.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from tests.charts.values import CHART

SOURCES = CHART / "dashboards"
WIDTH = 24
KINDS = ("timeseries", "stat", "table")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
BOTS = "label_values(tradewind_service_up, bot)"


def dashboards() -> dict[Path, str]:
    """Grafana's document of each source, by path."""
    return {path.with_suffix(".json"): _text(path) for path in sorted(SOURCES.glob("*.yaml"))}


def _text(path: Path) -> str:
    return json.dumps(document(path.stem, yaml.safe_load(path.read_text())), indent=1) + "\n"


def document(name: str, source: dict[str, Any]) -> dict[str, Any]:
    """The dashboard `name`; its uid is fixed, because links to it outlive its next version."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in source["rows"]:
        width = WIDTH // len(row["panels"])
        for column, panel in enumerate(row["panels"]):
            place = {"x": column * width, "y": top, "w": width, "h": row["height"]}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(panel)})
        top += row["height"]
    return {
        "uid": f"tradewind-{name}",
        "title": f"Tradewind / {source['title']}",
        "description": source["about"],
        "tags": ["tradewind", name],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": _variables(bots=source["bots"])},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel(panel: dict[str, Any]) -> dict[str, Any]:
    kind = panel.get("kind", "timeseries")
    assert kind in KINDS, f"{panel['title']}: {kind}; allowed: {', '.join(KINDS)}"
    last = {"reduceOptions": {"calcs": ["lastNotNull"]}}
    options = {
        "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "stat": {**last, "colorMode": "value", "textMode": "auto"},
        "table": {"showHeader": True},
    }
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": query,
            **({"legendFormat": legend} if legend else {}),
            **({"exemplar": True} if panel.get("exemplars") else {}),
            **({"instant": True, "range": False, "format": "table"} if kind == "table" else {}),
        }
        for number, (query, legend) in enumerate(panel["ask"].items())
    ]
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel["about"],
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.get("unit", "short")}, "overrides": []},
        "options": options[kind],
    }


def _variables(*, bots: bool) -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}}
    bot = {
        "name": "bot",
        "label": "Bot",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": BOTS, "refId": "A"},
        "definition": BOTS,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }
    return [source, bot] if bots else [source]
