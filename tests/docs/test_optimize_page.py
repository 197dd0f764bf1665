"""The page about searching for parameters: its commands are run as they stand there, in their order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradewind.cli.main import app
from tradewind.research.optimize.loss import LOSSES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "optimize.md").read_text()
FREQTRADE = (ROOT / "docs" / "freqtrade.md").read_text()
BLOCKS = [
    [line.split()[1:] for line in block.splitlines()]
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
]

pytest.importorskip("optuna", reason="the extra optimize is not installed")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the commands of a block in a clone, one after the other; what each printed."""
    (tmp_path / "dip.py").write_text("".join(re.findall(r"^```python\n(.*?)^```", FREQTRADE, re.MULTILINE | re.DOTALL)))
    for folder in ("services", "manifests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)

    def ran(block):
        done = [CliRunner().invoke(app, words) for words in block]
        assert [0] * len(done) == [one.exit_code for one in done], [one.output for one in done]
        return [one.stdout for one in done]

    return ran


def test_a_bot_is_searched(run):
    """And the words for what is best are told."""
    (told,) = run(BLOCKS[0])

    assert "15 finished" in told
    assert re.search(r"^--set spec\.strategies\[0\]\.parameters\.fast=\d+$", told, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS[1:3], ids=["bot", "strategy"])
def test_what_is_exported_trades_as_the_best_trial(run, block):
    """As many trades, in the search's last column and in the backtest."""
    searched, backtested = run(block)

    trades = re.search(r"^ *trades +\d+ +(\d+)", searched, re.MULTILINE)[1]
    assert trades == re.search(r"^ *(?:total_)?trades +(\d+)", backtested, re.MULTILINE)[1]


def test_a_search_goes_on(run):
    """Five trials, and five more."""
    assert [True, True] == [f"{count} finished" in told for count, told in zip((5, 10), run(BLOCKS[3]), strict=True)]


def test_walk_forward_is_told(run):
    """Two folds, and what came of them in all."""
    (told,) = run(BLOCKS[4])

    report = json.loads(told)["walkForward"]
    assert [1, 2] == [fold["fold"] for fold in report["folds"]]
    assert report["outOfSample"]["trades"] > 0


def test_the_page_names_every_loss():
    """By the names of the option."""
    assert [] == [name for name in LOSSES if f"`{name}`" not in PAGE]
