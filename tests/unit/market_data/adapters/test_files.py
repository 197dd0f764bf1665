"""Candle files as people have them: every format and spelling that is read, every mistake and its one line."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import Gap, QuarantinedRow
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, HOUR
from tradewind.market_data.adapters.files import read_candles
from tradewind.market_data.adapters.synthetic import START, synthetic_series

SERIES = synthetic_series("BTC/EUR", "1h", seed=7, candles=48, start_price=30_000.0, volatility=0.01)
CANDLES = SERIES.candles()
HEADER = "timestamp,open,high,low,close,volume"


def lines(candles: list[Candle], delimiter: str = ",") -> list[str]:
    return [delimiter.join(map(repr, candle)) for candle in candles]


def csv_file(folder: Path, rows: list[str], header: str | None = HEADER, name: str = "candles.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n", encoding="utf-8")
    return path


def refusal(path: Path, timeframe: str = "1h", pair: str = "BTC/EUR") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_candles(path, pair, timeframe)
    assert caught.value.field == "spec.data.path"
    assert "\n" not in str(caught.value)
    return caught.value


# ------------------------------------------------------------------------------------------------------------------ CSV


@pytest.mark.parametrize("time_name", ["timestamp", "date", "Time", "open_time", "Open time", "DATETIME", "unix"])
def test_csv_columns_are_found_by_name_in_any_order_and_case(tmp_path, time_name):
    """Exporters agree on nothing but the words; columns that are not candles do not matter."""
    rows = [f"{c.volume!r},x,{c.close!r},{c.low!r},{c.high!r},{c.open!r},{c.open_time}" for c in CANDLES]
    path = csv_file(tmp_path, rows, f"Volume,symbol,CLOSE,Low,high,Open,{time_name}")
    checked = read_candles(path, "BTC/EUR", "1h")
    assert checked.series.candles() == CANDLES
    assert (checked.series.pair, checked.series.timeframe) == ("BTC/EUR", "1h")
    assert checked.quarantined == ()


@pytest.mark.parametrize("extra", ["", ",1640998799999,7.5,12"])
def test_csv_without_a_header_is_six_columns_and_perhaps_more(tmp_path, extra):
    """The public archives of venues have no header; some add columns behind the six."""
    path = csv_file(tmp_path, [line + extra for line in lines(CANDLES)], header=None)
    assert read_candles(path, "BTC/EUR", "1h").series.candles() == CANDLES


def test_csv_without_a_header_may_begin_with_a_bad_row_and_hold_exponents(tmp_path):
    """Neither an `e` in a small price nor one bad cell makes the first row a header."""
    tiny = [Candle(c.open_time, *(value / 1e9 for value in c[1:5]), c.volume) for c in CANDLES]
    rows = lines(tiny)
    rows[0] = rows[0].rsplit(",", 1)[0] + ",n/a"
    checked = read_candles(csv_file(tmp_path, rows, header=None), "BTC/EUR", "1h")
    assert "e-" in rows[0]
    assert checked.series.candles() == tiny[1:]
    assert checked.quarantined == (QuarantinedRow(0, START, "NotANumber", "volume is 'n/a'"),)


@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda time: str(time // 1000),
        lambda time: f"{time / 1000}",
        lambda time: str(time * 1000),
        lambda time: str(time * 1_000_000),
        lambda time: datetime.fromtimestamp(time / 1000, UTC).isoformat(),
        lambda time: datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda time: datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        lambda time: datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        lambda time: datetime.fromtimestamp(time / 1000 + 7200, UTC).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    ],
)
def test_csv_times_may_be_numbers_of_any_unit_or_iso_8601(tmp_path, written):
    """The unit is told by the size of the number; text without an offset is UTC."""
    rows = [",".join([written(c.open_time), *map(repr, c[1:])]) for c in CANDLES]
    assert read_candles(csv_file(tmp_path, rows), "BTC/EUR", "1h").series.candles() == CANDLES


def test_csv_may_be_gzipped_semicolon_separated_with_a_byte_order_mark_and_blank_lines(tmp_path):
    """A spreadsheet's export."""
    text = "\ufeff" + HEADER.replace(",", ";") + "\r\n" + "\r\n\r\n".join(lines(CANDLES, ";")) + "\r\n"
    path = tmp_path / "candles.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert read_candles(path, "BTC/EUR", "1h").series.candles() == CANDLES


