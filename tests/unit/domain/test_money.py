"""Decimals at the order boundary: a price on the wrong side of a tick is money lost without a trace."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.money import DOWN, NEAREST, UP, decimal_of, plain, round_to, truncate_to

STEPS = st.sampled_from([Decimal(text) for text in ("1", "0.5", "0.05", "0.01", "0.00000001", "25")])
VALUES = st.decimals("-1e9", "1e9", places=10)


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (29000.01, "29000.01"), (1e-8, "0.00000001"), (3, "3")])
def test_a_float_becomes_the_decimal_that_a_person_reads(value, text):
    """Not its binary value: 0.1 is 0.1 on the venue's price list."""
    assert plain(decimal_of(value)) == text


def test_a_number_of_an_array_is_as_good_as_one_of_a_feed():
    """Its repr names its type, which no decimal is made of."""
    assert decimal_of(np.float64(0.1)) == Decimal("0.1")


@pytest.mark.parametrize(
    ("rounding", "value", "expected"),
    [(UP, "10.011", "10.02"), (DOWN, "10.019", "10.01"), (NEAREST, "10.015", "10.02"), (NEAREST, "10.014", "10.01")],
)
def test_rounding_goes_where_its_purpose_says(rounding, value, expected):
    """The three of them differ by a tick, which is the difference between safe and not."""
    assert round_to(Decimal(value), Decimal("0.01"), rounding) == Decimal(expected)


@given(VALUES, STEPS)
def test_rounding_stays_within_a_step_and_on_its_side(value, step):
    """For every value and step: on the grid, on the side that was asked for."""
    up, down, near = (round_to(value, step, rounding) for rounding in (UP, DOWN, NEAREST))
    assert down <= value <= up
    assert up - down in {0, step}
    assert near in {up, down}
    assert abs(near - value) * 2 <= step
    assert all(rounded % step == 0 for rounded in (up, down, near))


@given(VALUES, STEPS)
def test_truncating_never_raises_an_amount(value, step):
    """More than asked would be an order that the balance may not carry."""
    cut = truncate_to(value, step)
    assert abs(cut) <= abs(value)
    assert abs(value - cut) < step
    assert cut % step == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"),
        ("1.50", "1.5"),
        ("-0.00", "0"),
        ("-0", "0"),
        ("0E-8", "0"),
        ("100", "100"),
        ("1E-8", "0.00000001"),
    ],
)
def test_text_has_neither_exponent_nor_trailing_zeros(value, text):
    """It is what stands on wires and in files, where 1E+3 is refused."""
    assert plain(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**9), max_value=10**9))
def test_text_gives_the_same_decimal_back(value):
    """Nothing is lost on the way through a table."""
    assert Decimal(plain(value)) == value
