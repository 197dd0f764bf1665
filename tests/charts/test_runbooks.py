"""Runbooks: one for each alert, in one form, with commands and paths that there are."""

from __future__ import annotations

import re

import pytest
import typer
from tests.charts.queries import alerts
from tests.charts.values import ROOT

from tradewind import catalog
from tradewind.cli.kubectl.main import app as kubectl
from tradewind.cli.main import app as tradewind
from tradewind.gateway.routes import ROUTES

RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))


def commands(app):
    """The names of a program's commands."""
    return set(typer.main.get_command(app).commands)


def code(text):
    """Everything that stands as code, without line ends inside of a span."""
    spans = [
        line for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for line in block.splitlines()
    ]
    prose = re.sub(r"^```\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return spans + [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def test_alerts_and_runbooks_are_one_to_one():
    """Whoever is woken finds a page, and no page is about an alert that is no more."""
    pages = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in alerts()}

    assert {path.stem for path in PAGES} - {"README"} == pages.keys()
    for alert, url in pages.items():
        assert url == f"docs/runbooks/{alert}.md"


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_a_runbook_says_what_it_means_how_to_see_and_what_to_do(rule):
    """In this order, with the priority that the alert has; and the list of pages has it."""
    text = (RUNBOOKS / f"{rule['alert']}.md").read_text()
    listed = (RUNBOOKS / "README.md").read_text()

    assert text.startswith(f"# {rule['alert']}\n")
    assert f"**{rule['labels']['priority']}, {rule['labels']['severity']}.**" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["What it means for the money", "See", "Do"]
    assert f"| [{rule['alert']}]({rule['alert']}.md) | {rule['labels']['priority']} |" in listed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_and_paths_of_a_runbook_are_there(path):
    """At three in the morning nobody looks for the command that was meant."""
    reachable = {(route.method, re.sub(r"\{[^}]*\}", "[^/]+", route.path)) for route in ROUTES}
    for span in code(path.read_text()):
        if found := re.match(r"kubectl tradewind ([a-z]+)", span):
            assert found[1] in commands(kubectl), span
        if found := re.match(r"tradewind ([a-z]+)", span):
            assert found[1] in commands(tradewind), span
        if found := re.match(r"kubectl tradewind (?:logs|restart) BOT (?:--service )?([a-z][a-z-]+)", span):
            assert found[1] in catalog.by_name(), span
        if found := re.match(r"ask (/\S+)(?: -X ([A-Z]+))?", span):
            method = found[2] or "GET"
            assert any(method == each and re.fullmatch(pattern, found[1]) for each, pattern in reachable), span


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_of_a_runbook_lead_somewhere(path):
    """To a page that exists."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        assert (RUNBOOKS / target).exists(), target
