"""Numbers and moments read the same everywhere in the report."""

# ruff: noqa: RUF001 - the report writes real minus signs and dashes, so its tests read them

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.timeframe import DAY, HOUR, MINUTE
from tradewind.research.report.figures import (
    date,
    duration,
    moment,
    number,
    percent,
    places_for,
    ratio,
    signed,
    signed_percent,
)


@pytest.mark.parametrize(
    ("value", "places", "plain", "with_sign"),
    [
        (Decimal("1234567.891"), 2, "1,234,567.89", "+1,234,567.89"),
        (Decimal("-1234.5"), 2, "−1,234.50", "−1,234.50"),
        (-0.001, 2, "0.00", "0.00"),
        (0, 2, "0.00", "0.00"),
        (-1000, 0, "−1,000", "−1,000"),
    ],
)
def test_numbers_are_grouped_and_signed(value: Decimal, places: int, plain: str, with_sign: str) -> None:
    """A real minus sign, and no sign on what rounds to nothing."""
    assert (number(value, places), signed(value, places)) == (plain, with_sign)


@given(st.decimals(-(10**9), 10**9, places=8), st.integers(0, 8))
def test_what_is_shown_is_the_number_rounded(value: Decimal, places: int) -> None:
    """Reading the text back gives the input, to the decimals shown."""
    for text in (number(value, places), signed(value, places)):
        assert Decimal(text.replace(",", "").replace("−", "-")) == round(value, places)


def test_shares_are_percent() -> None:
    """Exact for decimals: no 8.410000001 %."""
    assert (percent(0.0841), signed_percent(Decimal("0.0841")), percent(0.5, 0)) == ("8.41%", "+8.41%", "50%")


def test_ratios_that_do_not_exist_are_dashes() -> None:
    """Undefined, infinite, not a number."""
    assert [ratio(value) for value in (-100.0, float("inf"), float("nan"), 1.256)] == ["–", "–", "–", "1.26"]


@pytest.mark.parametrize(
    ("largest", "places"), [("60000", 2), ("1.2", 5), ("0.00003", 8), ("0", 2), ("100", 3), ("-0.5", 6)]
)
def test_decimals_follow_the_size(largest: str, places: int) -> None:
    """Six digits of the largest value, between two and eight decimals."""
    assert places_for([Decimal(0), Decimal(largest)], 6) == places


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (45 * MINUTE, "45 min"),
        (HOUR, "1 h"),
        (3 * HOUR + 20 * MINUTE, "3 h 20 min"),
        (DAY, "1 d"),
        (2 * DAY + 11 * HOUR + 5 * MINUTE, "2 d 11 h"),
        (HOUR - 1, "1 h"),
        (DAY - 1, "1 d"),
        (0, "0 min"),
    ],
)
def test_durations_have_two_units_at_most(milliseconds: int, text: str) -> None:
    """And never 60 minutes or 24 hours."""
    assert duration(milliseconds) == text


def test_moments_are_utc() -> None:
    """Whatever the zone of the machine."""
    time = 1_609_873_200_000
    assert moment(time) == "2021-01-05 19:00"
    assert (date(time), date(time - 19 * HOUR)) == ("5 Jan 2021, 19:00", "5 Jan 2021")
