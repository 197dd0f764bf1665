"""The price's way through a candle: a third of the time for each piece, and the same fills however it is cut."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain.candle_path import PathMatch, price_at, range_until
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import CandleMatch, Ended, MarketCandle, Matched, MatchingRules, Reduced, WorkingOrder
from tradewind.domain.order import OrderType, Side, TimeInForce

D = Decimal
PAIR = Instrument("BTC/EUR", "BTC", "EUR", D("0.01"), D("0.001"), D("0.002"), D(5))
DURATION = 3000
RISING = MarketCandle(D(100), D(112), D(97), D(109), D(1000))  # 100, 97, 112, 109


def order(name, side, kind, amount="1", *, sequence=1, **fields):
    prices = {key: D(str(fields.pop(key))) for key in ("price", "stop_price") if key in fields}
    return WorkingOrder(name, sequence, Side(side), OrderType(kind), D(amount), **prices, **fields)


def walk(orders, *cuts, candle=RISING, rules=None):
    rules = rules or MatchingRules()
    timed, consumed = [], D(0)
    limits = {one.order_id for one in orders if one.price is not None}
    for start, end in zip((0, *cuts), (*cuts, DURATION), strict=True):
        matching = PathMatch(PAIR, rules, candle, orders, consumed, duration=DURATION)
        found = matching.walk(start, end)
        consumed += sum((e.amount for _, e in found if isinstance(e, Matched) and e.order_id in limits), D(0))
        timed += found
    return timed


def brief(timed):
    return [(time, event.order_id, getattr(event, "price", None)) for time, event in timed]


@pytest.mark.parametrize(
    ("elapsed", "price"), [(0, "100"), (500, "98.5"), (1000, "97"), (1500, "104.5"), (2000, "112"), (3000, "109")]
)
def test_each_piece_of_the_path_takes_a_third_of_the_candle(elapsed, price):
    assert price_at(RISING, elapsed, DURATION) == D(price)


@pytest.mark.parametrize(
    ("elapsed", "high", "low"), [(0, 100, 100), (500, 100, "98.5"), (1500, "104.5", 97), (3000, 112, 97)]
)
def test_the_range_so_far_is_that_of_the_path_so_far(elapsed, high, low):
    assert range_until(RISING, elapsed, DURATION) == (D(high), D(low))


def test_orders_fill_at_the_time_at_which_the_price_is_there():
    orders = [
        order("low", "buy", "limit", price=98),
        order("high", "sell", "limit", price="104.5", sequence=2),
        order("stop", "sell", "stop", stop_price=110, sequence=3),
    ]
    orders[2].stop_price = D("99")
    assert brief(walk(orders)) == [(334, "stop", D("99")), (667, "low", D("98")), (1500, "high", D("104.5"))]


def test_a_stop_that_the_open_has_passed_acts_at_the_open():
    orders = [order("sell", "sell", "stop", stop_price=101), order("buy", "buy", "stop", stop_price=99, sequence=2)]
    assert brief(walk(orders)) == [(0, "sell", D(100)), (0, "buy", D(100))]


def test_a_level_at_the_cut_acts_once_and_with_the_stretch_after_it():
    orders = [order("low", "buy", "limit", price="98.5")]
    first = PathMatch(PAIR, MatchingRules(), RISING, orders, D(0), duration=DURATION).walk(0, 500)
    second = PathMatch(PAIR, MatchingRules(), RISING, orders, D(0), duration=DURATION).walk(500, DURATION)
    assert (brief(first), brief(second)) == ([], [(500, "low", D("98.5"))])


def test_an_extreme_belongs_to_the_stretch_that_ends_with_it():
    orders = [order("stop", "sell", "stop", stop_price=97)]
    matching = PathMatch(PAIR, MatchingRules(), RISING, orders, D(0), duration=DURATION)
    assert brief(matching.walk(0, 1000)) == [(1000, "stop", D(97))]


def test_a_flat_piece_takes_no_time_to_be_reached():
    flat = MarketCandle(D(100), D(100), D(100), D(100), D(1000))
    assert walk([order("low", "buy", "limit", price=99)], 700, candle=flat) == []
    stop = order("buy", "buy", "stop", stop_price=101)
    stop.stop_price = D(100)
    timed = PathMatch(PAIR, MatchingRules(), flat, [stop], D(0), duration=DURATION).walk(500, 600)
    assert brief(timed) == [(500, "buy", D(100))]


def test_what_the_other_leg_loses_has_the_time_of_the_fill():
    legs = [
        order("stop", "sell", "stop", "3", stop_price=90, group="g"),
        order("target", "sell", "limit", "3", price="104.5", group="g", sequence=2),
    ]
    small = MarketCandle(D(100), D(112), D(97), D(109), D(4))  # a quarter of it is one
    (when, fill), (also, resize) = walk(legs, candle=small)
    assert (when, also, fill.amount, resize) == (1500, 1500, D(1), Reduced("stop", D(2)))


def test_a_stop_limit_that_finds_nobody_ends_when_its_stop_is_reached():
    stop = order("s", "sell", "stop_limit", stop_price="98.5", price=99, time_in_force=TimeInForce.IOC)
    ((when, event),) = walk([stop])
    assert (when, type(event), event.reason) == (500, Ended, "NotMarketable")


# ----------------------------------------------------------------------------------------------------------- properties

PRICES = st.integers(90, 120).map(D)


@st.composite
def candles(draw):
    low, high = sorted((draw(PRICES), draw(PRICES)))
    inside = st.integers(int(low), int(high)).map(D)
    return MarketCandle(draw(inside), high, low, draw(inside), D(draw(st.integers(0, 40))))


@st.composite
def books(draw):
    orders = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from([OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT]))
        orders.append(
            WorkingOrder(
                str(number),
                number,
                draw(st.sampled_from(Side)),
                kind,
                D(draw(st.integers(1, 5))),
                price=None if kind is OrderType.STOP else draw(PRICES),
                stop_price=None if kind is OrderType.LIMIT else draw(PRICES),
                time_in_force=draw(st.sampled_from(TimeInForce)) if kind is OrderType.STOP_LIMIT else TimeInForce.GTC,
                group=draw(st.sampled_from([None, "g"])),
                rested=draw(st.booleans()),
            )
        )
    return orders


@settings(max_examples=300, deadline=None)
@given(candles(), books(), st.sets(st.integers(1, DURATION - 1), max_size=6))
def test_many_stretches_do_what_one_does(candle, orders, cuts):
    other, kernel = deepcopy(orders), deepcopy(orders)
    whole = walk(orders, candle=candle)
    assert walk(other, *sorted(cuts), candle=candle) == whole
    assert other == orders
    assert [event for _, event in whole] == CandleMatch(PAIR, MatchingRules(), candle, kernel).path_phase()
    assert [time for time, _ in whole] == sorted(time for time, _ in whole)
    assert all(0 <= time <= DURATION for time, _ in whole)
