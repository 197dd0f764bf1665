"""A trade: one position from its first entry fill to its last exit fill, as reports and metrics see it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.position import Position


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A position that is gone. Times in milliseconds UTC, rates (averages) in quote per base, amount in base.

    `fees` and `profit` are in quote, `profit` net of all fees; `profit_ratio` is profit over the value at entry.
    """

    pair: str
    open_time: int
    close_time: int
    open_rate: Decimal
    close_rate: Decimal
    amount: Decimal
    fees: Decimal
    profit: Decimal
    profit_ratio: Decimal
    exit_reason: str
    entry_tag: str = ""


def trade_of(position: Position, close_time: int, reason: str) -> ClosedTrade:
    """The closed trade that a position became."""
    return ClosedTrade(
        pair=position.pair,
        open_time=position.open_time,
        close_time=close_time,
        open_rate=position.average_price,
        close_rate=position.close_rate,
        amount=position.bought,
        fees=position.fees,
        profit=position.profit,
        profit_ratio=position.profit_ratio,
        exit_reason=reason,
        entry_tag=position.entry_tag,
    )


def trade_order(trade: ClosedTrade) -> tuple[int, str, int]:
    """One order of trades for all, before and after a restart: by the time of closing."""
    return trade.close_time, trade.pair, trade.open_time
