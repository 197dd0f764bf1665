"""Volatility: how far prices move, and the channels drawn from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewind.domain.indicators.moving_averages import sma, wilder_average
from tradewind.domain.indicators.windows import (
    require_period,
    unknown,
    window_highest,
    window_lowest,
    window_spread,
)
from tradewind.domain.series import Floats


class Bollinger(NamedTuple):
    """The three bands, in the unit of the input."""

    upper: Floats
    middle: Floats
    lower: Floats


class Donchian(NamedTuple):
    """The channel of earlier candles, in the unit of the input."""

    highest: Floats
    lowest: Floats


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """The candle's range, widened to the close before it. First value at index 1."""
    result = unknown(len(close))
    before = close[:-1]
    result[1:] = np.maximum(
        high[1:] - low[1:],
        np.maximum(np.abs(high[1:] - before), np.abs(low[1:] - before)),
    )
    return result


def atr(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Average true range by Wilder's average. First value at index `period`."""
    require_period(period)
    result = unknown(len(close))
    result[1:] = wilder_average(true_range(high, low, close)[1:], period)
    return result


def bollinger(close: Floats, period: int = 20, deviations: float = 2.0) -> Bollinger:
    """Simple average, and `deviations` population standard deviations either side. First value at `period - 1`."""
    middle = sma(close, period)
    distance = deviations * np.sqrt(window_spread(close, period, np.square))
    return Bollinger(middle + distance, middle, middle - distance)


def donchian(high: Floats, low: Floats, period: int = 20) -> Donchian:
    """Highest high and lowest low of the `period` candles before each one. First value at index `period`.

    The candle itself is left out, so that its close can be compared with a channel that it did not draw.
    """
    highest, lowest = unknown(len(high)), unknown(len(low))
    highest[1:] = window_highest(high, period)[:-1]
    lowest[1:] = window_lowest(low, period)[:-1]
    return Donchian(highest, lowest)
