"""A trade: one position from its first entry fill to its last exit fill, as reports and metrics see it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


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
