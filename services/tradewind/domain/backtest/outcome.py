"""What a backtest came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.backtest.valuation import EquityPoints
from tradewind.domain.trade import ClosedTrade


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it. `ticks` is how many were met; fewer than there are where somebody asked to stop.

    `daily` is the last equity of each UTC day; `orders` counts orders by what they reached; `balances` are totals by
    currency, `open_positions` is how many they hold.
    """

    ticks: int
    trades: tuple[ClosedTrade, ...]
    equity: EquityPoints
    daily: Sequence[float]
    balances: Mapping[str, Decimal]
    open_positions: int
    orders: Mapping[str, int]
