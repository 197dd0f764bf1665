"""The page about candles in files: its commands are run in one shell, in order, as they stand there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from tests.cluster.processes import own_ports

from tradewind.domain.series import CandleSeries
from tradewind.market_data.adapters.files import read_candles
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.research.candles.forms import FORMS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
READY = "for _ in $(seq 300); do curl -sf -o /dev/null 127.0.0.1:PORT/api/v3/ping && break; sleep 0.2; done"


def written(series: CandleSeries) -> str:
    return "".join(",".join(map(repr, candle)) + "\n" for candle in series.candles())


def test_the_commands_of_the_page_do_what_it_says(tmp_path):
    """Each ends with 0; what they write is read again. A reader waits for the venue, and so does the test."""
    (port,) = map(str, own_ports(1))
    for name in (".venv", "manifests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "user_data" / "data" / "binance").mkdir(parents=True)
    series = synthetic_series("XRP/EUR", "1h", seed=1, candles=50, start_price=1.0, volatility=0.01)
    (tmp_path / "export.csv").write_text(written(series))
    rows = [[candle.open_time, *candle[1:]] for candle in series.candles()]
    (tmp_path / "user_data" / "data" / "binance" / "ADA_EUR-1h.json").write_text(json.dumps(rows))
    lines = "".join(BLOCKS).replace("8011", port).splitlines()
    assert 11 == len(lines)
    script = "\n".join([line + ("\n" + READY.replace("PORT", port) if line.endswith("&") else "") for line in lines])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    with subprocess.Popen(
        ["bash", "--norc", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**environment, "TERM": "dumb"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            out, err = shell.communicate(timeout=300)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
    assert (0, "") == (shell.returncode, err), out
    assert "BTC-EUR-1h.csv: 1416 candles, nothing wrong" in out
    assert re.search(r"trades +[1-9]", out)
    for pair, name in (("XRP/EUR", "XRP-EUR-1h.csv"), ("ADA/EUR", "ADA-EUR-1h.csv")):
        read = read_candles(tmp_path / "imported" / name, pair, "1h").series
        assert read.candles() == series.candles()
    downloaded = read_candles(tmp_path / "candles" / "BTC-EUR-1h.csv", "BTC/EUR", "1h").series.candles()
    for other in ("parquet/BTC-EUR-1h.parquet", "for-freqtrade/BTC_EUR-1h.feather"):
        assert downloaded == read_candles(tmp_path / other, "BTC/EUR", "1h").series.candles()


def test_the_page_names_every_form():
    """And no other."""
    told = PAGE.partition("The forms are ")[2].partition(", named as")[0]
    assert sorted(FORMS) == sorted(re.findall(r"`([a-z.-]+)`", told))
