"""Choosing the pairs and the span of a replay, and the sample that comes with the package."""

from __future__ import annotations

import re

import pytest

from tradewind.domain.candle_checks import Gap
from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import DAY, HOUR
from tradewind.market_data.adapters.replay import load_replay
from tradewind.market_data.adapters.synthetic import START, synthetic_series

SAMPLE = "sample:bitvavo-2022"
YEAR = 1_640_995_200_000  # 2022-01-01T00:00Z


def write(folder, pair, timeframe="1h", *, candles=48, name=None, skip=(), spoil=()):
    series = synthetic_series(pair, timeframe, seed=3, candles=candles, start_price=100.0, volatility=0.01)
    rows = []
    for index, candle in enumerate(series.candles()):
        if index not in skip:
            rows.append(",".join(map(repr, candle[:-1])) + f",{-1 if index in spoil else candle.volume!r}")
    path = folder / (name or f"{pair.replace('/', '-')}-{timeframe}.csv")
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    for pair in ("ETH/EUR", "BTC/EUR", "ADA/EUR", "BTC/USDT"):
        write(tmp_path, pair)
    return str(tmp_path)


def refusal(*arguments, **options):
    with pytest.raises(ConfigError) as caught:
        load_replay(*arguments, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_exact_pairs_come_in_their_order_then_what_patterns_match_sorted(folder):
    """The order decides who gets the money first, so it must not depend on the file system."""
    replay = load_replay(folder, ["ETH/EUR", "*/EUR", "BTC/USDT"], [], "1h")
    assert list(replay.series) == ["ETH/EUR", "BTC/USDT", "ADA/EUR", "BTC/EUR"]
    assert replay.dropped == {}
    assert replay.series["BTC/EUR"].series.pair == "BTC/EUR"


def test_excluded_pairs_are_dropped_with_the_reason(folder):
    """Exactly or by pattern; exclusion wins over inclusion."""
    replay = load_replay(folder, ["ETH/EUR", "*/EUR"], ["A*", "ETH/EUR"], "1h")
    assert list(replay.series) == ["BTC/EUR"]
    assert replay.dropped == {"ETH/EUR": "excluded by 'ETH/EUR'", "ADA/EUR": "excluded by 'A*'"}


@pytest.mark.parametrize(
    ("include", "received"), [(["BTC/EUR", "SOL/EUR"], "SOL/EUR"), (["*/JPY"], "*/JPY"), (["btc/eur"], "btc/eur")]
)
def test_a_pair_or_pattern_that_the_path_does_not_have_is_refused_with_what_it_has(folder, include, received):
    """A run without it would be another run than the one asked for."""
    error = refusal(folder, include, [], "1h")
    assert (error.field, error.received) == ("spec.pairs.include", received)
    assert error.allowed == "pairs that spec.data.path has: ADA/EUR, BTC/EUR, BTC/USDT, ETH/EUR"


def test_excluding_everything_is_refused(folder):
    """A bot without pairs would run silently forever."""
    error = refusal(folder, ["*/EUR"], ["*"], "1h")
    assert (error.field, error.received) == ("spec.pairs.include", "*/EUR")
    assert refusal(folder, [], [], "1h").field == "spec.pairs.include"


def test_an_unusable_file_stops_an_exact_pair_and_drops_a_matched_one(tmp_path):
    """The reason is kept; when nothing is left, it is the error."""
    write(tmp_path, "BTC/EUR")
    write(tmp_path, "ETH/EUR", spoil=range(10))
    replay = load_replay(str(tmp_path), ["*/EUR"], [], "1h")
    assert list(replay.series) == ["BTC/EUR"]
    assert "10 of 48 rows are bad" in replay.dropped["ETH/EUR"]
    assert "10 of 48 rows are bad" in str(refusal(str(tmp_path), ["ETH/EUR"], [], "1h"))
    assert "10 of 48 rows are bad" in str(refusal(str(tmp_path), ["*/EUR"], ["BTC/EUR"], "1h"))


def test_a_pair_recorded_in_longer_candles_only_is_refused(tmp_path):
    """Of the files of a pair the fitting one is read; there may be none."""
    write(tmp_path, "BTC/EUR", "4h")
    assert len(load_replay(str(tmp_path), ["BTC/EUR"], [], "1d").series["BTC/EUR"].series) == 8
    assert "only 4h candles of BTC/EUR" in str(refusal(str(tmp_path), ["BTC/EUR"], [], "1h"))


def test_a_file_serves_the_one_pair_that_is_included(tmp_path):
    """Whatever its name is, as long as the name does not say otherwise."""
    for name in ("mine.csv", "BTC-EUR-1h.csv"):
        path = write(tmp_path, "BTC/EUR", name=name)
        assert list(load_replay(path, ["BTC/EUR"], [], "1h").series) == ["BTC/EUR"]


def test_a_file_of_another_pair_is_refused(tmp_path):
    """Otherwise a bot would trade ETH at the prices of BTC."""
    error = refusal(write(tmp_path, "BTC/EUR"), ["ETH/EUR"], [], "1h")
    assert (error.field, error.received) == ("spec.pairs.include", "ETH/EUR")
    assert error.allowed == "BTC/EUR, the pair of the file BTC-EUR-1h.csv"


@pytest.mark.parametrize("include", [["*/EUR"], ["BTC/EUR", "ETH/EUR"], []])
def test_a_file_needs_one_exact_pair(tmp_path, include):
    """A folder is what serves several."""
    error = refusal(write(tmp_path, "BTC/EUR"), include, [], "1h")
    assert error.allowed == "exactly one exact pair, because spec.data.path is one file (BTC-EUR-1h.csv)"
    assert "set spec.data.path to a folder" in error.fix


def test_the_span_begins_at_its_start_and_ends_before_its_end(folder):
    """Two spans side by side share no candle and lose none."""
    first = load_replay(folder, ["BTC/EUR"], [], "1h", (None, START + DAY)).series["BTC/EUR"].series
    second = load_replay(folder, ["BTC/EUR"], [], "1h", (START + DAY, None)).series["BTC/EUR"].series
    third = load_replay(folder, ["BTC/EUR"], [], "1h", (START + HOUR, START + 3 * HOUR)).series["BTC/EUR"].series
    assert (
        first.candles() + second.candles()
        == load_replay(folder, ["BTC/EUR"], [], "1h").series["BTC/EUR"].series.candles()
    )
    assert third.open_time.tolist() == [START + HOUR, START + 2 * HOUR]


def test_only_what_is_wrong_within_the_span_is_reported(tmp_path):
    """A hole of another year says nothing about this run."""
    path = write(tmp_path, "BTC/EUR", candles=96, skip=(5, 30, 70), spoil=(8, 32))
    whole = load_replay(path, ["BTC/EUR"], [], "1h").series["BTC/EUR"]
    part = load_replay(path, ["BTC/EUR"], [], "1h", (START + 24 * HOUR, START + 48 * HOUR)).series["BTC/EUR"]
    assert (len(whole.quarantined), len(whole.gaps)) == (2, 5)
    assert [row.open_time for row in part.quarantined] == [START + 32 * HOUR]
    assert part.gaps == (
        Gap(START + 29 * HOUR, START + 31 * HOUR, 1),
        Gap(START + 31 * HOUR, START + 33 * HOUR, 1),
    )


@pytest.mark.parametrize("include", [["BTC/EUR"], ["*/EUR"]])
def test_a_span_outside_the_data_is_refused_with_the_span_of_the_data(folder, include):
    """In ISO 8601, to be copied into the manifest."""
    error = refusal(folder, include, [], "1h", (START - DAY, START))
    assert error.field == "spec.data.span"
    assert error.received == "2023-12-31T00:00:00Z to 2024-01-01T00:00:00Z"
    assert re.fullmatch(r"a span within that of \w+/EUR, 2024-01-01T00:00:00Z to 2024-01-03T00:00:00Z", error.allowed)
    assert refusal(folder, include, [], "1h", (START + 2 * DAY, None)).received == "2024-01-03T00:00:00Z to open"


def test_a_span_that_ends_before_it_starts_is_refused(folder):
    """Whatever the data."""
    error = refusal(folder, ["BTC/EUR"], [], "1h", (START + DAY, START + DAY))
    assert (error.field, error.allowed) == ("spec.data.span", "a start before the end")


def test_the_sample_is_the_whole_year_2022_without_faults():
    """The first bot of every user runs on it: complete, in order, and exactly as recorded."""
    replay = load_replay(SAMPLE, ["BTC/EUR", "ETH/EUR"], [], "1h")
    for checked in replay.series.values():
        assert checked.quarantined == ()
        assert checked.gaps == ()
        assert checked.series.open_time.tolist() == list(range(YEAR, YEAR + 365 * DAY, HOUR))
    bitcoin, ether = (replay.series[pair].series for pair in ("BTC/EUR", "ETH/EUR"))
    assert bitcoin.candle(0)[1:] == (40679.0, 41167.0, 40640.0, 41048.0, 16.82261928)
    assert ether.candle(-1)[1:] == (1115.4, 1117.4, 1112.5, 1115.8, 22.50773014)
    assert (bitcoin.high.max(), bitcoin.low.min()) == (43921.0, 15111.0)
    assert (ether.high.max(), ether.low.min()) == (3451.3, 839.99)
    assert len(load_replay(SAMPLE, ["*"], [], "1d").series["BTC/EUR"].series) == 365
