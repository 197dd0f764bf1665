"""Rules 4 and 5.3: where a stop is and fills, and when and at what price the ROI table lets a trade leave."""

from __future__ import annotations

import math

import pytest
from tests.unit.domain.freqtrade.scenes import START, bought

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.roi import RoiTable
from tradewind.domain.freqtrade.stop import (
    StopRules,
    asked_distance,
    begin_stop,
    place_stop_after_fill,
    raise_stop,
    stop_price,
    trail,
)


def candle(open_, high, low, close):
    return Candle(START, open_, high, low, close, 1.0)


def test_a_stop_is_rounded_up_and_never_lowered():
    """Nor is a stop that was only placed a trailing one."""
    trade = bought(100.03)
    begin_stop(trade, -0.05)
    assert (95.03, 95.03, -0.05, False) == (
        trade.stop_loss,
        trade.initial_stop_loss,
        trade.stop_loss_pct,
        trade.is_stop_loss_trailing,
    )

    raise_stop(trade, 100.0, 0.06)
    assert (95.03, False) == (trade.stop_loss, trade.is_stop_loss_trailing)

    raise_stop(trade, 110.0, 0.06)
    assert (103.4, -0.06, 95.03, True) == (
        trade.stop_loss,
        trade.stop_loss_pct,
        trade.initial_stop_loss,
        trade.is_stop_loss_trailing,
    )


def test_after_a_fill_a_strategy_may_lower_the_stop():
    """That does not make it a trailing one; no answer leaves it."""
    trade = bought()
    begin_stop(trade, -0.05)
    place_stop_after_fill(trade, 100.0, None)
    assert 95.0 == trade.stop_loss

    place_stop_after_fill(trade, 100.0, -0.08)
    assert (92.0, -0.08, False) == (trade.stop_loss, trade.stop_loss_pct, trade.is_stop_loss_trailing)


@pytest.mark.parametrize("answer", [None, 0, 0.0, math.nan])
def test_nothing_zero_and_not_a_number_leave_a_stop(answer):
    """Whatever sign an answer has, it is a distance."""
    assert asked_distance(answer) is None
    assert 0.04 == asked_distance(-0.04) == asked_distance(0.04)


@pytest.mark.parametrize(
    ("rules", "high", "stop"),
    [
        ({}, 110.0, 99.0),
        ({"trailing_stop_positive": 0.02}, 110.0, 107.8),
        ({"trailing_stop_positive": 0.02, "trailing_stop_positive_offset": 0.10}, 110.0, 99.0),
        ({"trailing_stop_positive": 0.02, "trailing_stop_positive_offset": 0.09}, 110.0, 107.8),
        ({"trailing_only_offset_is_reached": True, "trailing_stop_positive_offset": 0.11}, 110.0, 90.0),
        ({"trailing_only_offset_is_reached": True, "trailing_stop_positive_offset": 0.10}, 110.0, 99.0),
    ],
)
def test_a_trailing_stop_follows_the_high(rules, high, stop):
    """By the plain distance, or by the positive one above its offset; not at all before the offset if so asked."""
    trade = bought()
    begin_stop(trade, -0.10)

    trail(trade, StopRules(-0.10, trailing_stop=True, **rules), high)

    assert stop == trade.stop_loss


def test_a_stop_is_hit_by_the_low_and_fills_where_it_is():
    """Above the candle's open too; only below the whole candle at its open."""
    trade, rules = bought(), StopRules(-0.05)
    begin_stop(trade, -0.05)

    assert 95.0 == stop_price(trade, rules, candle(94.0, 95.5, 93.0, 94.0), 5)
    assert 90.0 == stop_price(trade, rules, candle(90.0, 94.0, 89.0, 92.0), 5)

    raise_stop(trade, 120.0, 0.05)
    assert 114.0 == stop_price(trade, rules, candle(112.0, 120.0, 110.0, 111.0), 5)


@pytest.mark.parametrize(
    ("rules", "low", "price"),
    [
        ({}, 90.0, 98.0),
        ({}, 99.0, 99.0),
        ({"trailing_stop_positive": 0.02, "trailing_stop_positive_offset": 0.05}, 90.0, 98.0),
        (
            {
                "trailing_stop_positive": 0.02,
                "trailing_stop_positive_offset": 0.05,
                "trailing_only_offset_is_reached": True,
            },
            90.0,
            103.0,
        ),
        (
            {
                "trailing_stop_positive": 0.02,
                "trailing_stop_positive_offset": 0.05,
                "trailing_only_offset_is_reached": True,
                "use_custom_stoploss": True,
            },
            90.0,
            98.0,
        ),
    ],
)
def test_a_trailing_stop_in_the_candle_of_the_entry_fills_at_a_worse_price(rules, low, price):
    """As if the high had gone no further than what raised the stop."""
    trade = bought()
    begin_stop(trade, -0.10)
    raise_stop(trade, 110.0, 0.02)

    found = stop_price(trade, StopRules(-0.10, **rules), candle(100.0, 110.0, low, 100.0), 0)

    assert pytest.approx(price) == found


def test_the_roi_in_force_is_that_of_the_largest_age_reached():
    """Before the first there is none, and nothing is ever enough."""
    table = RoiTable({30: 0.01, 10: 0.02}, 5)

    assert table.step(9) is None
    assert (10, 0.02) == table.step(29)
    assert (30, 0.01) == table.step(31)
    assert not table.reached(bought(), 9, 200.0)
    assert not table.reached(bought(), 10, 102.0)
    assert table.reached(bought(), 10, 102.01)


@pytest.mark.parametrize(
    ("age", "shape", "price"),
    [
        (5, (100.0, 103.0, 99.0, 100.0), 102.0),
        (5, (103.0, 104.0, 102.5, 103.0), 102.5),
        (20, (101.5, 103.0, 99.0, 100.0), 101.5),
        (20, (100.5, 103.0, 99.0, 100.0), 101.0),
        (25, (101.5, 103.0, 99.0, 100.0), 101.0),
        (33, (100.0, 103.0, 99.0, 100.0), 99.0),
        (40, (100.0, 103.0, 99.0, 100.0), 100.0),
    ],
)
def test_a_trade_leaves_at_the_rate_that_earns_the_ratio(age, shape, price):
    """Within the candle; at the open where a step begins there; -1 at the open, or off the grid at the low."""
    table = RoiTable({0: 0.02, 20: 0.01, 33: -1, 40: -1}, 5)

    assert pytest.approx(price) == table.price(bought(), age, candle(*shape))


def test_the_price_covers_both_fees():
    """Sold there, the trade has earned exactly the ratio."""
    trade = bought(100.0, 1.0, fee=0.0026)
    price = RoiTable({0: 0.02}, 5).price(trade, 5, candle(100.0, 110.0, 99.0, 100.0))

    assert 0.02 == trade.calc_profit_ratio(price)


def test_a_red_candle_is_not_left_in_the_moment_of_an_entry_below_its_open():
    """The high was before the entry then; a green candle, or an entry at the open, may be left."""
    table = RoiTable({0: 0.02}, 5)
    red, green = candle(101.0, 103.0, 99.0, 100.0), candle(101.0, 103.0, 99.0, 102.5)

    assert table.price(bought(), 0, red) is None
    assert pytest.approx(102.0) == table.price(bought(), 0, green)
    assert table.price(bought(), 5, red) is not None
