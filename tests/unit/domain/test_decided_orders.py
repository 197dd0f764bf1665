"""The orders that decisions become: the same decision is the same order, and an entry does not stand for ever."""

from __future__ import annotations

from decimal import Decimal

from tradewind.domain.decided_orders import entry_decision, entry_expiry, entry_order, exit_decision, exit_order
from tradewind.domain.order import Leg, OrderType, Side
from tradewind.domain.timeframe import HOUR

D = Decimal
BOT, PAIR = "default/bot", "BTC/EUR"


def test_an_entry_buys_at_whatever_the_next_open_is():
    """Its tag are the strategies that agreed."""
    identity = entry_decision(BOT, PAIR, 7)
    order = entry_order(BOT, identity, PAIR, 7, amount=D(2), tag="trend")

    assert (identity, Leg.ENTRY, Side.BUY, OrderType.MARKET) == (order.decision_id, order.leg, order.side, order.type)
    assert (D(2), 7, "trend", False) == (order.amount, order.created_time, order.tag, order.reduce_only)
    assert order == entry_order(BOT, identity, PAIR, 7, amount=D(2), tag="trend")


def test_an_exit_sells_and_never_opens():
    """Its tag is the reason."""
    order = exit_order(BOT, "decision", PAIR, 7, amount=D(2), tag="roi")

    assert (Leg.EXIT, Side.SELL, True, "roi") == (order.leg, order.side, order.reduce_only, order.tag)


def test_an_exit_that_is_asked_for_again_is_another_decision():
    """So is that of another position, pair or candle."""
    made = {
        exit_decision(BOT, PAIR, 7, "position"),
        exit_decision(BOT, PAIR, 7, "position", 2),
        exit_decision(BOT, PAIR, 7, "position", 3),
        exit_decision(BOT, PAIR, 7, "other"),
        exit_decision(BOT, PAIR, 8, "position"),
        exit_decision(BOT, "ETH/EUR", 7, "position"),
    }
    assert 6 == len(made)
    assert exit_decision(BOT, PAIR, 7, "position", 1) in made


def test_an_entry_stands_until_the_close_of_the_candle_after_the_next():
    """Of months too, which are not all as long."""
    assert 2 * HOUR == entry_expiry("1h", 0)
    assert (31 + 28) * 24 * HOUR == entry_expiry("1M", 0)
