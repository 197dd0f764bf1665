"""RsiMeanReversion: buy what has fallen too fast, and sell it when it has recovered.

Idea: after a steep fall the next move is more often back than on. Long from the candle at which Wilder's relative
strength index is below `entryBelow` until one at which it is above `exitAbove`; Flat otherwise. Never Short: markets
fall faster than they rise, and an overbought one may stay so for months. It has no answer to a fall that goes on; that
is what the stop is for. A price that has not moved at all has an index of 0 (see `domain.indicators.rsi`), which
counts as fallen.

Parameters: `period` (14 candles), `entryBelow` (30), `exitAbove` (55). Warm-up: `period` candles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewind.contracts.strategies import RsiMeanReversionParameters
from tradewind.domain.indicators import rsi
from tradewind.domain.series import CandleSeries, Floats
from tradewind.strategies.base import LONG, LatestSeries, Stances, carried, figure, warming_up


class _Index(NamedTuple):
    value: Floats
    stances: Stances


class RsiMeanReversion:
    """Long from an oversold relative strength index until it has recovered; never Short."""

    kind = "RsiMeanReversion"

    def __init__(self, parameters: RsiMeanReversionParameters) -> None:
        self.parameters = parameters
        self.warm_up = parameters.period
        self._latest = LatestSeries(self._compute)

    def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle."""
        return self._latest.of(candles).stances

    def reasons(self, candles: CandleSeries, index: int) -> tuple[str, ...]:
        """The index at `index`, against the level that began the stance or keeps it."""
        if index < self.warm_up:
            return warming_up(index, self.warm_up)
        latest = self._latest.of(candles)
        value = float(latest.value[index])
        entry, leave = self.parameters.entry_below, self.parameters.exit_above
        if value < entry:
            fact = f"below {figure(entry)}"
        elif value > leave:
            fact = f"above {figure(leave)}"
        elif latest.stances.side[index] == LONG:
            fact = f"not yet above {figure(leave)}"
        else:
            fact = f"not below {figure(entry)}"
        return (f"RSI({self.parameters.period}) {figure(value)} {fact}",)

    def _compute(self, candles: CandleSeries) -> _Index:
        value = rsi(candles.close, self.parameters.period)
        fallen = (value < self.parameters.entry_below).astype(np.int8)
        recovered = (value > self.parameters.exit_above).astype(np.int8)
        side = np.maximum(carried(fallen - recovered), 0)
        return _Index(value, Stances.held(side))
