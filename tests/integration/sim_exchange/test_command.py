"""`tradewind sim-exchange` as people use it: ready when it says so, clients trade on it, mistakes told in a line."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import ccxt
import pytest

from tradewind.cli.venue_data import read_market
from tradewind.domain.errors import ConfigError

SAMPLE = Path(__file__).parents[3] / "services" / "tradewind" / "market_data" / "samples" / "bitvavo-2022"
FILE = SAMPLE / "BTC-EUR-1h.csv.gz"
PROGRAM = "from tradewind.cli.main import main; main()"
COMMAND = (sys.executable, "-c", PROGRAM, "sim-exchange", "--port", "0", "--timeframe", "4h", "--data")


@contextlib.contextmanager
def running(*arguments):
    """The command with the sample's candles, once it is ready; its process and the first line of its stdout."""
    command = [*COMMAND, f"BTC/EUR={FILE}", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def client_of(ready, **changes):
    client = ccxt.binance({"apiKey": ready["apiKey"], "secret": ready["secret"], **changes})
    hosts = client.urls["api"]
    for name in ("public", "private", "sapi", "fapiPublic", "dapiPublic"):
        hosts[name] = ready["url"] + "/" + hosts[name].split("/", 3)[3]
    return client


def ended(process, *signals):
    for one in signals:
        process.send_signal(one)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_ready_means_ready_and_a_signal_ends_it_well(how):
    """One line of JSON; a client trades with what stands in it; Ctrl-C and SIGTERM end it with 0 and no word."""
    with running("--balance", "EUR=5000", "--start", "2022-03-01T00:00:01Z", "-o", "json") as (process, line):
        ready = json.loads(line)
        assert {"url", "websocketUrl", "apiKey", "secret"} == set(ready)
        assert ready["url"].removeprefix("http") == ready["websocketUrl"].removeprefix("ws")
        client = client_of(ready)
        order = client.create_order("BTC/EUR", "market", "buy", 0.1)
        assert ("closed", 0.1) == (order["status"], order["filled"])
        assert 5000 - order["cost"] == pytest.approx(client.fetch_balance()["EUR"]["free"])
        assert (0, "", "") == ended(process, how)


def test_time_goes_at_the_speed(tmp_path):
    """At speed N candles close by themselves; the account survives in its directory with its key and fees."""
    key = ("--api-key", "my-key", "--secret", "my-secret", "--directory", tmp_path / "venue", "-o", "json")
    with running("--speed", "200000", "--maker-fee", "0", "--taker-fee", "0.01", *key) as (process, line):
        ready = json.loads(line)
        client = client_of(ready, enableRateLimit=False)
        assert "my-key" == ready["apiKey"]
        order = client.create_order("BTC/EUR", "market", "buy", 0.01)
        while client.fetch_order(order["id"], "BTC/EUR")["status"] == "open":
            pass
        fee = client.fetch_my_trades("BTC/EUR")[0]["fee"]
        assert ("BTC", 0.0001) == (fee["currency"], fee["cost"])
        first = client.fetch_ohlcv("BTC/EUR", "4h")[-1][0]
        while client.fetch_ohlcv("BTC/EUR", "4h")[-1][0] == first:
            pass
        assert 0 == ended(process, signal.SIGTERM)[0]
    with running(*key) as (process, line):
        client = client_of(json.loads(line))
        assert "closed" == client.fetch_order(order["id"], "BTC/EUR")["status"]
        assert client.fetch_ohlcv("BTC/EUR", "4h")[-1][0] > first
        assert 0 == ended(process, signal.SIGTERM)[0]


def test_text_says_where_each_address_goes():
    """A person reads what to replace by what."""
    with running() as (process, line):
        assert "in place of https://api.binance.com" in line
        address = line.split()[1]
        with urllib.request.urlopen(f"{address}/api/v3/ping") as answer:
            assert b"{}" == answer.read()
        assert ["WebSocket", "API", "secret"] == [process.stdout.readline().split()[0] for _ in range(3)]
        assert (0, "", "") == ended(process, signal.SIGTERM)


def test_a_folder_or_a_sample_is_all_its_pairs(tmp_path):
    """With nothing at hand but a clone there is a venue of two pairs; futures in a folder are left alone."""
    assert {"BTC/EUR", "ETH/EUR"} == set(read_market(["sample:bitvavo-2022"], "1h")[1])
    assert ["ETH/EUR"] == list(read_market(["ETH/EUR=sample:bitvavo-2022"], "4h")[1])
    (tmp_path / "BTC_EUR_EUR-1h-futures.csv").write_text("no candles")
    with pytest.raises(ConfigError, match="it has none"):
        read_market([str(tmp_path)], "1h")
    (tmp_path / "SOL-EUR-1h.csv").write_bytes(gzip.decompress(FILE.read_bytes()))
    instruments, series = read_market([str(tmp_path)], "1h")
    assert (["SOL/EUR"], ["SOL/EUR"]) == (list(instruments), list(series))


def test_what_is_left_out_of_a_file_is_told(tmp_path):
    """A bad row and a gap do not stop the venue, and are not kept from whoever wonders about its prices."""
    rows = gzip.decompress(FILE.read_bytes()).decode().splitlines()[:200]
    del rows[100:103]
    rows[50] = rows[50].replace(rows[50].split(",")[2], "0.5")
    (tmp_path / "sol.csv").write_text("\n".join(rows))
    with running("--data", f"SOL/EUR={tmp_path / 'sol.csv'}", "-o", "json") as (process, line):
        assert "apiKey" in json.loads(line)
        code, _, told = ended(process, signal.SIGTERM)
    assert 0 == code
    assert "sol.csv: 1 rows left out, first row 49" in told
    assert "sol.csv: 2 gaps" in told


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--data", "BTC/EUR=missing.csv"], 3, ["--data", "missing.csv"]),
        (["--data", "BTCEUR=x.csv"], 3, ["--data", "PAIR=FILE"]),
        (["--data", f"BTC/EUR={FILE}", "--data", f"BTC/EUR={FILE}"], 3, ["--data", "once"]),
        (["--data", "sample:bitvavo-2022", "--data", f"BTC/EUR={FILE}"], 3, ["--data", "BTC/EUR is there twice"]),
        (["--data", "sample:bitvavo-1999"], 3, ["--data", "sample:bitvavo-2022"]),
        (["--data", "XRP/EUR=sample:bitvavo-2022"], 3, ["--data", "BTC/EUR, ETH/EUR"]),
        (["--data", "btc.csv"], 3, ["--data", "PAIR=FILE"]),
        (["--data", "sample:bitvavo-2022", "--timeframe", "5m"], 3, ["--data", "set --timeframe to one of 1h"]),
        (["--data", f"BTC/EUR={FILE}", "--timeframe", "4H"], 3, ["--timeframe", "4H"]),
        (["--data", f"BTC/EUR={FILE}", "--timeframe", "1m"], 3, ["--data", "--timeframe"]),
        (["--data", f"BTC/EUR={FILE}", "--balance", "EUR"], 3, ["--balance", "USDT=1000"]),
        (["--data", f"BTC/EUR={FILE}", "--balance", "EUR=-1"], 3, ["--balance"]),
        (["--data", f"BTC/EUR={FILE}", "--speed", "0"], 3, ["--speed", "max"]),
        (["--data", f"BTC/EUR={FILE}", "--speed", "fast"], 3, ["--speed", "max"]),
        (["--data", f"BTC/EUR={FILE}", "--start", "yesterday"], 3, ["--start", "2022-01-01"]),
        (["--data", f"BTC/EUR={FILE}", "--start", "2023-01-01"], 3, ["--start", "2022-12-31T20:00"]),
        (["--data", f"BTC/EUR={FILE}", "--start", "2021-12-31"], 3, ["--start", "2022-01-01T00:00"]),
        (["--data", f"BTC/EUR={FILE}", "--taker-fee", "1"], 3, ["--taker-fee", "0.001"]),
        (["--data", f"BTC/EUR={FILE}", "--api-key", "a b"], 3, ["--api-key"]),
        (["--data", f"BTC/EUR={FILE}", "--host", "256.0.0.1"], 1, ["--host"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_fix(command_line, arguments, code, words):
    """The option, what was received, what is allowed, the fix; nothing on stdout."""
    timeframe = [] if "--timeframe" in arguments else ["--timeframe", "4h"]
    got, out, err = command_line("sim-exchange", *arguments, *timeframe, "--port", "0")
    assert (code, "") == (got, out)
    assert 1 == len(err.splitlines())
    assert all(word in err for word in (*words, "fix:"))


def test_a_port_in_use_is_said_by_name(command_line):
    """Not a traceback."""
    with running("-o", "json") as (process, line):
        port = json.loads(line)["url"].rpartition(":")[2]
        code, _, err = command_line("sim-exchange", "--data", f"BTC/EUR={FILE}", "--timeframe", "4h", "--port", port)
        assert 1 == code
        assert f"--port: received {port} (in use)" in err
        ended(process, signal.SIGTERM)


def test_filters_beside_the_file_are_those_of_the_venue(tmp_path):
    """`instruments.json` beside the candles says what orders must pass."""
    (tmp_path / "btc.csv").write_bytes(gzip.decompress(FILE.read_bytes()))
    (tmp_path / "instruments.json").write_text('{"BTC/EUR": {"priceTick": "0.5", "minimumNotional": "25"}}')
    with running("--data", f"ETH/EUR={tmp_path / 'btc.csv'}", "-o", "json") as (process, line):
        markets = client_of(json.loads(line)).load_markets()
        assert {"BTC/EUR", "ETH/EUR"} == set(markets)
        ended(process, signal.SIGTERM)
    (tmp_path / "instruments.json").write_text('{"ETH/EUR": {"priceTick": "0.5", "minimumNotional": "25"}}')
    with running("--data", f"ETH/EUR={tmp_path / 'btc.csv'}", "-o", "json") as (process, line):
        market = client_of(json.loads(line)).load_markets()["ETH/EUR"]
        assert (0.5, 25.0) == (market["precision"]["price"], market["limits"]["cost"]["min"])
        ended(process, signal.SIGTERM)
