"""EmaCross: follow the trend that two moving averages agree on.

Idea: a fast average above a slow one means that recent prices are above older ones, and trends last longer than
chance. Long while the fast exponential moving average is above the slow one, Short while it is below. Where the two
are equal nothing has crossed, so the stance before stands. It is never Flat after its warm-up, except in a market that
has not moved at all, and it loses a little at each turn of a market that goes sideways.

Parameters: `fast` (20 candles), `slow` (50 candles). Warm-up: `slow - 1` candles, the seed of the slow average.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewind.contracts.strategies import EmaCrossParameters
from tradewind.domain.indicators import ema
from tradewind.domain.series import CandleSeries, Floats
from tradewind.strategies.base import LatestSeries, Stances, carried, figure, warming_up


class _Averages(NamedTuple):
    fast: Floats
    slow: Floats
    stances: Stances


class EmaCross:
    """Long while the fast exponential moving average is above the slow one, Short while it is below."""

    kind = "EmaCross"

    def __init__(self, parameters: EmaCrossParameters) -> None:
        self.parameters = parameters
        self.warm_up = parameters.slow - 1
        self._latest = LatestSeries(self._compute)

    def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle."""
        return self._latest.of(candles).stances

    def reasons(self, candles: CandleSeries, index: int) -> tuple[str, ...]:
        """Both averages at `index`."""
        if index < self.warm_up:
            return warming_up(index, self.warm_up)
        averages = self._latest.of(candles)
        fast, slow = float(averages.fast[index]), float(averages.slow[index])
        relation = "above" if fast > slow else "below" if fast < slow else "equal to"
        return (f"EMA({self.parameters.fast}) {figure(fast)} {relation} EMA({self.parameters.slow}) {figure(slow)}",)

    def _compute(self, candles: CandleSeries) -> _Averages:
        fast = ema(candles.close, self.parameters.fast)
        slow = ema(candles.close, self.parameters.slow)
        crossed = (fast > slow).astype(np.int8) - (fast < slow).astype(np.int8)
        return _Averages(fast, slow, Stances.held(carried(crossed)))
