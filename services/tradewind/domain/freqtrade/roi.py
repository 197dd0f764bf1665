"""The table `minimal_roi`: when a trade has earned enough for its age, and at what price it then leaves."""

from __future__ import annotations

from collections.abc import Mapping

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.trade import Trade, profit_ratio

FORCED = -1.0
"""The value that makes a trade leave at its age, whatever it earned."""


class RoiTable:
    """`minimal_roi`: minutes since the placing of the first order to the ratio that is enough from then on."""

    def __init__(self, table: Mapping[int, float], timeframe_minutes: int) -> None:
        self.steps = sorted(table.items())
        self.timeframe_minutes = timeframe_minutes

    def step(self, age: int) -> tuple[int, float] | None:
        """The entry (minutes, ratio) in force at `age` minutes; None before the first."""
        found = None
        for minutes, ratio in self.steps:
            if minutes > age:
                break
            found = minutes, ratio
        return found

    def reached(self, trade: Trade, age: int, high: float) -> bool:
        """Whether the profit at the high of a candle is above the ratio in force."""
        step = self.step(age)
        return step is not None and profit_ratio(trade, high) > step[1]

    def price(self, trade: Trade, age: int, candle: Candle) -> float | None:
        """At what price a trade that reached its ratio leaves; None where it may not, in the candle of its entry."""
        step = self.step(age)
        assert step is not None, "asked of a ratio that was reached"
        return roi_price(trade, step, self.timeframe_minutes, age, candle) or None


def roi_price(trade: Trade, step: tuple[int, float], timeframe_minutes: int, age: int, candle: Candle) -> float:
    """At what price a trade leaves by the `step` it reached; 0 where it may not, in the candle of its entry."""
    minutes, ratio = step
    at_open = minutes % timeframe_minutes == 0
    if ratio == FORCED and at_open:
        return candle.open
    price = trade.open_rate * (1 + trade.fee_open) * (1 + ratio) / (1 - trade.fee_close)
    if age == minutes and age > 0 and at_open and price < candle.open:
        return candle.open
    red = candle.close < candle.open
    if age == 0 and red and trade.open_rate < candle.open and price > candle.close:
        return 0.0
    return min(max(price, candle.low), candle.high)
