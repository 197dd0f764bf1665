"""Decimals on the wire: eight places as Binance, and never a digit lost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradewind.sim_exchange.wire.numbers import written


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18))
def test_a_number_is_written_plain_and_whole(value):
    """No exponent, at least eight places, and the same number when read again."""
    text = written(value)

    assert Decimal(text) == value
    assert "e" not in text.lower()
    assert len(text.partition(".")[2]) >= 8


def test_as_binance_writes_it():
    """The usual ones, and one that is finer than the usual."""
    assert ["1.00000000", "0.00100000", "100.00000000", "0.0000000001"] == [
        written(Decimal(text)) for text in ("1", "0.001", "1E+2", "0.00000000010")
    ]
