"""Rules 3: ticks from what candles show, amounts cut to their step, values that are exact."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.freqtrade.scenes import START, bought, market

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.market import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    MonthlyTicks,
    cut_amount,
    decimals_shown,
    maximum_stake,
    minimum_stake,
    rounded_price,
    step_of,
)
from tradewind.domain.freqtrade.trade import Order, average_of, close_value, open_value, share_of
from tradewind.domain.timeframe import DAY


@pytest.mark.parametrize(
    ("price", "decimals"),
    [
        (0.10441057000000001, 8),
        (5.643e-05, 8),
        (27219.5, 1),
        (27219.0, None),
        (1200000.0, None),
        (float("nan"), None),
    ],
)
def test_a_price_shows_its_decimals_and_no_float_noise(price, decimals):
    """Fourteen significant digits; a whole number shows none."""
    (found,) = decimals_shown(np.array([price]))

    assert np.isnan(found) if decimals is None else found == decimals


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.floats(0, 1e15),
            st.decimals(0, 100_000, places=5).map(float),
            st.integers(0, 10**15).map(lambda whole: whole / 1e9),
        )
    )
)
def test_decimals_are_those_of_the_text(prices):
    """With fourteen significant digits and without zeros at the end, whatever the way they were found by."""
    texts = [Decimal(f"{price:.13e}").normalize() for price in prices]
    shown = [max(-int(text.as_tuple().exponent), 0) for text in texts]

    assert shown == np.nan_to_num(decimals_shown(np.array(prices, dtype=float))).tolist()


def test_the_tick_of_a_month_is_its_finest_price_and_goes_on_over_months_of_whole_numbers():
    """Candles later in the month count; before any month that has one there is none."""
    january, march = START, START + 60 * DAY
    times = np.array([january, january + DAY, january + 30 * DAY, march])
    ticks = MonthlyTicks.of(times, np.array([1.0, 3.0, np.nan, 2.0]))

    assert [
        (january // DAY * DAY - 9 * DAY, Decimal("0.001")),
        (march // DAY * DAY - 10 * DAY, Decimal("0.01")),
    ] == ticks.steps()
    assert Decimal("0.001") == ticks.at(january)
    assert Decimal("0.001") == ticks.at(january + 30 * DAY)
    assert Decimal("0.01") == ticks.at(march)
    assert ticks.at(january - 30 * DAY) is None


def test_a_month_keeps_its_finest_price_when_coarser_ones_follow():
    """Not the last one seen."""
    assert Decimal("0.001") == MonthlyTicks.of(np.array([START, START + DAY]), np.array([3.0, 1.0])).at(START)


def test_prices_round_half_up_and_stops_up():
    """Nearest for orders, the next tick for stops; without a tick not at all."""
    assert 1.3 == rounded_price(1.25, Decimal("0.1"))
    assert 1.2 == rounded_price(1.249, Decimal("0.1"))
    assert 1.3 == rounded_price(1.21, Decimal("0.1"), up=True)
    assert 1.234567 == rounded_price(1.234567, None)


def test_a_precision_is_a_tick_or_a_number_of_decimals():
    """Significant digits are not honoured, and refused by name."""
    assert Decimal("0.5") == step_of(0.5, TICK_SIZE, "precision")
    assert Decimal("0.001") == step_of(3, DECIMAL_PLACES, "precision")
    assert step_of(None, TICK_SIZE, "precision") is None
    with pytest.raises(ConfigError, match="precision mode 3"):
        step_of(3, SIGNIFICANT_DIGITS, "precision")


def test_amounts_are_cut_and_least_stakes_keep_a_reserve_for_the_stop():
    """The larger of what the limits of cost and of amount ask for."""
    limited = market(cost_min=10.0, amount_min=0.5, cost_max=500.0, amount_max=4.0)

    assert 1.234 == cut_amount(1.23499, Decimal("0.001"))
    assert 1.23499 == cut_amount(1.23499, None)
    assert pytest.approx(10 * 1.05 / 0.95) == minimum_stake(limited, 1.0, 0.05)
    assert pytest.approx(0.5 * 100 * 1.05) == minimum_stake(limited, 100.0, 0.05)
    assert 500.0 == maximum_stake(limited, 200.0)
    assert 400.0 == maximum_stake(limited, 100.0)
    assert float("inf") == maximum_stake(market(), 1.0)
    assert 0.0 == minimum_stake(market(), 1.0, 0.0)


def test_values_are_exact_products_of_what_the_floats_show():
    """In floats 0.1 * 3 * 1.001 is another number."""
    assert float(Decimal("0.1") * 3 * Decimal("1.001")) == open_value(3.0, 0.1, 0.001)
    assert float(Decimal("0.1") * 3 * Decimal("0.999")) == close_value(3.0, 0.1, 0.001)
    assert 0.0073 == share_of(49.95, 0.0146, 99.9)
    assert 0.10441057000000001 == average_of(957.75, 0.10441057000000001)
    assert 1.0000000001e-8 == average_of(3.0, 1.00000000019e-8)


def test_profit_is_measured_after_both_fees_and_rounded_to_eight_decimals():
    """What decides; and the range of an untouched position is its entry."""
    trade = bought(100.0, 2.0, fee=0.001)

    assert round(109.89 / 100.1 - 1, 8) == trade.calc_profit_ratio(110.0)
    assert 0.0 == trade.calc_profit_ratio(110.0, open_rate=0.0)
    assert 0.0 == bought(0.001, tick="1").calc_profit_ratio(110.0)
    assert pytest.approx(2 * (109.89 - 100.1)) == trade.calc_profit(110.0)
    assert pytest.approx(109.89 - 100.1) == trade.calc_profit(110.0, 1.0)
    assert pytest.approx(109.89 - 100.1) == trade.calc_profit(110.0, 1.0, 100.0)
    assert trade.calc_profit_ratio(110.0) == trade.calc_profit_ratio(110.0, 1.0)


def test_a_trade_averages_its_entries_and_books_against_what_was_paid():
    """`open_rate` is rounded to the tick; profit is booked from the average itself, over the value of all entries."""
    trade = bought(100.0, 1.0, tick="1")
    more = Order(is_entry=True, price=101.0, amount=2.0, placed_at=START, tag="more")
    part = Order(is_entry=False, price=110.0, amount=1.0, placed_at=START, tag="part")
    rest = Order(is_entry=False, price=100.0, amount=2.0, placed_at=START, tag="rest")
    trade.orders += [more, part, rest]

    trade.fill(more, START)
    assert (101.0, 3.0, 302.0, 302.0) == (trade.open_rate, trade.amount, trade.stake_amount, trade.max_stake_amount)

    trade.fill(part, START)
    assert (2.0, True) == (trade.amount, trade.is_open)
    assert pytest.approx(302 * 2 / 3) == trade.stake_amount
    assert pytest.approx(110 - 302 / 3) == trade.realized_profit

    trade.fill(rest, START + 1)
    assert (False, 100.0, START + 1) == (trade.is_open, trade.close_rate, trade.close_time)
    assert pytest.approx(110 + 200 - 302) == trade.close_profit_abs
    assert pytest.approx(8 / 302) == trade.close_profit
    assert (2.0, 2, 2) == (trade.amount, trade.nr_of_successful_entries, trade.nr_of_successful_exits)
    assert (False, []) == (trade.has_open_orders, trade.open_orders)
    assert ["buy", "buy", "sell", "sell"] == [order.side for order in trade.orders]
