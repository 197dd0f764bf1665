"""Finding candle files by name: what is taken for candles of which pair, and what is not."""

from __future__ import annotations

import pytest

from tradewind.domain.errors import ConfigError
from tradewind.market_data.adapters.catalogue import CandleFile, candle_files, file_for, named_file, resolve


def folder_of(tmp_path, *names):
    for name in names:
        (tmp_path / name).touch()
    return str(tmp_path)


@pytest.mark.parametrize(
    ("name", "pair", "timeframe"),
    [
        ("BTC-EUR-1h.csv", "BTC/EUR", "1h"),
        ("BTC-EUR-1h.csv.gz", "BTC/EUR", "1h"),
        ("BTC_EUR-1h.feather", "BTC/EUR", "1h"),
        ("1INCH_USDT-15m.parquet", "1INCH/USDT", "15m"),
        ("BTC_EUR-1M.feather", "BTC/EUR", "1M"),
        ("BTC-EUR_bitvavo_1h_2020-2022.parquet", "BTC/EUR", "1h"),
        ("BTC-USDT_binance_4h_2024.parquet", "BTC/USDT", "4h"),
        ("ETH-BTC_5m_2018-01.parquet", "ETH/BTC", "5m"),
        ("XRP_USDT_USDT-5m-futures.feather", "XRP/USDT:USDT", "5m"),
    ],
)
def test_a_name_tells_pair_and_timeframe(tmp_path, name, pair, timeframe):
    """Our form, freqtrade's, and the one with a source and years; `m` is minute and `M` month."""
    assert named_file(tmp_path / name) == CandleFile(tmp_path / name, pair, timeframe)


@pytest.mark.parametrize(
    "name",
    [
        "candles.csv",
        "BTC-EUR.csv",
        "BTC-EUR-7m.csv",
        "BTC-EUR-1h.txt",
        "BTC-USDT_trades_2021-01-08.parquet",
        "XRP-USDT-PERP_5m_2021-11.parquet",
        "XRP-USDT-PERP_funding_8h_2021-11.parquet",
        "BTC-PERP_1m_2022-01.parquet",
        "XRP_USDT_USDT-8h-mark.feather",
        "XRP_USDT_USDT-8h-funding_rate.feather",
        "XRP_USDT_USDT-8h.feather",
        "XRP-USDT_mark_8h_2021.parquet",
    ],
)
def test_other_names_tell_nothing(tmp_path, name):
    """Trades, marks and funding rates must never be traded on as if they were spot candles."""
    assert named_file(tmp_path / name) == CandleFile(tmp_path / name, None, None)


def test_a_folder_lists_its_pairs_and_ignores_the_rest(tmp_path):
    """Sorted, so that every machine sees one order."""
    (tmp_path / "SOL-EUR-1h.csv").mkdir()
    path = folder_of(tmp_path, "ETH-EUR-1h.csv", "BTC-EUR-4h.csv", "BTC-EUR-1h.csv", "notes.txt", "instruments.json")
    files = candle_files(path)
    assert list(files) == ["BTC/EUR", "ETH/EUR"]
    assert [file.path.name for file in files["BTC/EUR"]] == ["BTC-EUR-1h.csv", "BTC-EUR-4h.csv"]


def test_a_file_stands_for_itself(tmp_path):
    """Under the pair that its name tells, or under none."""
    folder_of(tmp_path, "BTC-EUR-1h.csv", "mine.csv")
    assert list(candle_files(str(tmp_path / "BTC-EUR-1h.csv"))) == ["BTC/EUR"]
    assert list(candle_files(str(tmp_path / "mine.csv"))) == [""]


@pytest.mark.parametrize(
    ("timeframe", "chosen"), [("4h", "A-B-4h.csv"), ("2h", "A-B-1h.csv"), ("1d", "A-B-4h.csv"), ("30m", "A-B-5m.csv")]
)
def test_the_file_of_the_timeframe_is_read_else_the_longest_that_divides_it(tmp_path, timeframe, chosen):
    """Fewer rows to read for the same candles."""
    files = candle_files(folder_of(tmp_path, "A-B-5m.csv", "A-B-1h.csv", "A-B-4h.csv"))["A/B"]
    assert file_for(files, timeframe).path.name == chosen


def test_only_coarser_files_are_refused_with_what_there_is(tmp_path):
    """The timeframes there are name the way out."""
    files = candle_files(folder_of(tmp_path, "A-B-1d.csv", "A-B-4h.csv"))["A/B"]
    with pytest.raises(ConfigError) as caught:
        file_for(files, "1h")
    assert str(caught.value) == (
        f"spec.data.path: received only 1d, 4h candles of A/B: {tmp_path}"[: 120 + len("spec.data.path: received ")]
        + "; allowed: candles of 1h, or of a timeframe that divides it"
        "; fix: set spec.timeframe to one of 1d, 4h, or add a file of 1h candles"
    )


def test_two_files_for_the_same_candles_are_refused(tmp_path):
    """Which of two recordings was meant is not for us to guess."""
    files = candle_files(folder_of(tmp_path, "A-B-1h.csv", "A-B-1h.parquet"))["A/B"]
    with pytest.raises(ConfigError, match=r"received A-B-1h.csv and A-B-1h.parquet are both A/B"):
        file_for(files, "1h")


def test_a_path_that_is_not_there_is_refused(tmp_path):
    """With every kind of path that would do."""
    with pytest.raises(ConfigError, match=r"no file or folder: .*a folder of them, or sample:NAME"):
        resolve(str(tmp_path / "nowhere"))


def test_a_folder_without_candle_files_is_refused_with_the_form_of_a_name(tmp_path):
    """Most likely the names are different ones."""
    with pytest.raises(ConfigError, match=r"no candle files in the folder: .*BASE-QUOTE-TIMEFRAME, such as BTC-EUR-1h"):
        candle_files(folder_of(tmp_path, "prices.csv"))


@pytest.mark.parametrize("name", ["sample:bitvavo", "sample:", "sample:../adapters"])
def test_an_unknown_sample_is_refused_with_the_known_ones(name):
    """And none leads out of the folder of samples."""
    with pytest.raises(ConfigError) as caught:
        resolve(name)
    assert (caught.value.received, caught.value.allowed) == (name, "sample:bitvavo-2022")


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    """A manifest is not read by a shell, so nobody else expands it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder_of(tmp_path, "BTC-EUR-1h.csv")
    assert resolve("~/BTC-EUR-1h.csv") == tmp_path / "BTC-EUR-1h.csv"
