"""The equity curve: what the account is worth at each tick, its peak and where each day began.

It is a fold over ticks, so a restarted bot folds the stored balance changes over the same candles and stands exactly
where it stood.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.timeframe import DAY


def equity_of(balances: Mapping[str, Decimal], closes: Mapping[str, float], currency: str) -> Decimal:
    """All balances in `currency`: others at the latest close of `CURRENCY/currency`, nothing where none is known."""
    total = balances.get(currency, ZERO)
    for held, amount in balances.items():
        if amount and held != currency:
            close = closes.get(f"{held}/{currency}")
            if close is not None:
                total += amount * decimal_of(close)
    return total


class EquityCurve:
    """Equity by tick, with its running peak and the equity at which the current UTC day began."""

    def __init__(self, start: Decimal) -> None:
        self.start = start
        self.peak = start
        self.day_start = start
        self.equity = start
        self.points: list[tuple[int, Decimal]] = []
        self._peak_before = start

    def mark(self, time: int, equity: Decimal) -> None:
        """Append the tick `time`; a tick that is marked again is replaced, an older one is a `ValueError`."""
        points = self.points
        if points and points[-1][0] == time:
            points[-1] = (time, equity)
        elif points and points[-1][0] > time:
            raise ValueError(f"tick {time} is older than the last mark {points[-1][0]}")
        else:
            if points and points[-1][0] // DAY != time // DAY:
                self.day_start = points[-1][1]
            self._peak_before = self.peak
            points.append((time, equity))
        self.equity = equity
        # From the tick before, because what a tick was marked with first is not in the fold after a restart.
        self.peak = max(self._peak_before, equity)

    def before(self, time: int) -> EquityCurve:
        """The curve as it was before the tick `time`."""
        earlier = EquityCurve(self.start)
        for moment, equity in self.points:
            if moment >= time:
                break
            earlier.mark(moment, equity)
        return earlier

    def daily(self) -> list[tuple[int, Decimal]]:
        """The last equity of each UTC day, as (start of day, equity)."""
        days: dict[int, Decimal] = {}
        for time, equity in self.points:
            days[time // DAY * DAY] = equity
        return list(days.items())

    def drawdown(self) -> Decimal:
        """How far the equity is below its peak, as a ratio."""
        return (self.peak - self.equity) / self.peak if self.peak > ZERO else ZERO
