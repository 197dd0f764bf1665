"""`tradewind optimize` as a person meets it: refusals, files, what Ctrl-C leaves and how it goes on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradewind.cli.main import app, exit_code

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "manifests" / "samples" / "quickstart.yaml"
CANDLES = ROOT / "services" / "tradewind" / "market_data" / "samples" / "bitvavo-2022"
FAST = "spec.strategies[0].parameters.fast=5..20"
BOT = (QUICKSTART, "--timerange", "20220101-20220201", "--vary", FAST)
STRATEGY = """
import talib.abstract as ta
from freqtrade.strategy import IntParameter, IStrategy


class Mine(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    buy_rsi = IntParameter(20, 45, default=30, space="buy")

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < self.buy_rsi.value, "enter_long"] = 1
        return dataframe
"""

pytest.importorskip("optuna", reason="the extra optimize is not installed")


def run(*words):
    return CliRunner().invoke(app, ["optimize", *map(str, words)])


@pytest.fixture
def strategy(tmp_path):
    """The words for a strategy on one pair."""
    (tmp_path / "mine.py").write_text(STRATEGY)
    words = ("--strategy", tmp_path / "mine.py", "--data", CANDLES, "--pair", "BTC/EUR")
    return (*words, "--timerange", "20220101-20220301")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "tradewind optimize: received nothing to search"),
        ((QUICKSTART,), "--vary: received nothing to vary"),
        ((*BOT, "--spaces", "buy"), "--spaces: received buy; allowed: only with --strategy"),
        (("--strategy", "a.py", "--data", ".", "--vary", FAST), "--vary: received ['spec.strategies[0]"),
        ((*BOT, "--loss", "luck"), "--loss: received luck; allowed: profit, profit-drawdown"),
        ((*BOT, "--walk-forward", "300d:30d"), "--walk-forward: received 300d:30d"),
        ((*BOT, "--export", "best.json"), "--export: received best.json; allowed: a file that ends in .yaml or .yml"),
        ((*BOT, "--export", "/nowhere/best.yaml"), "--export: received no folder /nowhere"),
        (
            (*BOT, "--storage", "/nowhere/studies.db"),
            "--storage: received sqlite:////nowhere/studies.db: unable to open",
        ),
        ((*BOT, "--storage", QUICKSTART), "file is not a database"),
        ((*BOT, "--storage", "postgresql://me:secret@127.0.0.1:1/a"), "postgresql+pg8000://me:***@127.0.0.1:1/a: "),
        (
            (*BOT, "--trials", "2", "--min-trades", "900"),
            "--min-trades: received 900, and none of 2 trials made as many",
        ),
        ((*BOT, "--set", "spec.strategies[0].parameters.slow=4"), "spec.strategies[0].parameters.slow: received 4"),
        ((*BOT[:3], "--vary", FAST.replace("5..20", "60..90"), "--trials", "2"), "2 sets of values, all refused"),
        ((*BOT, "--timerange", "20300101-"), "spec.data.span"),
    ],
)
def test_bad_input_is_one_clear_error(words, told):
    """By field, value, what is allowed and the fix; before anything is searched, where that can be known."""
    done = run(*words)

    assert 3 == exit_code(done.exception), done.output
    assert told in str(done.exception)
    assert "; fix: " in str(done.exception)
    assert "secret" not in str(done.exception)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    """In one line."""
    monkeypatch.setitem(sys.modules, "optuna", None)

    assert "fix: pip install 'tradewind[optimize]'" in str(run(*BOT).exception)


def test_the_best_of_a_bot_is_told_and_is_its_backtest(tmp_path):
    """In words with --set, as a document, and as a manifest."""
    target = tmp_path / "best.yaml"
    words = (*BOT, "--vary", "spec.risk.stopLoss=0.02..0.08", "--trials", "12")
    document = json.loads(run(*words, "--export", target, "-o", "json").stdout)
    told = run(*words, "--sampler", "random")

    best = document["best"]
    assert 12 == document["trials"]["finished"]
    assert best["loss"] <= document["asItStands"]["loss"]
    assert best["set"] == [f"{name}={value}" for name, value in best["values"].items()]
    assert 0 == told.exit_code, told.output
    assert "--set spec.risk.stopLoss=0.0" in told.stdout
    for again in ([QUICKSTART, *(word for one in best["set"] for word in ("--set", one))], [target]):
        done = CliRunner().invoke(app, ["backtest", *map(str, again), *BOT[1:3], "-o", "json"])
        found = json.loads(done.stdout)
        assert (best["trades"], best["profit"]) == (len(found["trades"]), float(found["metrics"]["profit"]))
        assert best["sharpe"] == found["metrics"]["sharpe"]


def test_the_best_of_a_strategy_goes_beside_it(strategy, tmp_path):
    """Its backtest is then the best trial; a search on other parameters is refused, the same one goes on."""
    words = (*strategy, "--spaces", "buy,stoploss", "--storage", tmp_path / "studies.db", "-o", "json")
    first = json.loads(run(*words, "--trials", "6").stdout)
    more = run(*words, "--trials", "9", "--export", tmp_path / "mine.json")
    other = run(*words, "--spaces", "buy")

    best = json.loads(more.stdout)["best"]
    assert (6, 9) == (first["trials"]["finished"], json.loads(more.stdout)["trials"]["finished"])
    assert "study Mine, begun with other parameters, spaces; allowed: the same as it" in str(other.exception)
    found = json.loads(CliRunner().invoke(app, ["backtest", *map(str, strategy), "-o", "json"]).stdout)
    assert (best["trades"], best["sharpe"]) == (found["total_trades"], found["sharpe"])
    assert best["profit"] == pytest.approx(found["profit_total_abs"])


def test_walk_forward_is_told_fold_by_fold(strategy):
    """With what came after the search in all."""
    words = (*strategy, "--spaces", "buy", "--trials", "4", "--walk-forward", "20d:10d")
    told, document = run(*words), json.loads(run(*words, "-o", "json").stdout)["walkForward"]

    assert 0 == told.exit_code, told.output
    folds = document["folds"]
    assert ["2022-01-01", "2022-01-21", "2022-01-31"] == [
        folds[0][side][end][:10] for side, end in (("inSample", "start"), ("inSample", "end"), ("outOfSample", "end"))
    ]
    assert document["outOfSample"]["trades"] == sum(fold["outOfSample"]["trades"] for fold in folds)
    assert f"{len(folds)} of {len(folds)} folds" in told.stdout


ENDLESS = (
    *map(str, BOT),
    "--vary",
    "spec.risk.stopLoss=0.0200..0.0900",
    "--trials",
    "100000",
    "--no-prune",
    "-o",
    "json",
)


def test_ctrl_c_leaves_what_is_finished_and_says_how_to_go_on(tmp_path):
    """At a terminal it reaches the workers too. The same command then goes on."""
    place = tmp_path / "studies.db"
    command = [str(Path(sys.executable).with_name("tradewind")), "optimize", *ENDLESS, "--jobs", "2"]
    with subprocess.Popen(
        [*command, "--storage", str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            _wait_for_trials(place, process)
            os.killpg(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    assert 130 == process.returncode, stderr
    finished = json.loads(stdout)["trials"]["finished"]
    assert f"interrupted: {finished} of 100000 trials are finished; they are kept: the same command goes on" in stderr
    assert 1 == len(stderr.splitlines())
    found = run(*ENDLESS, "--trials", finished, "--storage", place)
    assert finished == json.loads(found.stdout)["trials"]["finished"]


def _wait_for_trials(place, process):
    """Until three are kept."""
    while process.poll() is None:
        time.sleep(0.1)
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(place)) as connection:
            if connection.execute("select count(*) from trials").fetchone()[0] >= 3:
                return
