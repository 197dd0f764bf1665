"""Downloads fetch what is missing at either end and nothing else, and leave what they have however they end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest
from tests.unit.research.candles.scripted_source import BTC, LISTED, ScriptedSource, candle
from tests.unit.research.candles.test_growing_file import numbers

from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.timeframe import HOUR
from tradewind.research.candles import download as module
from tradewind.research.candles.download import ATTEMPTS, Download


@pytest.fixture
def path(tmp_path):
    return tmp_path / "BTC-EUR-1h.csv"


class Waits(list):
    """Pauses, in which no time passes."""

    async def __call__(self, seconds):
        self.append(seconds)


def fetch(source, path, since, until=None, waits=None):
    since, until = (None if one is None else LISTED + one * HOUR for one in (since, until))
    gone = []
    download = Download(source, gone.append, lambda _: None, waits if waits is not None else Waits())
    found = asyncio.run(download.fetch(BTC, path, since, until))
    return found, sum(gone)


def test_a_second_call_fetches_only_what_is_missing(path):
    """After the last candle, before the first, and nothing where nothing is missing."""
    found, gone = fetch(ScriptedSource(100), path, 40, 60)
    assert (20, 20, "BTC-EUR-1h.csv") == (found.fetched, gone, found.file)
    assert list(range(40, 60)) == numbers(path)

    source = ScriptedSource(100)
    assert 10 == fetch(source, path, None, 70)[0].fetched
    assert [60] == source.asked
    source = ScriptedSource(100)
    found, _ = fetch(source, path, 25)
    assert (15 + 30, [25, 25, 35, 70, 80, 90]) == (found.fetched, source.asked)
    assert (candle(25).open_time, candle(99).open_time) == (found.first, found.last)
    assert list(range(25, 100)) == numbers(path)
    source = ScriptedSource(100)
    assert 0 == fetch(source, path, 25)[0].fetched
    assert [100] == source.asked


def test_what_is_before_the_listing_is_asked_once(path):
    """The exchange answers with its first candle."""
    fetch(ScriptedSource(30), path, 20)
    source = ScriptedSource(30)
    assert 20 == fetch(source, path, -500)[0].fetched
    assert [-500, 0, 10, 30] == source.asked
    source = ScriptedSource(30)
    assert 0 == fetch(source, path, -500)[0].fetched
    assert [-500, 30] == source.asked


def test_the_older_end_grows_backwards(path, monkeypatch):
    """So that there is no hole in the file when it ends in the middle, and the next call goes on."""
    monkeypatch.setattr(module, "STRETCH", 20)
    fetch(ScriptedSource(100), path, 90)
    source = ScriptedSource(100, failures=[None] * 4 + [asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        fetch(source, path, 0)
    assert [0, 70, 80, 50, 60] == source.asked
    assert list(range(70, 100)) == numbers(path)
    assert 70 == fetch(ScriptedSource(100), path, 0)[0].fetched
    assert list(range(100)) == numbers(path)


def test_an_interruption_keeps_the_pages_that_came(path):
    """They are in the file, and the next call goes on behind them."""
    source = ScriptedSource(100, failures=[None] * 3 + [asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        fetch(source, path, 0)
    assert list(range(30)) == numbers(path)
    assert 70 == fetch(ScriptedSource(100), path, 0)[0].fetched


def test_an_exchange_that_does_not_answer_is_asked_again(path):
    """After pauses that grow, and not before it wants to be asked."""
    waits = Waits()
    source = ScriptedSource(20, failures=[TemporaryError("busy", 33.0), TemporaryError("away"), None])
    assert 20 == fetch(source, path, 0, waits=waits)[0].fetched
    assert ([0, 0, 0, 10], 33.0) == (source.asked, waits[0])
    assert 1 <= waits[1] <= 2

    waits = Waits()
    source = ScriptedSource(40, failures=[TemporaryError("away")] * 100)
    with pytest.raises(TemporaryError, match="away"):
        fetch(source, path, 0, waits=waits)
    assert ([20] * ATTEMPTS, ATTEMPTS - 1) == (source.asked, len(waits))
    assert 60 <= sum(waits) <= 123
    assert list(range(20)) == numbers(path)


def test_rows_that_cannot_be_are_counted_and_left_out(path):
    """A candle that is missing at the exchange is missing in the file."""
    source = ScriptedSource(30, missing={11})
    page = source.page

    async def with_a_bad_row(key, since):
        found = await page(key, since)
        for row in found.rows:
            if row[0] == candle(5).open_time:
                row[2] = 0.5
        return found

    source.page = with_a_bad_row
    found, _ = fetch(source, path, 0)
    assert (28, {"HighBelowLow": 1}) == (found.fetched, dict(found.bad))
    assert [number for number in range(30) if number not in {5, 11}] == numbers(path)


def test_without_a_beginning_there_must_be_a_file(path):
    """The fix is an option."""
    with pytest.raises(ConfigError, match=r"--since: received nothing; .* fix: add --since or --days"):
        fetch(ScriptedSource(30), path, None)


def test_a_kill_at_any_moment_leaves_a_file_that_the_next_call_completes(path):
    """A process that does nothing but download, killed again and again; then once more, to the end."""
    words = [sys.executable, "-c", CHILD, str(path)]
    kills = 0
    for pause in (0.0, 0.03, 0.06, 0.1, 0.15):
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(pause)
            kills += process.poll() is None
            process.kill()
        if path.exists():
            found = numbers(path)
            assert list(range(found[0], found[0] + len(found))) == found
    assert kills == 5
    fetch(ScriptedSource(3_000), path, 0)
    assert list(range(3_000)) == numbers(path)


CHILD = """
import asyncio, sys
from pathlib import Path
from tests.unit.research.candles.scripted_source import BTC, LISTED, ScriptedSource
from tradewind.research.candles.download import Download

class Slow(ScriptedSource):
    async def page(self, key, since):
        await asyncio.sleep(0.002)
        return await super().page(key, since)

async def main():
    print("begun", flush=True)
    for since in (1_500, 0):
        download = Download(Slow(3_000), lambda _: None, print)
        await download.fetch(BTC, Path(sys.argv[1]), LISTED + since * 3_600_000, None)

asyncio.run(main())
"""
