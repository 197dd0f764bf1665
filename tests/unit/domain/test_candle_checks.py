"""Validation of recorded candles: what is taken out and why, what is reported, what is never touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import (
    NO_TIME,
    CheckedCandles,
    Gap,
    QuarantinedRow,
    bucket_starts,
    check_candles,
    close_times,
    iso_time,
    resample,
)
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, HOUR, MINUTE, TIMEFRAMES, bucket_start, close_time, is_multiple

START = 1_640_995_200_000  # 2022-01-01T00:00Z, a Saturday


def flat(hour: float, price: float = 100.0) -> Candle:
    return Candle(START + int(hour * HOUR), price, price + 1, price - 1, price, 5.0)


def check(candles: list[Candle], timeframe: str = "1h") -> CheckedCandles:
    series = CandleSeries.of("BTC/EUR", timeframe, candles)
    return check_candles(
        "BTC/EUR", timeframe, series.open_time, series.open, series.high, series.low, series.close, series.volume
    )


def reasons(checked: CheckedCandles) -> list[tuple[int, str]]:
    return [(row.row, row.reason) for row in checked.quarantined]


def test_good_candles_pass_untouched_with_zero_volume_among_them():
    """A venue without trades in an hour sends a candle of zero volume; it is as good as any other."""
    candles = [flat(0), flat(1)._replace(volume=0.0), flat(2)]
    checked = check(candles)
    assert checked.series.candles() == candles
    assert checked.quarantined == ()
    assert checked.gaps == ()


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"close": float("nan")}, "NotANumber", "close is nan"),
        ({"volume": float("inf")}, "NotANumber", "volume is inf"),
        ({"low": 0.0}, "NotPositive", "low is 0.0"),
        ({"open": -3.0, "low": -4.0}, "NotPositive", "open is -3.0, low is -4.0"),
        ({"volume": -1.0}, "NegativeVolume", "volume is -1.0"),
        ({"high": 99.0, "low": 101.0}, "HighBelowLow", "high 99.0 is below low 101.0"),
        ({"close": 101.5}, "OutsideRange", "open 100.0 or close 101.5 is outside 99.0 to 101.0"),
        ({"open": 98.5}, "OutsideRange", "open 98.5 or close 100.0 is outside 99.0 to 101.0"),
        ({"open_time": START + HOUR + 7}, "Misaligned", "2022-01-01T01:00:00.007Z is not an open time of 1h"),
        ({"open_time": START}, "Duplicate", "2022-01-01T00:00:00Z is row 0 already"),
        ({"open_time": START - HOUR}, "OutOfOrder", "2021-12-31T23:00:00Z comes after 2022-01-01T00:00:00Z"),
    ],
)
def test_a_bad_row_is_taken_out_and_reported_with_reason_and_values(change, reason, detail):
    """Every reason: the row goes, its neighbours stay, and the report says where it was and what stood in it."""
    candles = [flat(0), flat(1)._replace(**change), flat(2), flat(3), flat(4)]
    checked = check(candles)
    assert checked.quarantined == (QuarantinedRow(1, candles[1].open_time, reason, detail),)
    assert checked.series.candles() == [candles[0], *candles[2:]]


def test_a_row_without_a_time_is_reported_without_one():
    """An unreadable date must not become a date of the year -292 million."""
    checked = check([flat(0), flat(1)._replace(open_time=NO_TIME), flat(2)])
    assert checked.quarantined == (QuarantinedRow(1, None, "NotANumber", "open time is missing"),)


def test_a_hole_is_reported_and_stays_a_hole():
    """Also one that a quarantined row leaves."""
    checked = check([flat(0), flat(1)._replace(low=0.0), flat(2), flat(5)])
    assert checked.gaps == (Gap(START, START + 2 * HOUR, 1), Gap(START + 2 * HOUR, START + 5 * HOUR, 2))
    assert len(checked.series) == 3


def test_months_have_no_gap_between_them_but_a_missing_month_is_one():
    """Months differ in length, so a gap is counted in months, not in milliseconds."""
    opens = [START, START + 31 * DAY, START + 59 * DAY, START + 120 * DAY]  # January, February, March, May
    checked = check([flat(0)._replace(open_time=time) for time in opens], "1M")
    assert checked.quarantined == ()
    assert checked.gaps == (Gap(START + 59 * DAY, START + 120 * DAY, 1),)


def test_weeks_are_aligned_to_monday():
    """Thursdays, on which the epoch's own weeks begin, are no open time of a week."""
    monday = START + 2 * DAY
    checked = check([flat(0)._replace(open_time=monday), flat(0)._replace(open_time=monday + 10 * DAY)], "1w")
    assert reasons(checked) == [(1, "Misaligned")]


