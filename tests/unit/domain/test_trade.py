"""The trade that a position became."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradewind.domain.position import Position
from tradewind.domain.trade import trade_of, trade_order

D = Decimal
SOLD = Position(
    "entry", "BTC/EUR", 5, amount=D(0), bought=D(2), sold=D(2), spent=D(200), received=D(240), fees=D(3),
    quote_fees=D(3), entry_tag="trend",
)  # fmt: skip


def test_a_trade_has_averages_and_what_is_left_after_fees():
    """The ratio is of what the entry cost."""
    trade = trade_of(SOLD, 9, "roi")

    assert ("BTC/EUR", 5, 9, "roi", "trend") == (
        trade.pair,
        trade.open_time,
        trade.close_time,
        trade.exit_reason,
        trade.entry_tag,
    )
    assert (D(100), D(120), D(2), D(3)) == (trade.open_rate, trade.close_rate, trade.amount, trade.fees)
    assert (D(37), D(37) / D(200)) == (trade.profit, trade.profit_ratio)


def test_trades_are_ordered_by_their_closing():
    """Then by pair, then by their opening, so that everybody tells them in one order."""
    first, second = trade_of(SOLD, 9, "roi"), trade_of(replace(SOLD, pair="AAA/EUR"), 9, "roi")
    third = replace(first, close_time=8)

    assert [third, second, first] == sorted([first, second, third], key=trade_order)
