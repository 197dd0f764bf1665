"""The page about backtests: its commands are run as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradewind.cli.main import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backtest.md").read_text()
LINES = [
    line.split()[1:]
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = [words for words in LINES if words[0] == "backtest"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command of the page in a clone."""
    (tmp_path / "manifests").symlink_to(ROOT / "manifests")
    monkeypatch.chdir(tmp_path)
    return lambda words: CliRunner().invoke(app, words)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_page_trades(run, words):
    """And says so, without a word on stderr."""
    done = run(words)

    assert 0 == done.exit_code, done.output
    assert "" == done.stderr
    trades = (
        len(json.loads(done.stdout)["trades"]) if "json" in words else int(re.search(r"trades +(\d+)", done.stdout)[1])
    )
    assert trades > 5


def test_what_came_of_it_is_drawn_again_and_compared(run, tmp_path):
    """With the files that the page has written by then."""
    for words in LINES:
        if words[0] == "backtest" and "--export" in words:
            run(words)
    shuffled, replaced, compared = (run(words) for words in LINES if words[0] != "backtest")

    assert "10,000 samples of the order of trades" in shuffled.stdout
    assert "10,000 samples of trades with replacement · seed 7" in replaced.stdout
    assert re.search(r"tighter: \d+ trades as in trades, [1-9]", compared.stdout)
    assert "<h1>Comparison</h1>" in (tmp_path / "compared.html").read_text()


def test_trades_and_report_are_where_the_page_says(run, tmp_path):
    """One line for each trade, and a page with its charts."""
    words = next(words for words in COMMANDS if "--report" in words)
    done = run(words)

    lines = (tmp_path / "trades.csv").read_text().splitlines()
    assert f"trades                   {len(lines) - 1}" in done.stdout
    assert "<svg" in (tmp_path / "report.html").read_text()