def test_csv_of_crypto_data_download_is_read_as_it_comes(tmp_path):
    """An address before the header, newest first, both a number and a date, and the volume by currency."""
    rows = [
        f"{c.open_time // 1000},{datetime.fromtimestamp(c.open_time / 1000, UTC):%Y-%m-%d %H:%M:%S},BTC/EUR,"
        f"{c.open!r},{c.high!r},{c.low!r},{c.close!r},{c.volume!r},{c.volume * c.close!r}"
        for c in reversed(CANDLES)
    ]
    header = "https://www.example.org/data\nunix,date,symbol,open,high,low,close,Volume BTC,Volume EUR"
    assert read_candles(csv_file(tmp_path, rows, header), "BTC/EUR", "1h").series.candles() == CANDLES


def test_text_where_a_number_is_meant_takes_out_its_row_and_says_what_stood_there(tmp_path):
    """Few bad cells must not cost the whole file; a short row is a row with empty cells."""
    rows = lines(CANDLES)
    rows[3] = rows[3].replace(repr(CANDLES[3].close), "abc")
    rows[5] = "yesterday" + rows[5][rows[5].index(",") :]
    checked = read_candles(csv_file(tmp_path, rows), "BTC/EUR", "1h")
    assert checked.quarantined == (
        QuarantinedRow(3, CANDLES[3].open_time, "NotANumber", "close is 'abc'"),
        QuarantinedRow(5, None, "NotANumber", "timestamp is 'yesterday'"),
    )
    assert checked.gaps == (
        Gap(CANDLES[2].open_time, CANDLES[4].open_time, 1),
        Gap(CANDLES[4].open_time, CANDLES[6].open_time, 1),
    )
    rows[5] = str(CANDLES[5].open_time)
    short = read_candles(csv_file(tmp_path, rows), "BTC/EUR", "1h").quarantined[1]
    assert short == QuarantinedRow(5, CANDLES[5].open_time, "NotANumber", "open is ''")


def test_rows_are_counted_through_a_long_file(tmp_path):
    """Long files are read in parts; a bad row far behind is reported with its place in the file, not in its part."""
    long = synthetic_series("BTC/EUR", "1m", seed=1, candles=120_000, start_price=100.0, volatility=0.001)
    rows = lines(long.candles())
    rows[110_003] = rows[110_003].rsplit(",", 1)[0] + ",?"
    checked = read_candles(csv_file(tmp_path, rows), "BTC/EUR", "1m")
    assert [(row.row, row.detail) for row in checked.quarantined] == [(110_003, "volume is '?'")]
    assert len(checked.series) == 119_999


# ---------------------------------------------------------------------------------------------------- Parquet, Feather


def table(**changes):
    arrow = pytest.importorskip("pyarrow")
    columns = {
        "timestamp": SERIES.open_time,
        "open": SERIES.open,
        "high": SERIES.high,
        "low": SERIES.low,
        "close": SERIES.close,
        "volume": SERIES.volume,
    }
    return arrow.table(columns | changes)


def columnar_file(folder: Path, content, end: str) -> Path:
    from pyarrow import feather, parquet  # noqa: PLC0415 - an extra

    path = folder / f"candles.{end}"
    (parquet.write_table if end == "parquet" else feather.write_feather)(content, path)
    return path


@pytest.mark.parametrize("end", ["parquet", "feather"])
@pytest.mark.parametrize("kind", ["int64", "s", "ms", "us", "ns", "ns UTC", "text", "seconds"])
def test_parquet_and_feather_dates_may_be_of_any_kind(tmp_path, end, kind):
    """Pandas writes timestamps of its own unit, with or without zone; others write integers or text."""
    arrow = pytest.importorskip("pyarrow")
    times = arrow.array(SERIES.open_time)
    if kind == "text":
        times = arrow.array([datetime.fromtimestamp(time / 1000, UTC).isoformat() for time in times.to_pylist()])
    elif kind == "seconds":
        times = arrow.array(SERIES.open_time / 1000)
    elif kind != "int64":
        unit, _, zone = kind.partition(" ")
        times = times.cast(arrow.timestamp("ms", tz=zone or None)).cast(arrow.timestamp(unit, tz=zone or None))
    content = table().drop_columns(["timestamp"]).append_column("Date", times)
    path = columnar_file(tmp_path, content, end)
    assert read_candles(path, "BTC/EUR", "1h").series.candles() == CANDLES


