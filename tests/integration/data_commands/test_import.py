"""`tradewind data import`: files as people have them, into what a bot reads; what is refused is told with its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.unit.market_data.adapters.test_files import CANDLES, HEADER, csv_file, lines

from tradewind.domain.candle_checks import iso_time
from tradewind.market_data.adapters.replay import load_replay

ROWS = [tuple(candle) for candle in CANDLES]
HEADERS = [None, HEADER, "Date,Open,High,Low,Close,Volume BTC", "unix,open,high,low,close,volume"]


def text_of(rows, time=str):
    return [",".join([time(row[0]), *map(repr, row[1:])]) for row in rows]


def iso(time):
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("time", [str, lambda time: str(time // 1000), iso, lambda time: iso(time) + "+00:00"])
def test_csv_files_as_people_have_them(command_line, tmp_path, header, time):
    """Positional or by common names; milliseconds, seconds, ISO 8601; newest first as well."""
    rows = text_of(ROWS, time)
    for into, order in (("first", rows), ("second", rows[::-1])):
        csv_file(tmp_path, order, header, name="anything.csv")
        words = ("--pair", "BTC/EUR", "--timeframe", "1h", "-o", "json")
        code, out, err = command_line("data", "import", tmp_path / "anything.csv", tmp_path / into, *words)
        assert (0, "") == (code, err)
        told = json.loads(out)[0]
        assert ("BTC-EUR-1h.csv", 48, 0, 0) == tuple(told[name] for name in ("file", "candles", "bad", "gaps"))
        assert [HEADER, *text_of(ROWS)] == (tmp_path / into / "BTC-EUR-1h.csv").read_text().splitlines()
        assert CANDLES == load_replay(str(tmp_path / into), ["*/EUR"], [], "1h").series["BTC/EUR"].series.candles()


def test_a_folder_of_freqtrade_is_taken_over(command_line, tmp_path):
    """Feather and JSON, each pair and timeframe a CSV file; its files of trades are none of candles."""
    first = tmp_path / "first"
    first.mkdir()
    csv_file(first, lines(CANDLES), name="BTC-EUR-1h.csv")
    data = tmp_path / "user_data"
    assert 0 == command_line("data", "convert", first, data, "--to", "freqtrade-feather")[0]
    (first / "BTC-EUR-1h.csv").rename(first / "ETH-EUR-1h.csv")
    assert 0 == command_line("data", "convert", first, data, "--to", "freqtrade-json")[0]
    (data / "BTC_EUR-trades.feather").write_bytes(b"")
    code, out, err = command_line("data", "import", data, tmp_path / "bot")
    assert (0, "left out, because the name says no pair and timeframe: BTC_EUR-trades.feather\n") == (code, err)
    assert ["BTC-EUR-1h.csv", "ETH-EUR-1h.csv"] == sorted(path.name for path in (tmp_path / "bot").iterdir())
    assert "ETH/EUR" in out
    read = load_replay(str(tmp_path / "bot"), ["*/EUR"], [], "1h").series
    assert [CANDLES, CANDLES] == [read[pair].series.candles() for pair in ("BTC/EUR", "ETH/EUR")]


def test_rows_that_cannot_be_are_left_out_with_their_lines(command_line, tmp_path):
    """An empty line and an exporter's address above the header count as lines."""
    rows = text_of(ROWS)
    rows[10] = "oops"
    csv_file(tmp_path, [HEADER, *rows[:5], "", *rows[5:], rows[47]], "an address", name="BTC-EUR-1h.csv")
    code, out, err = command_line("data", "import", tmp_path, tmp_path / "bot", "-o", "json")
    assert 0 == code
    assert err.splitlines() == [
        "BTC-EUR-1h.csv: 2 bad rows are left out",
        "  line 14: NotANumber, timestamp is 'oops'",
        f"  line 52: Duplicate, {iso_time(ROWS[47][0])} is row 47 already",
    ]
    told = json.loads(out)[0]
    assert (47, 1, 1, 2) == tuple(told[name] for name in ("candles", "gaps", "missing", "bad"))
    assert [14, 52] == [row["line"] for row in told["badRows"]]
    kept = [row for place, row in enumerate(text_of(ROWS)) if place != 10]
    assert [HEADER, *kept] == (tmp_path / "bot" / "BTC-EUR-1h.csv").read_text().splitlines()


@pytest.mark.parametrize(
    ("timeframe", "told"),
    [
        ("4h", "36 of 48 rows are bad, and more than 5% is too much, first row 1 (from 0), Misaligned: "),
        ("5m", "every candle is followed by a gap, so the timeframe is another one: "),
    ],
)
def test_candles_of_another_timeframe_are_refused(command_line, tmp_path, timeframe, told):
    """Nothing is left of them; other files are imported all the same."""
    source = tmp_path / "from"
    source.mkdir()
    csv_file(source, lines(CANDLES), name=f"BTC-EUR-{timeframe}.csv")
    csv_file(source, lines(CANDLES), name="ETH-EUR-1h.csv")
    code, out, err = command_line("data", "import", source, tmp_path / "bot")
    assert 3 == code
    assert err.startswith(f"error: DIR: received {told[:60]}")
    assert "ETH/EUR" in out
    assert ["ETH-EUR-1h.csv"] == [path.name for path in (tmp_path / "bot").iterdir()]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "DIR: received no file that is named so, as anything.csv: "),
        (["--pair", "BTC/EUR"], "DIR: received no file that is named so, as anything.csv: "),
        (["--pair", "btc-eur", "--timeframe", "1h"], "pair: received btc-eur; allowed: capital letters and digits"),
        (["--pair", "*/EUR", "--timeframe", "1h"], "pair: received */EUR; allowed: capital letters and digits"),
        (["--pair", "BTC/EUR", "--timeframe", "1H"], "--timeframe: received 1H; allowed: 1m, 3m"),
        (
            ["--pair", "BTC/EUR", "--pair", "A/B", "--timeframe", "1h"],
            "--pair: received BTC/EUR, A/B, 1h; allowed: one",
        ),
    ],
)
def test_a_file_whose_name_says_nothing_needs_both(command_line, tmp_path, words, told):
    """One line, and exit code 3."""
    path = csv_file(tmp_path, lines(CANDLES), name="anything.csv")
    code, out, err = command_line("data", "import", path, tmp_path / "bot", *words)
    assert (3, "") == (code, out)
    assert err.startswith(f"error: {told}")


def test_nothing_is_overwritten_without_force(command_line, tmp_path):
    """What is there stays as it is."""
    csv_file(tmp_path, lines(CANDLES), name="BTC-EUR-1h.csv")
    for force, wanted in (((), 0), ((), 3), (("--force",), 0)):
        assert wanted == command_line("data", "import", tmp_path, tmp_path / "bot", *force)[0]
