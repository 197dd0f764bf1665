"""`tradewind backtest BOT` as a person meets it: refusals, files, and what Ctrl-C leaves."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from tradewind.cli import native_backtest
from tradewind.cli.main import app, exit_code

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
QUICKSTART = str(SAMPLES / "quickstart.yaml")
MONTH = ("--timerange", "20220101-20220201")


def run(*words):
    return CliRunner().invoke(app, ["backtest", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((QUICKSTART, "--strategy", "dip.py"), "parameters.file: received dip.py"),
        ((QUICKSTART, "--data", "candles"), "--data: received candles"),
        ((QUICKSTART, "--check"), "--check: received True"),
        ((QUICKSTART, "--detail-timeframe", "5m"), "--detail-timeframe: received 5m, with BOT"),
        (("--report", "r.html", "--strategy", "dip.py"), "--report: received r.html"),
        (("--case", "cases/S1", "--fee", "0.1"), "--fee: received 0.1; allowed: only with --strategy"),
        (("--case", "cases/S1", "--timerange", "20220101-"), "--timerange: received 20220101-"),
        (("--set", "spec.a=1"), "--set"),
        ((), "tradewind backtest: received nothing to run"),
        ((QUICKSTART, "--timerange", "soon"), "timerange: received soon"),
        ((QUICKSTART, "--timerange", "20300101-"), "spec.data.span"),
        ((QUICKSTART, "--fee", "2"), "spec.exchanges[0].fees.maker: received 2"),
        ((QUICKSTART, "--export", "trades.txt"), "--export: received trades.txt"),
        ((QUICKSTART, *MONTH, "--export", "/nowhere/trades.csv"), "--export: received No such file"),
        ((QUICKSTART, *MONTH, "--report", "/proc/nowhere/report.html"), "--report: received No such file"),
        ((QUICKSTART, "--set", "spec.suspended=true"), "spec.suspended: received true"),
    ],
)
def test_bad_input_is_one_clear_error(words, told):
    """By field, value, what is allowed and the fix."""
    done = run(*words)

    assert 3 == exit_code(done.exception)
    assert told in str(done.exception)
    assert "; fix: " in str(done.exception)


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "parquet"])
def test_trades_go_to_a_file_to_the_last_digit(tmp_path, ending):
    """Money as text, since no number of a file would hold it."""
    target = tmp_path / f"trades.{ending}"
    trades = json.loads(run(QUICKSTART, *MONTH, "--export", target, "-o", "json").stdout)["trades"]
    if ending == "csv":
        with target.open(newline="") as file:
            found = [{**row, "profitRatio": float(row["profitRatio"])} for row in csv.DictReader(file)]
    elif ending == "json":
        found = json.loads(target.read_text())
    elif ending == "jsonl":
        found = [json.loads(line) for line in target.read_text().splitlines()]
    else:
        found = parquet.read_table(target).to_pylist()

    assert len(trades) > 10
    assert trades == found


def test_it_loads_nothing_that_it_does_not_need():
    """No database, web framework, exchange client or table library: it starts at once."""
    program = (
        "import sys; from tradewind.cli.main import app; "
        f"app(['backtest', {QUICKSTART!r}, '--timerange', '20220101-20220110'], standalone_mode=False); "
        "print([m for m in ('sqlalchemy','fastapi','ccxt','pandas','pyarrow','opentelemetry','prometheus_client',"
        "'aiohttp','kubernetes') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert "[]" == done.stderr.strip()


def test_ctrl_c_keeps_what_is_finished_and_says_so(monkeypatch, tmp_path):
    """The trades up to there, on stdout and in the file; 130."""
    reach = native_backtest.Progress.reach

    def press(progress, done):
        reach(progress, done)
        if done > 500:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(native_backtest.Progress, "reach", press)
    before = signal.getsignal(signal.SIGINT)  # ignored, where the tests themselves are in the background
    done = run(QUICKSTART, "--timerange", "20220101-20220401", "--export", tmp_path / "trades.json", "-o", "json")
    told = json.loads(done.stdout)

    assert 130 == done.exit_code
    assert "interrupted: this is what was finished before 2022-01-2" in done.stderr
    assert told["trades"] == json.loads((tmp_path / "trades.json").read_text())
    assert 500 < told["candles"] < 1500
    assert told["end"].startswith("2022-01-2")
    assert signal.getsignal(signal.SIGINT) is before
