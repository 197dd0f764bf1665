"""What compiled functions reckon in floats is what the domain's functions reckon in decimals."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tradewind.domain.freqtrade import market, trade
from tradewind.domain.money import decimal_of

numba = pytest.importorskip("numba", reason="the extra compiled is not installed")

from tradewind.research.freqtrade.compiled import arithmetic  # noqa: E402, F401 - what is called below
from tradewind.research.freqtrade.compiled.compiling import kept  # noqa: E402

rounded_price, cut_amount = market.rounded_price, market.cut_amount
open_value, close_value, stake_of = trade.open_value, trade.close_value, trade.stake_of
average_of, rounded = trade.average_of, trade.rounded


@kept
def compiled(price: float, amount: float, fee: float, step: float, value: float):
    """All of them at once, since each is compiled on its own otherwise."""
    return (
        rounded_price(price, step),
        rounded_price(price, step, True),
        cut_amount(price, step),
        open_value(amount, price, fee),
        close_value(amount, price, fee),
        stake_of(amount, price),
        average_of(amount, price),
        rounded(value),
    )


def shown(places):
    """Numbers as people write them, of that many decimals at most."""
    return st.decimals(Decimal(0), Decimal(100_000), places=places).map(float)


numbers = st.one_of(
    shown(2), shown(5), shown(8), st.floats(1e-9, 1e6), shown(2).map(lambda x: math.nextafter(x + 0.1, math.inf))
)
steps = st.sampled_from([1e-12, 1e-10, 1e-8, 0.00005, 0.001, 0.01, 0.025, 0.03, 0.1, 0.5, 1.0, 5.0, 1e6])
fees = st.sampled_from([0.0, 0.001, 0.0026, 0.00075, 0.000123, 1e-9, 0.0033333333333333335])


@settings(max_examples=500, deadline=None)
@given(price=numbers, amount=numbers.filter(bool), fee=fees, step=steps, value=st.floats(-1e7, 1e7))
@example(price=0.10441057000000001, amount=957.75, fee=0.001, step=1e-8, value=0.000000005)
@example(price=1.25, amount=0.1, fee=0.0, step=0.1, value=0.5)
@example(price=1e-9, amount=1e12, fee=0.001, step=1e-12, value=-0.000000015)
@example(price=3.0, amount=0.1, fee=0.001, step=0.03, value=1e-300)
@example(price=99_999.99, amount=123_456_789.12345678, fee=1e-9, step=0.01, value=1e9 + 0.123456785)
def test_compiled_arithmetic_is_that_of_decimals(price, amount, fee, step, value):
    """Equal bit by bit: prices to their tick, amounts to their step, values and their ratios."""
    tick = decimal_of(step)
    assert compiled(price, amount, fee, step, value) == (
        market.rounded_price(price, tick),
        market.rounded_price(price, tick, True),
        market.cut_amount(price, tick),
        trade.open_value(amount, price, fee),
        trade.close_value(amount, price, fee),
        trade.stake_of(amount, price),
        trade.average_of(amount, price),
        trade.rounded(value),
    )


def test_without_a_tick_or_a_step_nothing_is_rounded():
    """0 stands for none."""
    found = compiled(1.23456789, 1.0, 0.0, 0.0, 0.0)

    assert (1.23456789, 1.23456789, 1.23456789) == found[:3]
