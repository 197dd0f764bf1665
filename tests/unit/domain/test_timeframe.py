"""Timeframes: which candle a moment belongs to, and when it is complete."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.timeframe import DAY, HOUR, MINUTE, TIMEFRAMES, bucket_start, close_time, is_multiple

MOMENTS = st.integers(0, 4_102_444_800_000)  # until 2100


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@given(st.sampled_from(TIMEFRAMES), MOMENTS)
def test_every_moment_lies_in_exactly_one_candle(timeframe, time):
    """Otherwise a trade would be in no candle, or in two."""
    start = bucket_start(timeframe, time)
    assert start <= time < close_time(timeframe, start)
    assert bucket_start(timeframe, start) == start
    assert bucket_start(timeframe, close_time(timeframe, start)) == close_time(timeframe, start)


@pytest.mark.parametrize(
    ("timeframe", "time", "start", "end"),
    [
        ("1m", "2022-05-01T10:07:59", "2022-05-01T10:07:00", "2022-05-01T10:08:00"),
        ("4h", "2022-05-01T10:07:59", "2022-05-01T08:00:00", "2022-05-01T12:00:00"),
        ("1d", "2022-05-01T23:59:59", "2022-05-01T00:00:00", "2022-05-02T00:00:00"),
        ("1w", "2022-05-01T10:00:00", "2022-04-25T00:00:00", "2022-05-02T00:00:00"),  # a Sunday; weeks begin on Monday
        ("1M", "2024-02-29T10:00:00", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("1M", "2022-12-31T23:59:59", "2022-12-01T00:00:00", "2023-01-01T00:00:00"),
    ],
)
def test_known_candles(timeframe, time, start, end):
    """Weeks begin on Monday, months have their own lengths, and `1M` is not a minute."""
    assert bucket_start(timeframe, moment(time)) == moment(start)
    assert close_time(timeframe, moment(start)) == moment(end)


@pytest.mark.parametrize(
    ("timeframe", "base", "expected"),
    [
        ("1h", "1m", True),
        ("1h", "1h", True),
        ("12h", "8h", False),
        ("1m", "1h", False),
        ("1w", "1d", True),
        ("1M", "1d", True),
        ("1M", "1w", False),
        ("1M", "1M", True),
        ("1w", "1M", False),
    ],
)
def test_what_can_be_made_of_what(timeframe, base, expected):
    """A candle made of half candles would be a wrong one."""
    assert is_multiple(timeframe, base) is expected


@given(st.sampled_from(TIMEFRAMES), st.sampled_from(TIMEFRAMES), MOMENTS)
def test_a_multiple_begins_and_ends_with_a_candle_of_its_base(timeframe, base, time):
    """The table of multiples agrees with the clock."""
    if is_multiple(timeframe, base):
        start = bucket_start(timeframe, time)
        assert bucket_start(base, start) == start
        assert bucket_start(base, close_time(timeframe, start)) == close_time(timeframe, start)


def test_the_units():
    """Milliseconds, as every time here."""
    assert (MINUTE, HOUR, DAY) == (60_000, 3_600_000, 86_400_000)
