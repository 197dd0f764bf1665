"""Positions and balances: both follow from fills, and profits add up to the change of the balance."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.order import Fill, Side
from tradewind.domain.position import Position, balance_changes

D = Decimal
STEP = D("0.001")
NUMBER = iter(range(10**9))


def fill(side, amount, price, fee="0", currency="EUR", *, pair="BTC/EUR"):
    return Fill(str(next(NUMBER)), "id", pair, Side(side), D(amount), D(price), D(fee), currency, maker=False, time=7)


def position(*fills, pair="BTC/EUR"):
    held = Position("entry", pair, 7)
    for one in fills:
        held = held.with_fill(one)
    return held


def test_a_long_trade_by_the_rules_of_profit():
    """`semantics` section 3: 2 at 100, fee 0.25 %: 200.5 out; 2 at 110, fee 0.25 %: 219.45 in; profit 18.95."""
    opened = position(fill("buy", "2", "100", "0.5"))
    assert (opened.amount, opened.average_price, opened.close_rate) == (2, 100, 0)
    assert (opened.profit, opened.profit_ratio) == (D("-200.5"), D("-1.0025"))
    closed = opened.with_fill(fill("sell", "2", "110", "0.55"))
    assert closed.is_closed(STEP)
    assert (closed.profit, closed.fees, closed.close_rate) == (D("18.95"), D("1.05"), 110)
    assert closed.profit_ratio == D("18.95") / 200


def test_averages_weigh_by_amount():
    """Two entries, two exits."""
    held = position(fill("buy", "1", "100"), fill("buy", "3", "104"), fill("sell", "3", "110"), fill("sell", "1", "90"))
    assert (held.average_price, held.close_rate) == (103, 105)


def test_a_position_without_a_fill_has_no_prices():
    """It exists for a moment, before its first fill is applied."""
    assert (position().average_price, position().profit_ratio) == (0, 0)


def test_a_fee_in_base_leaves_less_to_sell_and_dust_that_is_no_position():
    """1 bought, 0.0025 kept by the venue: 0.9975 are held, 0.997 can be sold, 0.0005 stay in the account."""
    held = position(fill("buy", "1", "100", "0.0025", "BTC"))
    assert (held.amount, held.fees, held.quote_fees) == (D("0.9975"), D("0.25"), 0)
    assert not held.is_closed(STEP)
    closed = held.with_fill(fill("sell", "0.997", "110", "0.27"))
    assert (closed.amount, closed.is_closed(STEP)) == (D("0.0005"), True)
    assert closed.profit == D("109.67") - 100 - D("0.27")


def test_a_fee_in_a_third_currency_costs_that_currency_and_not_the_profit():
    """A venue's own coin: the balance of the coin shrinks, the profit is that of the trade."""
    one = fill("buy", "1", "100", "0.01", "BNB")
    assert position(one).profit == -100
    assert balance_changes(one) == {"BTC": 1, "EUR": -100, "BNB": D("-0.01")}


def test_the_settle_currency_of_a_derivative_is_not_its_quote():
    """`BTC/USDT:USDT` is paid in USDT."""
    one = fill("buy", "1", "100", "0.25", "USDT", pair="BTC/USDT:USDT")
    assert balance_changes(one) == {"BTC": 1, "USDT": D("-100.25")}
    assert position(one, pair=one.pair).quote_fees == D("0.25")


@pytest.mark.parametrize(
    ("side", "currency", "expected"),
    [
        ("buy", "EUR", {"BTC": D(2), "EUR": D("-200.5")}),
        ("sell", "EUR", {"BTC": D(-2), "EUR": D("199.5")}),
        ("buy", "BTC", {"BTC": D("1.5"), "EUR": D(-200)}),
        ("sell", "BTC", {"BTC": D("-2.5"), "EUR": D(200)}),
    ],
)
def test_what_a_fill_does_to_the_balances(side, currency, expected):
    """Both sides and the fee, wherever it is taken."""
    assert balance_changes(fill(side, "2", "100", "0.5", currency)) == expected


AMOUNTS = st.integers(1, 5000).map(lambda steps: steps * STEP)
PRICES = st.integers(1, 10_000).map(lambda cents: cents * D("0.01"))


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(AMOUNTS, PRICES), min_size=1, max_size=3), st.lists(PRICES, min_size=1, max_size=3)
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["EUR", "BTC"]),
)
def test_the_sum_of_profits_is_the_change_of_the_balance(trades, entry_fee_currency):
    """After every trade is closed, to the last digit in quote; in base each leaves dust of less than a step."""
    balances = {"EUR": D(0), "BTC": D(0)}
    profits, dust = D(0), D(0)
    for entries, exits in trades:
        held = position()
        for amount, price in entries:
            rate = D("0.0025")
            fee = amount * rate if entry_fee_currency == "BTC" else amount * price * rate
            held = take(held, fill("buy", amount, price, fee, entry_fee_currency), balances)
        part = held.amount / len(exits) // STEP * STEP
        amounts = [part] * (len(exits) - 1)
        amounts.append((held.amount - sum(amounts)) // STEP * STEP)
        for amount, price in zip(amounts, exits, strict=True):
            held = take(held, fill("sell", amount, price, amount * price * D("0.0015")), balances)
        assert held.is_closed(STEP)
        assert 0 <= held.amount < STEP
        profits += held.profit
        dust += held.amount
    assert balances == {"EUR": profits, "BTC": dust}
    if entry_fee_currency == "EUR":
        assert dust == 0


def take(held, one, balances):
    for currency, change in balance_changes(one).items():
        balances[currency] += change
    return held.with_fill(one)
