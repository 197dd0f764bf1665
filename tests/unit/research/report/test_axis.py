"""Ticks are at values and dates a person would have chosen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tradewind.domain.timeframe import DAY, HOUR, MINUTE
from tradewind.research.report.axis import date_ticks, room, value_ticks


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("low", "high", "expected", "places"),
    [
        (0.0, 100.0, [0, 20, 40, 60, 80, 100], 0),
        (680.0, 1890.0, [750, 1000, 1250, 1500, 1750], 0),
        (-0.12, 0.0, [-0.1, -0.075, -0.05, -0.025, 0.0], 3),
        (0.000041, 0.00007, [0.00005, 0.00006, 0.00007], 5),
        (59_990.0, 60_010.0, [59_990, 59_995, 60_000, 60_005, 60_010], 0),
    ],
)
def test_ticks_are_round_values(low: float, high: float, expected: list[float], places: int) -> None:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, with just the decimals they need."""
    ticks = value_ticks(low, high)
    assert list(ticks.values) == pytest.approx(expected)
    assert ticks.places == places


@given(st.floats(-1e9, 1e9), st.floats(1e-8, 1e9), st.integers(2, 8))
def test_there_are_enough_ticks_and_not_too_many(low: float, extent: float, about: int) -> None:
    """Inside the range, evenly spaced, and told apart by their decimals."""
    high = low + extent
    assume(high - low > abs(low) * 1e-6)
    ticks = value_ticks(low, high, about)
    assert 1 <= len(ticks.values) <= about + 1
    slack = ticks.step * 1e-6
    assert all(low - slack <= tick <= high + slack for tick in ticks.values)
    shown = [f"{tick:.{ticks.places}f}" for tick in ticks.values]
    assert len(set(shown)) == len(shown)


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_an_axis_is_never_empty(one: float, other: float) -> None:
    """A line that never moves still lies within its panel."""
    low, high = min(one, other), max(one, other)
    bottom, top = room(low, high)
    assert bottom < low <= high < top


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2021-01-01", "2021-06-01", ["Jan 2021", "Feb", "Mar", "Apr", "May", "Jun"]),
        ("2021-11-19", "2022-01-30", ["22 Nov 2021", "29 Nov", "6 Dec", "13 Dec", "20 Dec", "27 Dec"]),
        ("2021-11-19", "2022-04-30", ["Dec 2021", "Jan 2022", "Feb", "Mar", "Apr"]),
        ("2018-01-11", "2018-01-18", ["11 Jan 2018", "12 Jan", "13 Jan", "14 Jan", "15 Jan", "16 Jan"]),
        ("2019-10-11", "2019-10-11T10:00", ["11 Oct 2019", "01:00", "02:00", "03:00", "04:00", "05:00"]),
        ("2019-10-11T22:10", "2019-10-12T00:40", ["22:15", "22:30", "22:45", "23:00", "23:15", "23:30"]),
        ("2010-01-01", "2020-01-01", ["2010", "2011", "2012", "2013", "2014", "2015"]),
        ("2015-05-01", "2021-01-01", ["Jul 2015", "Jan 2016", "Jul", "Jan 2017", "Jul", "Jan 2018"]),
    ],
)
def test_dates_are_round_and_tell_the_year_once(start: str, end: str, expected: list[str]) -> None:
    """Months, Mondays, midnights, hours: whatever divides the span best."""
    assert [label for _, label in date_ticks(at(start), at(end))][:6] == expected


@given(st.integers(0, at("2040-01-01")), st.integers(MINUTE, 20 * 365 * DAY))
def test_dates_are_few_and_inside(start: int, span: int) -> None:
    """At most thirteen and one at the end, ascending, none twice."""
    times = [time for time, _ in date_ticks(start, start + span)]
    assert len(times) <= 14
    assert times == sorted(set(times))
    assert all(start <= time <= start + span for time in times)
    if span > 2 * HOUR:
        assert times
