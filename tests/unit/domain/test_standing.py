"""What an account has free, tied and at risk, with what is on its way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.decision import HeldPosition
from tradewind.domain.order import Leg
from tradewind.domain.sizing import Funds
from tradewind.domain.standing import Pending, Standing

D = Decimal


@pytest.fixture
def standing():
    """1000 in cash, one position of 2 bought at 100 that stands at 110, one entry and one exit on their way."""
    made = Standing()
    made.currency, made.fee = "EUR", D("0.01")
    made.balances = {"EUR": D(1000), "AAA": D(2)}
    made.positions["AAA/EUR"] = HeldPosition("a", D(2), D(100), None)
    made.closes["AAA/EUR"] = D(110)
    made.closes["BBB/EUR"] = D(50)
    made.pending["BBB/EUR"] = Pending("b", Leg.ENTRY, made.reserve("BBB/EUR", D(4), None))
    made.pending["AAA/EUR"] = Pending("x", Leg.EXIT)
    made.equity, made.equity_peak, made.day_start_equity = D(1220), D(1300), D(1250)
    return made


def test_an_entry_on_its_way_is_spent_already(standing):
    """At the last close with its fee: it is not free, it is tied, and it is exposure."""
    assert D(202) == standing.reserved()
    assert D(220 + 202) == standing.exposure()
    assert Funds(free=D(798), tied=D(402), equity=D(1220), exposure=D(422)) == standing.funds()


def test_an_entry_that_names_a_price_reserves_at_that_price(standing):
    """Not at the close, and not at all where neither is known."""
    assert D("40.4") == standing.reserve("BBB/EUR", D(1), D(40))
    assert 0 == standing.reserve("CCC/EUR", D(1), None)


def test_free_cash_is_never_negative(standing):
    """More may be reserved than there is, after a loss."""
    standing.balances["EUR"] = D(1)
    assert 0 == standing.funds().free


def test_a_position_without_a_close_counts_at_what_it_cost(standing):
    """As after a start, before its pair has traded."""
    del standing.closes["AAA/EUR"]
    assert D(200 + 202) == standing.exposure()


def test_entries_on_their_way_take_a_slot_and_exits_none(standing):
    """The position that leaves still has its own."""
    risk = standing.risk()
    assert 2 == risk.open_positions
    assert (D(422), D(1220), D(1300), D(1250)) == (
        risk.exposure,
        risk.equity,
        risk.equity_peak,
        risk.day_start_equity,
    )


def test_a_pair_is_busy_while_an_order_is_on_its_way_or_it_has_just_closed(standing):
    """At the candle at which it closed, and at no other."""
    standing.closed_at["CCC/EUR"] = 7
    assert standing.busy("AAA/EUR", 8)
    assert standing.busy("CCC/EUR", 7)
    assert not standing.busy("CCC/EUR", 8)
