"""Dashboards: as their sources say, found again by their links, drawn without overlap."""

from __future__ import annotations

import json
import re

import pytest
from tests.charts.dashboards import SOURCES, dashboards, document
from tests.charts.queries import DASHBOARDS, known, panels, queries

OURS = ("tradewind_", "bot:tradewind_")


def test_dashboards_are_as_their_sources_say():
    """`make generate` was run, and there is no document without a source."""
    assert dashboards() == {path: path.read_text() for path in DASHBOARDS}
    assert len(DASHBOARDS) == len(list(SOURCES.glob("*.yaml"))) == 6


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_found_again(path):
    """Links to a dashboard outlive its next version: the uid is fixed. Its source is chosen by whoever looks."""
    board = json.loads(path.read_text())

    assert board["uid"] == f"tradewind-{path.stem}"
    assert "datasource" in [variable["name"] for variable in board["templating"]["list"]]
    for panel in board["panels"]:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_line_is_named_by_labels_that_it_has(path):
    """A legend of a label that the query sums away is an empty name."""
    for panel in panels(path):
        for target in panel["targets"]:
            kept = re.findall(r"by \(([^)]*)\)", target["expr"])
            labels = {label.strip() for one in kept for label in one.split(",")} if kept else {"pod", "namespace"}
            assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= labels, panel["title"]


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


def test_every_metric_is_looked_at():
    """What nobody draws and nothing judges need not be counted."""
    text = "\n".join(queries().values())
    names = {re.sub(r"_(bucket|count|sum|created|total)$", "", name) for name in known() if name.startswith(OURS)}

    assert set() == {name for name in names if not re.search(rf"\b{name}(_total|_bucket|_count)?\b", text)}
    assert len(names) > 50


def test_a_panel_of_an_unknown_kind_is_refused():
    """Only what every Grafana draws."""
    source = {
        "title": "x",
        "about": "x.",
        "bots": False,
        "rows": [{"height": 1, "panels": [{"title": "y", "kind": "map"}]}],
    }
    with pytest.raises(AssertionError, match="y: map; allowed: timeseries, stat, table"):
        document("x", source)
