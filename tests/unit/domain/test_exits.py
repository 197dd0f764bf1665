"""Stops, targets and trailing stops: rounded to the side that keeps what was asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.exits import TrailingStop, initial_stop, target_price, trailed_stop, unmoved_below
from tradewind.domain.instrument import Instrument

D = Decimal
BTC = Instrument("BTC/EUR", "BTC", "EUR", D("0.5"), D("0.0001"), D("0.001"), D(10))
TRAILING = TrailingStop(distance=D("0.04"), activation=D("0.03"))


def test_a_stop_is_rounded_up():
    """95.19 would be 0.01 more risk than 5 % of 100.2: it goes to 95.5."""
    assert initial_stop(BTC, D("100.2"), D("0.05")) == D("95.5")
    assert initial_stop(BTC, D(100), D("0.05")) == 95


def test_a_target_is_rounded_up():
    """110.22 is not sold at 110."""
    assert target_price(BTC, D("100.2"), D("0.1")) == D("110.5")
    assert target_price(BTC, D(100), D("0.1")) == 110


def test_a_trailing_stop_begins_with_its_activation():
    """At 3 % above the entry, not a tick below; then 4 % below the high, rounded up."""
    assert trailed_stop(BTC, TRAILING, D(100), D("102.9"), D(95)) is None
    assert trailed_stop(BTC, TRAILING, D(100), D(103), D(95)) == D(99)  # 98.88
    assert trailed_stop(BTC, TrailingStop(D("0.04"), D(0)), D(100), D(100), D(95)) == D(96)


@pytest.mark.parametrize(("current", "expected"), [("98.5", D(99)), ("99", None), ("99.5", None)])
def test_a_trailing_stop_is_never_lowered_and_not_amended_to_where_it_is(current, expected):
    """An amendment that changes nothing is a call to the venue for nothing."""
    assert trailed_stop(BTC, TRAILING, D(100), D(103), D(current)) == expected


def test_a_position_without_a_stop_gets_one_when_the_trailing_begins():
    """There is nothing that it could be lowered from."""
    assert trailed_stop(BTC, TRAILING, D(100), D(103), None) == D(99)


PRICES = st.integers(1, 10**7).map(lambda cents: D(cents) / 100)
RATIOS = st.integers(0, 999).map(lambda permille: D(permille) / 1000)


@given(PRICES, RATIOS, RATIOS, st.lists(PRICES, min_size=1, max_size=20))
def test_over_any_candles_a_stop_only_rises_and_risk_is_never_more_than_asked(entry, distance, activation, highs):
    """From candle to candle; every stop at most the distance below some high, to within a tick."""
    trailing = TrailingStop(distance, activation)
    stop = initial_stop(BTC, entry, distance)
    assert 0 <= stop - entry * (1 - distance) < BTC.price_tick
    for high in highs:
        raised = trailed_stop(BTC, trailing, entry, high, stop)
        if raised is not None:
            assert raised > stop
            assert high >= entry * (1 + activation)
            assert 0 <= raised - high * (1 - distance) < BTC.price_tick
            stop = raised


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 50), st.integers(0, 50))
def test_no_high_below_it_moves_a_stop(high, entry, stop, distance, activation):
    """So a candle that stays below need not be looked at; and one that is not far above does."""
    trailing = TrailingStop(D(distance) / 100, D(activation) / 100)
    ticks = [D(value) / 2 for value in (high, entry, stop)]
    bound = unmoved_below(trailing, ticks[1], ticks[2])
    moved = trailed_stop(BTC, trailing, *[ticks[1], ticks[0], ticks[2]])

    assert moved is None or float(ticks[0]) >= bound
    assert moved is not None or float(ticks[0]) <= bound * (1 + 1e-8)
