"""`tradewind lookahead-analysis` and `recursive-analysis` as a person meets them; they refuse what a backtest does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradewind.cli.main import app, exit_code

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "manifests" / "samples" / "quickstart.yaml"
CANDLES = ROOT / "services" / "tradewind" / "market_data" / "samples" / "bitvavo-2022"
WEEKS = ("--timerange", "20220101-20220115", "--pair", "BTC/EUR")
STRATEGY = """
import numpy as np
import talib.abstract as ta
from freqtrade.strategy import IStrategy


class Mine(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    startup_candle_count = 20

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 40, "enter_long"] = 1
        return dataframe
"""
PEEK = STRATEGY.replace("ta.RSI(dataframe, timeperiod=14)", "ta.RSI(dataframe, timeperiod=14).shift(-1)")


@pytest.fixture
def run(tmp_path):
    """A command with a strategy file of its own."""

    def ran(command, *words, text=STRATEGY):
        (tmp_path / "mine.py").write_text(text)
        given = ["--strategy", tmp_path / "mine.py", "--data", CANDLES]
        return CliRunner().invoke(app, [command, *map(str, [*given, *words])])

    return ran


def test_an_honest_strategy_is_passed(run):
    """With 0, in words and as a document."""
    told = run("lookahead-analysis", *WEEKS, "--moments", 5)
    document = run("lookahead-analysis", *WEEKS, "--moments", 5, "-o", "json")

    assert (0, 0) == (told.exit_code, document.exit_code), told.output
    assert "looks at the past alone" in told.stdout
    found = json.loads(document.stdout)
    assert found["clean"] is True
    assert ("BTC/EUR", []) == (found["pairs"][0]["pair"], found["pairs"][0]["biases"])


def test_a_strategy_that_peeks_is_named_with_its_first_candles(run):
    """With 1: the signal first, because money follows it."""
    told = run("lookahead-analysis", *WEEKS, "--moments", 5, text=PEEK)
    document = run("lookahead-analysis", *WEEKS, "--moments", 5, "-o", "json", text=PEEK)

    assert (1, 1) == (told.exit_code, document.exit_code), told.output
    assert "looks ahead: enter_long, rsi" in told.stdout
    found = json.loads(document.stdout)
    signal, indicator = found["pairs"][0]["biases"]
    assert ("enter_long", "signal", "rsi", "indicator") == (
        signal["column"],
        signal["kind"],
        indicator["column"],
        indicator["kind"],
    )
    assert 1 == indicator["candlesAhead"]
    assert indicator["first"][0]["candle"].startswith("2022-01-0")
    assert indicator["first"][0]["value"] is None


def test_a_bot_looks_at_the_past_alone():
    """As its strategies are tested to, on each of its pairs."""
    words = ["lookahead-analysis", str(QUICKSTART), "--timerange", "20220101-20220201", "--moments", "5", "-o", "json"]
    done = CliRunner().invoke(app, words)

    assert 0 == done.exit_code, done.output
    found = json.loads(done.stdout)
    assert ["BTC/EUR", "ETH/EUR"] == [one["pair"] for one in found["pairs"]]
    assert "breakout 1h side" in found["pairs"][0]["columns"]


def test_the_warm_up_that_a_strategy_needs_is_told(run):
    """By column and length, and its own marked."""
    told = run("recursive-analysis", *WEEKS, "--startup", 20, "--startup", 200)
    document = json.loads(run("recursive-analysis", *WEEKS, "--startup", 20, "--startup", 200, "-o", "json").stdout)

    assert 0 == told.exit_code, told.output
    assert "20 (own)" in told.stdout
    assert "BTC/EUR: the warm-up matters by more than 0.01 % to rsi" in told.stdout
    (pair,) = document["pairs"]
    assert ([20, 200], 20, ["rsi"]) == (pair["lengths"], pair["warmUp"], pair["depends"])
    rsi = next(one for one in pair["columns"] if one["column"] == "rsi")
    assert (0.0, 200) == (rsi["differences"][1], rsi["steadyFrom"])


def test_a_bot_has_a_warm_up_too():
    """What its stances owe to where it began."""
    words = ["recursive-analysis", str(QUICKSTART), "--timerange", "20220101-20220201", "--startup", "5"]
    done = CliRunner().invoke(app, [*words, "--startup", "300"])

    assert 0 == done.exit_code, done.output
    assert "to trend 1h side, breakout 1h side" in done.stdout


BAD = {
    "import": (STRATEGY.replace("talib.abstract", "no_such_library"), (), "strategy: received mine.py: No module"),
    "syntax": ("class Mine(\n", (), "strategy: received mine.py: SyntaxError"),
    "exits": ("raise SystemExit(0)\n", (), "strategy: received mine.py: SystemExit: 0"),
    "raises": (STRATEGY.replace("timeperiod=14", "timeperiod=1/0"), (), "Mine.populate_indicators: received ZeroDiv"),
    "length": (
        STRATEGY.replace("return dataframe", "return dataframe.iloc[5:]", 1),
        (),
        "Mine.populate_indicators: received",
    ),
    "no numbers": (
        STRATEGY.replace("ta.RSI(dataframe, timeperiod=14)", "np.nan"),
        (),
        "Mine.populate_indicators: received nothing but not-a-number in rsi",
    ),
    "timerange": (STRATEGY, ("--timerange", "20300101-20300201"), "timerange: received 2030-01-01 00:00 to 2030-02-01"),
    "pair": (STRATEGY, ("--pair", "SOL/EUR"), "data: received no candles of SOL/EUR 1h"),
    "no candles": (STRATEGY, ("--data", "/proc"), "--data: received no candles in /proc"),
    "no file": (STRATEGY, ("--strategy", "gone.py"), "strategy: received gone.py"),
}


@pytest.mark.parametrize("command", ["backtest", "lookahead-analysis", "recursive-analysis"])
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_error(run, command, name):
    """The same of each command: field, value, what is allowed and the fix, on one line."""
    text, words, told = BAD[name]
    done = run(command, "--timerange", "20220101-20220115", *words, text=text)

    assert 3 == exit_code(done.exception), done.output
    assert str(done.exception).startswith(told)
    assert "; fix: " in str(done.exception)
    assert 1 == len(str(done.exception).splitlines())


@pytest.mark.parametrize("command", ["lookahead-analysis", "recursive-analysis"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "nothing to ask"),
        (("--set", "spec.a=1"), "--set: received"),
        ((QUICKSTART, "--pair", "BTC/EUR"), "--pair: received"),
        ((QUICKSTART, "--set", "spec.mode=Live"), "spec.mode"),
    ],
)
def test_a_bot_and_a_strategy_are_not_mixed(command, words, told):
    done = CliRunner().invoke(app, [command, *map(str, words)])

    assert 3 == exit_code(done.exception)
    assert told in str(done.exception)
