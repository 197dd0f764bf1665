"""Filters: an order that the venue would refuse is refused here first, with the reason."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.instrument import Instrument, split_pair

BTC = Instrument("BTC/EUR", "BTC", "EUR", Decimal("0.5"), Decimal("0.001"), Decimal("0.002"), Decimal(5))


def test_prices_go_to_the_tick_and_amounts_down_to_the_step():
    """The safe side of a stop is up for a long position and down for a short one."""
    assert BTC.price(Decimal("100.25")) == Decimal("100.5")
    assert BTC.price_up(Decimal("100.01")) == Decimal("100.5")
    assert BTC.price_down(Decimal("100.49")) == Decimal("100.0")
    assert BTC.amount(Decimal("0.0029")) == Decimal("0.002")


@pytest.mark.parametrize(
    ("amount", "price", "reason"),
    [
        ("0.1", "100", None),
        ("0.001", "10000", "amount 0.001 BTC is below the minimum 0.002"),
        ("0.01", "100", "notional 1 EUR is below the minimum 5"),
        ("0.05", "100", None),
    ],
)
def test_what_the_venue_refuses_is_refused_with_its_reason(amount, price, reason):
    """Exactly at a minimum is allowed."""
    assert BTC.refusal(Decimal(amount), Decimal(price)) == reason


def test_nothing_is_not_an_order_even_where_the_venue_names_no_minimum():
    """A manifest may set both minimums to 0."""
    free = Instrument("BTC/EUR", "BTC", "EUR", Decimal("0.5"), Decimal("0.001"), Decimal(0), Decimal(0))
    assert free.refusal(Decimal(0), Decimal(100)) == "amount 0 BTC is not above 0 (the amount step is 0.001)"
    assert free.refusal(Decimal("0.001"), Decimal(100)) is None


@pytest.mark.parametrize(
    ("pair", "parts"), [("BTC/EUR", ("BTC", "EUR")), ("BTC/USDT:USDT", ("BTC", "USDT")), ("A/B:C-261225", ("A", "B"))]
)
def test_the_settle_currency_is_not_part_of_the_quote(pair, parts):
    """`USDT:USDT` would be a currency that nobody holds."""
    assert split_pair(pair) == parts