def test_newest_first_is_turned_round_and_the_first_of_equal_rows_in_the_file_is_kept():
    """Some venues export so; nothing about it is wrong, and rows are still counted as the file has them."""
    candles = [flat(3), flat(2, 120.0), flat(2, 110.0), flat(1)._replace(volume=-1.0), flat(0)]
    checked = check(candles)
    assert [candle.open_time for candle in checked.series.candles()] == [START, START + 2 * HOUR, START + 3 * HOUR]
    assert checked.series.candle(1) == candles[1]
    assert reasons(checked) == [(2, "Duplicate"), (3, "NegativeVolume")]


def test_one_misplaced_row_does_not_make_a_newest_first_file_out_of_order():
    """Otherwise one bad row would condemn all others."""
    checked = check([flat(5), flat(4), flat(1), flat(3), flat(2), flat(0)])
    assert reasons(checked) == [(2, "OutOfOrder")]


def test_the_first_valid_row_of_a_time_is_kept_not_merely_the_first():
    """A broken row does not shadow the good one that repeats it."""
    checked = check([flat(0), flat(1)._replace(close=float("nan")), flat(1), flat(1, 100.5), flat(2)])
    assert reasons(checked) == [(1, "NotANumber"), (3, "Duplicate")]
    assert checked.series.candle(1) == flat(1)


def test_a_spike_that_is_gone_at_the_next_close_is_an_outlier():
    """A price tenfold for one candle never traded; the candle after it is not blamed."""
    spike = Candle(START + HOUR, 100.0, 1000.0, 100.0, 1000.0, 5.0)
    checked = check([flat(0), spike, Candle(START + 2 * HOUR, 1000.0, 1000.0, 99.0, 100.0, 5.0), flat(3)])
    assert reasons(checked) == [(1, "Outlier")]
    assert checked.quarantined[0].detail == "high 1000.0, low 100.0 among closes 100.0, 1000.0, 100.0"


@pytest.mark.parametrize("prices", [[100, 40, 41, 42], [100, 160, 155, 150], [100, 160, 131], [100, 99, 300]])
def test_a_crash_or_a_rally_that_holds_is_kept(prices):
    """A move is an outlier only when at least half of it is undone at once; the newest candle is never one."""
    candles = []
    for hour, (before, price) in enumerate(zip([prices[0], *prices], prices, strict=False)):
        candles.append(Candle(START + hour * HOUR, before, max(before, price), min(before, price), price, 5.0))
    assert check(candles).quarantined == ()


@pytest.mark.parametrize("change", [{"high": 1001.0}, {"low": 9.9}, {"open": 5000.0, "high": 5000.0}])
def test_a_wick_of_more_than_ten_times_is_an_outlier_even_in_the_first_row(change):
    """A stop or a target would be filled at a price that never was."""
    candles = [flat(0), flat(1)._replace(**change), flat(2)]
    assert reasons(check(candles)) == [(1, "Outlier")]
    assert check([flat(0), flat(1)._replace(high=1000.0, low=10.0), flat(2)]).quarantined == ()


def test_alternating_spikes_leave_the_true_level():
    """Each spike makes its good neighbour look like one; only the spikes may go."""
    candles = [flat(hour, 1000.0 if hour % 2 else 100.0) for hour in range(9)]
    assert [row for row, _ in reasons(check(candles))] == [1, 3, 5, 7]


def test_rows_of_a_longer_source_keep_their_numbers_and_their_order():
    """A part that goes back is not taken for one that runs newest first."""
    series = CandleSeries.of("BTC/EUR", "1h", [flat(3), flat(2), flat(2)])
    columns = (series.open, series.high, series.low, series.close, series.volume)
    checked = check_candles("BTC/EUR", "1h", series.open_time, *columns, first_row=70, in_order=True)
    assert reasons(checked) == [(71, "OutOfOrder"), (72, "OutOfOrder")]
    assert [flat(3)] == checked.series.candles()


def test_an_empty_recording_is_checked_without_complaint():
    """Whether it may be empty is for the reader of the file to say."""
    checked = check([])
    assert len(checked.series) == 0
    assert checked.quarantined == ()
    assert checked.gaps == ()


PRICES = st.one_of(st.floats(0.5, 400.0), st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1e300, 5e-324]))


@given(st.data(), st.integers(0, 40))
def test_whatever_comes_out_is_valid_and_nothing_is_lost_or_invented(data, count):
    """Any rows at all: every one is either in the series, unchanged, or reported once; and the result checks clean."""
    columns = [data.draw(arrays.arrays(np.float64, count, elements=PRICES)) for _ in range(5)]
    hours = st.one_of(st.integers(0, 60), st.floats(0, 60))
    times = [START + int(data.draw(hours) * HOUR) for _ in range(count)]
    checked = check_candles("BTC/EUR", "1h", np.array(times, dtype=np.int64), *columns)
    given_rows = [Candle(*row) for row in zip(times, *(column.tolist() for column in columns), strict=True)]
    bad = {row.row for row in checked.quarantined}
    kept = [row for number, row in enumerate(given_rows) if number not in bad]
    assert len(bad) == len(checked.quarantined)
    assert checked.series.candles() in (kept, sorted(kept))
    assert all(np.diff(checked.series.open_time) > 0)
    assert check(checked.series.candles()).quarantined == ()


