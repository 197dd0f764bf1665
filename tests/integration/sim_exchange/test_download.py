"""`tradewind data download` by ccxt from the venue: its closed candles, and what a bot does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys

import pytest
import yaml
from tests.integration.sim_exchange.conftest import FIRST, HOUR, NOW, ruled_series

from tradewind.domain.candle_checks import iso_time
from tradewind.kernel.ccxt_client import ClientSettings, make_client
from tradewind.market_data.adapters.catalogue import SAMPLES
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed
from tradewind.market_data.adapters.files import read_candles
from tradewind.market_data.ports import StreamKey
from tradewind.research.candles.download import Download

PROGRAM = (sys.executable, "-c", "from tradewind.cli.main import main; main()")
ETHER = StreamKey("ETH/USDT", "1h")


@contextlib.asynccontextmanager
async def downloading(venue, waits=None):
    """A download from the venue, with ccxt's own client and limits."""
    feed = CcxtFeed(make_client(ClientSettings("binance", rest_url=venue.url)), closes=False)

    async def sleep(seconds):
        waits.append(seconds)

    try:
        await feed.prepare([ETHER])
        yield Download(feed, lambda _: None, lambda _: None, sleep if waits is not None else asyncio.sleep)
    finally:
        await feed.close()


async def test_candles_are_those_of_the_venue_and_the_open_one_is_none(venue, tmp_path):
    """A call in the middle of a candle, and another one after its end."""
    path, series = tmp_path / "ETH-USDT-1h.csv", ruled_series("ETH/USDT")
    await venue.move(NOW + HOUR // 2)
    async with downloading(venue) as download:
        found = await download.fetch(ETHER, path, FIRST + 10 * HOUR, None)
        assert (38, NOW - HOUR) == (found.fetched, found.last)
        assert series.candles()[10:48] == read_candles(path, "ETH/USDT", "1h").series.candles()

        await venue.move(NOW + 3 * HOUR + HOUR // 2)
        found = await download.fetch(ETHER, path, FIRST - 500 * HOUR, None)
    assert (13, FIRST, NOW + 2 * HOUR) == (found.fetched, found.first, found.last)
    assert series.candles()[:51] == read_candles(path, "ETH/USDT", "1h").series.candles()


async def test_trouble_at_the_venue_is_waited_for(venue, tmp_path):
    """Too many requests, and a server that fails: asked again later, as long as the venue wishes."""
    path, waits = tmp_path / "ETH-USDT-1h.csv", []
    async with downloading(venue, waits) as download:
        await venue.fault("RateLimit")
        await venue.fault("ServerError")
        found = await download.fetch(ETHER, path, FIRST, NOW)
    assert (47, 2) == (found.fetched, len(waits))  # of the last one nothing says yet that it is closed
    assert max(waits) >= 1


@pytest.fixture
def sample_venue():
    """The sample's year up to the evening of 1 April, told by the command itself; its address."""
    words = ("sim-exchange", "--data", "sample:bitvavo-2022", "--timeframe", "1h", "--port", "0")
    start = ("--start", "2022-04-01T20:30:00Z", "-o", "json")
    with subprocess.Popen([*PROGRAM, *words, *start], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def test_a_downloaded_folder_backtests_as_the_sample_does(command_line, sample_venue, tmp_path):
    """A manifest names the folder, and trades as over the candles that the venue has."""
    folder = tmp_path / "candles"
    words = ("data", "download", folder, "--exchange", "binance", "--url", sample_venue, "--timeframe", "1h")
    pairs = ("--pair", "BTC/EUR", "--pair", "ETH/EUR")
    code, out, err = command_line(*words, *pairs, "--since", "2022-02-01", "--until", "2022-03-01", "-o", "json")
    assert (0, "") == (code, err)
    assert [672, 672] == [row["fetched"] for row in json.loads(out)]
    code, out, err = command_line(*words, *pairs, "--since", "2022-01-01")
    assert (0, "") == (code, err)
    assert "2022-04-01 19:00" in out
    assert "" == command_line(*words, *pairs)[2]
    code, out, _ = command_line("data", "check", folder)
    assert (0, 2) == (code, out.count("2180 candles, nothing wrong"))

    sample = yaml.safe_load(QUICKSTART)
    sample["spec"]["data"]["path"] = str(folder)
    bot = tmp_path / "bot.yaml"
    bot.write_text(yaml.safe_dump(sample))
    (folder / "instruments.json").write_bytes((SAMPLES / "bitvavo-2022" / "instruments.json").read_bytes())
    span = ("--timerange", f"20220101-{FIRST_OF_APRIL_19 + HOUR}", "-o", "json")
    results = [
        json.loads(command_line("backtest", bot, *span, *more)[1])
        for more in ((), ("--set", "spec.data.path=sample:bitvavo-2022"))
    ]
    assert len(results[0]["trades"]) > 5
    assert results[0]["trades"] == results[1]["trades"]


def test_ctrl_c_says_that_what_there_is_is_kept(command_line, sample_venue, tmp_path):
    """Exit code 130; the same command goes on, and no file of the work is left."""
    words = ["data", "download", tmp_path, "--exchange", "binance", "--url", sample_venue, "--pair", "BTC/EUR"]
    whole = [*map(str, words), "--timeframe", "1h", "--since", "2022-01-01"]
    assert 0 == command_line(*whole, "--until", "2022-01-10")[0]
    nowhere = ["http://127.0.0.1:1" if word == sample_venue else word for word in whole]
    # A shell starts what is in its background deaf to Ctrl-C, and whatever that starts; these tests may be there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen([*PROGRAM, *nowhere], stderr=subprocess.PIPE, text=True) as stopped:
        signal.signal(signal.SIGINT, before)
        waits = stopped.stderr.readline()
        stopped.send_signal(signal.SIGINT)
        _, rest = stopped.communicate(timeout=30)
    assert "asked again in" in waits
    assert (130, True) == (stopped.returncode, rest.endswith(TOLD))
    code, out, _ = command_line(*whole, "-o", "json")
    assert (0, 2180 - 9 * 24) == (code, json.loads(out)[0]["fetched"])
    assert ["BTC-EUR-1h.csv"] == [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]


TOLD = "interrupted: what was downloaded is kept, and the same command goes on from there\n"
FIRST_OF_APRIL_19 = 1_648_839_600_000
QUICKSTART = (SAMPLES.parents[3] / "manifests" / "samples" / "quickstart.yaml").read_text()
assert "2022-04-01T19:00:00Z" == iso_time(FIRST_OF_APRIL_19)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--exchange", "binanse"], "exchange: received binanse; allowed: one of the "),
        (["--pair", "btc/eur"], "pair: received btc/eur; allowed: capital letters and digits"),
        (["--pair", "XRP/EUR"], "pair: received XRP/EUR; allowed: one of the 2 spot pairs of binance"),
        (["--timeframe", "7m"], "--timeframe: received 7m; allowed: 1m, 3m"),
        (["--since", "yesterday"], "--since: received yesterday; allowed: a date (midnight UTC)"),
        (["--since", "2022-02-01", "--until", "2022-01-01"], "--until: received 2022-01-01; allowed: a time after"),
        (["--since", "2022-02-01", "--days", "2"], "--days: received 2; allowed: --since or --days; fix: remove one"),
        (["--url", "localhost"], "--url: received localhost; allowed: scheme://host[:port]"),
        ([], "--since: received nothing; allowed: a time, where no candles are there; fix: add --since or --days"),
    ],
)
def test_bad_input_is_one_line(command_line, sample_venue, tmp_path, words, told):
    """With exit code 3 and nothing on stdout."""
    defaults = {"--exchange": "binance", "--pair": "BTC/EUR", "--timeframe": "1h", "--url": sample_venue}
    given = {**defaults, **dict(zip(words[::2], words[1::2], strict=True))}
    code, out, err = command_line("data", "download", tmp_path, *(word for pair in given.items() for word in pair))
    assert (3, "") == (code, out)
    assert err.startswith(f"error: {told}")
    assert 1 == len(err.splitlines())


def test_what_is_there_in_another_form_or_making_is_refused(command_line, tmp_path):
    """A bot could not tell which file is meant; a file with other columns is not touched."""
    words = ("--exchange", "binance", "--pair", "BTC/EUR", "--timeframe", "1h", "--days", "1")
    other = tmp_path / "BTC-EUR-1h.csv.gz"
    other.write_bytes(b"")
    code, _, err = command_line("data", "download", tmp_path, *words)
    assert 3 == code
    assert "one file a pair and timeframe; BTC-EUR-1h.csv.gz is there" in err
    (tmp_path / "blocked").write_text("")
    code, _, err = command_line("data", "download", tmp_path / "blocked", *words)
    assert (3, True) == (code, err.startswith("error: INTO: received "))
