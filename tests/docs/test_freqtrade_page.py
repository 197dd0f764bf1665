"""The page for people who come from freqtrade: its strategy and its commands are run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tradewind.cli.main import app
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.v1alpha1 import Strategy
from tradewind.domain.callbacks import Callback
from tradewind.plan import check
from tradewind.strategies.freqtrade.held_trade import HeldTrade
from tradewind.strategies.freqtrade.interface import CALLBACKS
from tradewind.strategies.freqtrade.loading import METHODS_REFUSED
from tradewind.strategies.freqtrade.native import NOT_ASKED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "freqtrade.md").read_text()
STRATEGY = "".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
LINES = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
COMMANDS = [line.split()[1:] for line in LINES if line.startswith(".venv/bin/tradewind ")]
CONFIGURATION = "".join(re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
FIRST, SECOND, MOVED, CASE, COMPILED, DETAILED = (words for words in COMMANDS if words[0] == "backtest")
(RUN,) = (words for words in COMMANDS if words[0] == "run")
(MOVE,) = (words for words in COMMANDS if words[0] == "import")
(VALIDATE,) = (words for words in COMMANDS if words[0] == "config")
(LOOKAHEAD,) = (words for words in COMMANDS if words[0] == "lookahead-analysis")
(RECURSIVE,) = (words for words in COMMANDS if words[0] == "recursive-analysis")

ALIASES = {"open_date", "entry_tag", "buy_tag", "stoploss_or_liquidation"}
"""Second names of what the page names."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command of the page in a clone: the strategy stands where the page has it, paths are the clone's."""
    (tmp_path / "dip.py").write_text(STRATEGY)
    (tmp_path / "config.json").write_text(CONFIGURATION)
    for folder in ("services", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    return lambda words: CliRunner().invoke(app, words)


def test_the_first_backtest_trades(run):
    """As a table that people read."""
    done = run(FIRST)

    assert 0 == done.exit_code, done.output
    assert re.search(r"total_trades +[1-9]", done.output)


def test_a_backtest_of_one_pair_writes_its_trades(run, tmp_path):
    """One JSON object on stdout, and as many lines of CSV as it has trades."""
    done = run(SECOND)

    assert 0 == done.exit_code, done.output
    found = json.loads(done.stdout)
    assert ["BTC/EUR"] == list(found["trades_per_pair"])
    assert found["total_trades"] + 1 == len((tmp_path / "trades.csv").read_text().splitlines())


@pytest.mark.parametrize("words", [CASE, COMPILED])
def test_the_case_is_as_expected(run, words):
    """And says so, by either engine."""
    done = run(words)

    assert 0 == done.exit_code, done.output
    assert "as expected: 59 trades" in done.stderr


def test_a_backtest_looks_inside_candles(run, tmp_path):
    """With the candles that the page puts there; without details the same strategy leaves at other times."""
    block = next(
        block for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "mkdir" in block
    )
    prepared = "".join(line for line in block.splitlines(keepends=True) if not line.startswith(".venv"))
    subprocess.run(["sh", "-e", "-c", prepared], check=True, cwd=tmp_path)
    inside, whole = run([*DETAILED, "--export", "inside.csv"]), run([*DETAILED[:-2], "--export", "whole.csv"])

    assert [0, 0] == [inside.exit_code, whole.exit_code], inside.output
    assert re.search(r"total_trades +[1-9]", inside.output)
    assert (tmp_path / "inside.csv").read_text() != (tmp_path / "whole.csv").read_text()


def test_its_configuration_becomes_a_bot_that_is_valid_and_trades(run, tmp_path, monkeypatch):
    """With what a manifest cannot say in its head, and nothing secret; on paper it makes the trades of its backtest."""
    monkeypatch.setenv("TRADEWIND_STATE_DIRECTORY", str(tmp_path / "state"))
    done, valid, traded = run(MOVE), run(VALIDATE), run(MOVED)
    played, short = run([*RUN, "-o", "json"]), run(["backtest", *RUN[1:], "-o", "json"])

    everything = (done, valid, traded, played, short)
    assert [0] * 5 == [each.exit_code for each in everything], [each.output for each in everything]
    assert json.loads(short.stdout)["trades"] == json.loads(played.stdout)["trades"] != []
    assert re.search(r"dip_rested +[1-9]", traded.stdout), traded.stdout
    named = yaml.safe_load("strategies:" + PAGE.partition("```yaml\nstrategies:")[2].partition("```")[0])
    bot = load_bot(tmp_path / "bot.yaml")
    bot = bot.model_copy(update={"spec": bot.spec.model_copy(update={"strategies": named_strategies(named)})})
    check(bot)
    assert bot.spec.strategies[0].parameters == load_bot(tmp_path / "bot.yaml").spec.strategies[0].parameters | {
        "timeLimit": 30,
        "callbackTimeLimit": 5,
    }
    assert "note: unfilledtimeout: market orders do not wait" in done.stderr
    assert "secret: exchange.key, exchange.secret: not in the manifest" in done.stderr
    assert "key:" not in (tmp_path / "bot.yaml").read_text()
    assert re.search(r"trades +[1-9]", traded.stdout)


def named_strategies(document):
    return tuple(Strategy.model_validate(one) for one in document["strategies"])


def test_its_strategy_looks_at_the_past_alone(run):
    """On both pairs."""
    done = run(LOOKAHEAD)

    assert 0 == done.exit_code, done.output
    assert 2 == done.stdout.count("looks at the past alone")


def test_its_index_needs_more_than_thirty_candles(run):
    """And two hundred do."""
    done = run(RECURSIVE)

    assert 0 == done.exit_code, done.output
    assert re.search(r"rsi +[+-][0-9.]+% +[+-][0-9.e-]+% +200", done.stdout)


def test_the_page_names_what_loads_and_what_is_refused():
    """Every callback, and every method that is refused but those of version 2 and of FreqAI, which it names as such."""
    assert [] == [name for name in CALLBACKS if f"`{name}`" not in PAGE]
    others = ("buy", "sell", "feature", "freqai")
    assert [] == [
        name for name in METHODS_REFUSED if f"`{name}`" not in PAGE and not any(part in name for part in others)
    ]


def test_the_page_names_what_a_bot_asks_and_what_a_trade_has():
    """One row for each callback: of those that are asked, and of those that are refused."""
    asked, _, refused = PAGE.partition("| callback | when it is asked")[2].partition("What a bot refuses when it loads")
    assert [] == [name for name in Callback if f"| `{name}` |" not in asked]
    assert [] == [name for name in NOT_ASKED if f"`{name}`" not in refused]
    shown = [
        name for name, value in vars(HeldTrade).items() if not name.startswith("_") and isinstance(value, property)
    ]
    assert [] == [name for name in shown if f"`{name}`" not in asked and name not in ALIASES]