def minutes(count: int, first: int = 0) -> CandleSeries:
    numbers = range(first, first + count)
    candles = [Candle(START + n * MINUTE, 100.0 + n, 200.0 + n, 50.0 - n, 101.0 + n, 1.0) for n in numbers]
    return CandleSeries.of("BTC/EUR", "1m", candles)


def test_resampling_takes_first_highest_lowest_last_and_the_sum():
    """The definition of a candle of candles, stamped by its own open."""
    assert resample(minutes(10), "5m").candles() == [
        Candle(START, 100.0, 204.0, 46.0, 105.0, 5.0),
        Candle(START + 5 * MINUTE, 105.0, 209.0, 41.0, 110.0, 5.0),
    ]


@pytest.mark.parametrize(
    ("first", "count", "opens"),
    [(1, 14, [5, 10]), (0, 14, [0, 5]), (0, 15, [0, 5, 10]), (1, 4, []), (0, 4, []), (1, 3, []), (5, 5, [5])],
)
def test_only_whole_candles_are_made_at_the_edges(first, count, opens):
    """A strategy would otherwise see a candle that is not closed, or that is without its beginning."""
    longer = resample(minutes(count, first), "5m")
    assert ((longer.open_time - START) // MINUTE).tolist() == opens


def test_a_candle_with_some_missing_inside_is_kept():
    """A quiet minute has no candle at some venues; the five minutes around it still happened."""
    series = minutes(15)
    holed = CandleSeries.of("BTC/EUR", "1m", [series.candle(index) for index in range(15) if index not in (5, 9)])
    assert resample(holed, "5m").candle(1) == Candle(START + 5 * MINUTE, 106.0, 208.0, 42.0, 109.0, 3.0)


def test_the_last_candle_counts_as_whole_once_nothing_can_follow():
    """A live market waits no longer for the last minute of five; in a recording, the next one shows that it is over."""
    short = minutes(9)

    assert len(resample(short, "5m", START + 10 * MINUTE - 1)) == len(resample(short, "5m")) == 1
    assert resample(short, "5m", START + 10 * MINUTE).candle(1).close == short.candle(8).close


def test_resampling_to_the_same_timeframe_or_of_nothing_changes_nothing_and_of_the_wrong_one_is_refused():
    """15m does not divide 1m's way back, and seven minutes are nobody's timeframe."""
    series = minutes(5)
    assert resample(series, "1m") is series
    assert len(resample(series.slice(0, 0), "1M")) == 0
    with pytest.raises(ValueError, match="cannot be made of"):
        resample(resample(minutes(15), "5m"), "3m")


@given(st.sampled_from(TIMEFRAMES), st.lists(st.integers(-(10**12), 4 * 10**12), min_size=1, max_size=20))
def test_bucket_starts_agrees_with_the_rule_for_one_time(timeframe, times):
    """Vectorised and single: one grid, months and Mondays included."""
    expected = [bucket_start(timeframe, time) for time in times]
    assert bucket_starts(timeframe, np.array(times, dtype=np.int64)).tolist() == expected
    closes = [close_time(timeframe, time) for time in expected]
    assert close_times(timeframe, np.array(expected, dtype=np.int64)).tolist() == closes


@given(st.sampled_from(TIMEFRAMES), st.integers(1, 200), st.integers(0, 100))
def test_resampling_keeps_extremes_and_volume_of_the_whole_candles(timeframe, count, offset):
    """Whatever the timeframes, a longer candle says nothing that its parts did not."""
    base = "1h" if is_multiple(timeframe, "1h") else "1m"
    span = HOUR if base == "1h" else MINUTE
    numbers = range(offset, offset + count)
    series = CandleSeries.of("A/B", base, [Candle(START + n * span, n + 2, n + 4, n + 1, n + 3, n) for n in numbers])
    for candle in resample(series, timeframe).candles():
        inside = (series.open_time >= candle.open_time) & (series.open_time < close_time(timeframe, candle.open_time))
        parts = [part for part, within in zip(series.candles(), inside, strict=True) if within]
        assert candle[1:5] == (parts[0].open, parts[-1].high, parts[0].low, parts[-1].close)
        assert candle.volume == sum(part.volume for part in parts)
        assert close_time(base, parts[-1].open_time) == close_time(timeframe, candle.open_time)


def test_iso_time_is_short_and_survives_nonsense():
    """It stands in error messages, also about times that no calendar has."""
    assert iso_time(START) == "2022-01-01T00:00:00Z"
    assert iso_time(START + 5) == "2022-01-01T00:00:00.005Z"
    assert iso_time(10**17).endswith("Z")