@pytest.mark.parametrize("end", ["parquet", "feather"])
def test_parquet_and_feather_prices_may_be_decimals_text_or_missing(tmp_path, end):
    """A missing value is a bad row, not a zero."""
    arrow = pytest.importorskip("pyarrow")
    missing = [None if index == 4 else value for index, value in enumerate(SERIES.close.tolist())]
    content = table(
        open=arrow.array([Decimal(repr(value)) for value in SERIES.open.tolist()]),
        high=[repr(value) for value in SERIES.high.tolist()],
        close=arrow.array(missing),
    )
    checked = read_candles(columnar_file(tmp_path, content, end), "BTC/EUR", "1h")
    assert checked.series.candles() == CANDLES[:4] + CANDLES[5:]
    assert checked.quarantined == (QuarantinedRow(4, CANDLES[4].open_time, "NotANumber", "close is nan"),)


def test_a_parquet_date_without_a_time_of_day_is_midnight_utc_and_a_missing_one_a_bad_row(tmp_path):
    """Daily files often hold dates."""
    arrow = pytest.importorskip("pyarrow")
    days = [datetime.fromtimestamp((START + day * DAY) / 1000, UTC).date() for day in range(48)]
    content = table(timestamp=arrow.array([None if index == 40 else day for index, day in enumerate(days)]))
    checked = read_candles(columnar_file(tmp_path, content, "parquet"), "BTC/EUR", "1d")
    assert checked.series.open_time.tolist()[:3] == [START, START + DAY, START + 2 * DAY]
    assert checked.quarantined == (QuarantinedRow(40, None, "NotANumber", "open time is missing"),)


@pytest.mark.parametrize("end", ["parquet", "feather"])
def test_without_pyarrow_the_line_says_what_to_install(tmp_path, monkeypatch, end):
    """The core does not bring it, so this is the first thing many will see."""
    path = columnar_file(tmp_path, table(), end)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = refusal(path)
    assert str(error.received).startswith("pyarrow is not installed")
    assert error.fix == "pip install 'tradewind[parquet]'"


