"""DonchianBreakout: go with a price that leaves the range of the past weeks.

Idea: a new high or low is where trends begin, and few false starts cost more than one long trend brings. Long from a
close above the highest high of the `entryPeriod` candles before it until a close below the lowest low of the
`exitPeriod` candles before it; Short the other way round. An entry to the other side also ends a stance, in one step.

Parameters: `entryPeriod` (20 candles), `exitPeriod` (10 candles). Warm-up: the longer of the two, because a stance
that could not be left is not taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewind.contracts.strategies import DonchianBreakoutParameters
from tradewind.domain.indicators import Donchian, donchian
from tradewind.domain.series import CandleSeries
from tradewind.strategies.base import LONG, SHORT, LatestSeries, Sides, Stances, carried, figure, warming_up


class _Channels(NamedTuple):
    entry: Donchian
    leave: Donchian
    stances: Stances


class DonchianBreakout:
    """Long from a close above the highest high of earlier candles, Short from one below their lowest low."""

    kind = "DonchianBreakout"

    def __init__(self, parameters: DonchianBreakoutParameters) -> None:
        self.parameters = parameters
        self.warm_up = max(parameters.entry_period, parameters.exit_period)
        self._latest = LatestSeries(self._compute)

    def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle."""
        return self._latest.of(candles).stances

    def reasons(self, candles: CandleSeries, index: int) -> tuple[str, ...]:
        """The close at `index`, against the channel that it broke or that keeps the stance."""
        if index < self.warm_up:
            return warming_up(index, self.warm_up)
        entry, leave, stances = self._latest.of(candles)
        close, side = float(candles.close[index]), stances.side[index]
        highest, lowest = float(entry.highest[index]), float(entry.lowest[index])
        entered, left = f"of {self.parameters.entry_period} candles", f"of {self.parameters.exit_period} candles"
        if close > highest:
            fact = f"above highest high {figure(highest)} {entered}"
        elif close < lowest:
            fact = f"below lowest low {figure(lowest)} {entered}"
        elif side == LONG:
            fact = f"not below lowest low {figure(float(leave.lowest[index]))} {left}"
        elif side == SHORT:
            fact = f"not above highest high {figure(float(leave.highest[index]))} {left}"
        else:
            fact = f"within {figure(lowest)} to {figure(highest)} {entered}"
        return (f"close {figure(close)} {fact}",)

    def _compute(self, candles: CandleSeries) -> _Channels:
        entry = donchian(candles.high, candles.low, self.parameters.entry_period)
        leave = donchian(candles.high, candles.low, self.parameters.exit_period)
        close = candles.close
        ready = np.arange(len(close)) >= self.warm_up
        upward, downward = ready & (close > entry.highest), ready & (close < entry.lowest)
        # A side stands when its entry is the latest of what begins and what ends it. An entry to one side ends the
        # other, so both cannot stand at once, and together they are one machine of three states.
        rising = _standing(upward, downward | (close < leave.lowest))
        falling = _standing(downward, upward | (close > leave.highest))
        return _Channels(entry, leave, Stances.held(rising - falling))


def _standing(begins: NDArray[np.bool_], ends: NDArray[np.bool_]) -> Sides:
    latest = carried(begins.astype(np.int8) - ends.astype(np.int8))
    return (latest > 0).astype(np.int8)