def test_reading_csv_does_not_load_pyarrow(tmp_path):
    """It would cost every bot its memory and start-up time."""
    path = csv_file(tmp_path, lines(CANDLES))
    program = (
        "import sys; from tradewind.market_data.adapters.files import read_candles;"
        f"read_candles({str(path)!r}, 'BTC/EUR', '1h'); sys.exit(any(m in sys.modules for m in ('pyarrow', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# ----------------------------------------------------------------------------------------------------------- timeframes


@pytest.mark.parametrize(("timeframe", "count"), [("2h", 24), ("4h", 12), ("1d", 2)])
def test_a_finer_file_is_resampled(tmp_path, timeframe, count):
    """One recording of a short timeframe serves all that it divides."""
    checked = read_candles(csv_file(tmp_path, lines(CANDLES)), "BTC/EUR", timeframe)
    assert checked.series.timeframe == timeframe
    assert len(checked.series) == count
    assert checked.series.close[-1] == CANDLES[-1].close


def test_rows_and_gaps_of_a_resampled_file_are_reported_as_the_file_has_them(tmp_path):
    """A missing hour inside a day is still worth knowing."""
    rows = lines(CANDLES)
    rows[3] = rows[3].rsplit(",", 1)[0] + ",-1"
    checked = read_candles(csv_file(tmp_path, rows), "BTC/EUR", "1d")
    assert len(checked.series) == 2
    assert [row.row for row in checked.quarantined] == [3]
    assert checked.gaps == (Gap(START + 2 * HOUR, START + 4 * HOUR, 1),)


def test_the_timeframe_of_a_file_with_gaps_and_jitter_is_its_most_frequent_distance(tmp_path):
    """Holes and a few stray rows do not make a 1h file something else."""
    rows = lines([candle for index, candle in enumerate(CANDLES) if index % 5])
    stray = CANDLES[7]._replace(open_time=CANDLES[7].open_time + 7000)
    checked = read_candles(csv_file(tmp_path, [*rows[:6], lines([stray])[0], *rows[6:]]), "BTC/EUR", "1h")
    assert [row.reason for row in checked.quarantined] == ["Misaligned"]


def test_a_single_candle_is_taken_for_what_was_asked(tmp_path):
    """One row has no distance to tell its timeframe."""
    assert len(read_candles(csv_file(tmp_path, lines(CANDLES[:1])), "BTC/EUR", "1h").series) == 1


@pytest.mark.parametrize(
    ("timeframe", "received", "allowed", "fix"),
    [
        ("15m", "candles every 1h", "candles of 1m or 3m or 5m or 15m, because", "or set spec.timeframe to 1h"),
        ("30m", "candles every 1h", "1m or 3m or 5m or 15m or 30m", "use a file of 30m candles"),
    ],
)
def test_a_coarser_file_is_refused(tmp_path, timeframe, received, allowed, fix):
    """Finer candles cannot be made of coarser ones."""
    error = refusal(csv_file(tmp_path, lines(CANDLES)), timeframe)
    assert received in str(error.received)
    assert allowed in error.allowed
    assert fix in error.fix


@pytest.mark.parametrize(("distance", "text"), [(600_000, "10m"), (1_500, "1500 ms"), (5 * DAY, "5d")])
def test_a_file_of_a_distance_that_is_no_timeframe_is_refused(tmp_path, distance, text):
    """Ten minutes divide an hour, but nothing here knows them."""
    rows = lines([candle._replace(open_time=START + distance * index) for index, candle in enumerate(CANDLES)])
    error = refusal(csv_file(tmp_path, rows), "1h")
    assert f"candles every {text}:" in str(error.received)
    assert "spec.timeframe to" not in error.fix


def test_a_month_file_is_recognised_and_not_cut_into_weeks(tmp_path):
    """Months have no fixed length."""
    months = synthetic_series("BTC/EUR", "1M", seed=1, candles=24, start_price=100.0, volatility=0.05)
    path = csv_file(tmp_path, lines(months.candles()))
    assert read_candles(path, "BTC/EUR", "1M").series.candles() == months.candles()
    assert "candles every 1M" in str(refusal(path, "1w").received)


def test_a_file_shorter_than_one_candle_is_refused(tmp_path):
    """Twenty hours are no day."""
    error = refusal(csv_file(tmp_path, lines(CANDLES[:20])), "1d")
    assert "20 candles of 1h, no whole one of 1d" in str(error.received)
    assert "set spec.timeframe to 1h" in error.fix


# ------------------------------------------------------------------------------------------------------------- mistakes


def test_a_missing_file_is_refused(tmp_path):
    """With the path, so that a typing error is seen."""
    error = refusal(tmp_path / "nowhere.csv")
    assert error.received == f"no file: {tmp_path / 'nowhere.csv'}"


def test_a_folder_where_a_file_is_meant_is_refused(tmp_path):
    """Reading a folder is another function's work."""
    assert "a folder where a file is meant" in str(refusal(tmp_path).received)


def test_an_unknown_ending_is_refused(tmp_path):
    """The endings that are known are named."""
    path = tmp_path / "candles.xlsx"
    path.write_bytes(b"PK")
    error = refusal(path)
    assert "ending '.xlsx'" in str(error.received)
    assert error.allowed == "a file ending in .csv, .csv.gz, .parquet, .feather, .json, .json.gz"


@pytest.mark.parametrize("end", [".csv", ".csv.gz", ".parquet", ".feather"])
def test_an_empty_file_is_refused(tmp_path, end):
    """An interrupted download leaves one."""
    path = tmp_path / f"candles{end}"
    path.touch()
    assert "no rows" in str(refusal(path).received)


def test_a_file_with_nothing_but_a_header_is_refused(tmp_path):
    """Nothing to replay is a mistake, not a short run."""
    assert "no rows" in str(refusal(csv_file(tmp_path, [])).received)


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("candles.csv", "no CSV text"),
        ("candles.csv.gz", "no gzipped CSV text"),
        ("candles.parquet", "no Parquet data"),
        ("candles.feather", "no Feather data"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, received):
    """Renamed, or cut off on the way."""
    pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00binary" * 50)
    assert received in str(refusal(path).received)


def test_a_cut_off_gzip_and_a_cut_off_parquet_are_refused(tmp_path):
    """Half a download begins like the whole."""
    text = ("\n".join([HEADER, *lines(CANDLES)])).encode()
    short = tmp_path / "short.csv.gz"
    short.write_bytes(gzip.compress(text)[:-50])
    assert "no gzipped CSV text" in str(refusal(short).received)
    whole = columnar_file(tmp_path, table(), "parquet").read_bytes()
    cut = tmp_path / "short.parquet"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "no Parquet data" in str(refusal(cut).received)


@pytest.mark.parametrize("end", ["csv", "parquet", "feather"])
def test_missing_columns_are_named(tmp_path, end):
    """And the columns that are there, so that a misspelling is seen."""
    if end == "csv":
        path = csv_file(tmp_path, ["1,2,3,4"], "timestamp,open,high,last")
    else:
        path = columnar_file(tmp_path, table().select(["timestamp", "open", "high"]), end)
    error = refusal(path)
    assert "without low, close, volume" in str(error.received)
    assert str(error.received).startswith("columns timestamp, open, high")
    assert error.allowed == "columns timestamp, open, high, low, close, volume, in any order and case"


def test_text_that_is_no_table_is_refused(tmp_path):
    """A README, or the page that a download link led to."""
    error = refusal(csv_file(tmp_path, ["one", "two", "three", "four"], "zero"))
    assert "without timestamp, open, high, low, close, volume" in str(error.received)


def test_a_column_that_cannot_be_numbers_is_named(tmp_path):
    """Lists in a price column: another kind of file."""
    path = columnar_file(tmp_path, table(close=[[value] for value in SERIES.close.tolist()]), "parquet")
    assert "column close of list" in str(refusal(path).received)


def test_more_than_five_percent_of_bad_rows_condemn_the_file_with_the_first_of_them(tmp_path):
    """Then something is wrong with the file, not with a few rows."""
    rows = lines(CANDLES[:40])
    for index in (11, 30):
        rows[index] = rows[index].rsplit(",", 1)[0] + ",-2"
    assert len(read_candles(csv_file(tmp_path, rows), "BTC/EUR", "1h").quarantined) == 2
    rows[8] = rows[8].rsplit(",", 1)[0] + ",many"
    error = refusal(csv_file(tmp_path, rows))
    assert str(error.received).startswith("3 of 40 rows are bad, first row 8 (from 0), NotANumber: volume is 'many': ")
    assert error.allowed == "at most 5% bad rows"


def test_a_file_without_any_good_row_is_refused(tmp_path):
    """Decimal commas, for one."""
    error = refusal(csv_file(tmp_path, ["2022-01-01;1,5;1,5;1,5;1,5;0,1"], HEADER.replace(",", ";")))
    assert "1 of 1 rows are bad" in str(error.received)
    assert "open is '1,5'" in str(error.received)


@pytest.mark.parametrize("end", [".csv", ".csv.gz", ".parquet", ".feather"])
def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch, end):
    """In a container the user is another one; root is bound by no permission, so the refusal is simulated."""
    parquet = pytest.importorskip("pyarrow.parquet")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / f"candles{end}"
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(gzip, "open", refuse)
    monkeypatch.setattr(parquet, "ParquetFile", refuse)
    error = refusal(path)
    assert "Permission denied" in str(error.received)
    assert error.fix == "correct the file's permissions"


def test_resampling_equals_what_the_trades_say(tmp_path):
    """Candles made by hand from hours: the day's open, extremes, close and volume."""
    day = read_candles(csv_file(tmp_path, lines(CANDLES)), "BTC/EUR", "1d").series.candle(0)
    hours = CandleSeries.of("BTC/EUR", "1h", CANDLES[:24])
    assert day[:5] == (START, hours.open[0], hours.high.max(), hours.low.min(), hours.close[-1])
    assert day.volume == pytest.approx(hours.volume.sum())
