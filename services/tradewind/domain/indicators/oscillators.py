"""Oscillators: where the price stands in its own recent movement, on a fixed or a centred scale."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewind.domain.indicators.moving_averages import sma, wilder_average
from tradewind.domain.indicators.windows import (
    NOTHING,
    require_period,
    unknown,
    window_highest,
    window_lowest,
    window_mean,
    window_spread,
)
from tradewind.domain.series import Floats


class Stochastic(NamedTuple):
    """Both lines of the slow stochastic, 0 to 100."""

    slow_k: Floats
    slow_d: Floats


def rsi(close: Floats, period: int = 14) -> Floats:
    """Wilder's relative strength index, 0 to 100. First value at index `period`.

    Only gains give 100, only losses 0. A price that has not moved at all also gives 0, not 50: that is TA-Lib's
    answer to 0 / 0, and it reads as oversold.
    """
    require_period(period)
    result = unknown(len(close))
    change = np.diff(close)
    gain = wilder_average(np.maximum(change, 0.0), period)
    loss = wilder_average(np.maximum(-change, 0.0), period)
    total = gain + loss
    share = np.divide(gain, total, out=np.where(np.isnan(total), np.nan, 0.0), where=total >= NOTHING)
    result[1:] = 100.0 * share
    return result


def stochastic(
    high: Floats, low: Floats, close: Floats, period: int = 14, *, slow_k: int = 3, slow_d: int = 3
) -> Stochastic:
    """Slow stochastic, 0 to 100. Both lines begin at index `period + slow_k + slow_d - 3`.

    The raw line is the place of the close between the lowest low and the highest high of `period` candles, 0 where
    these are equal; `slow_k` is its simple average, and `slow_d` the simple average of that.
    """
    lowest = window_lowest(low, period)
    width = (window_highest(high, period) - lowest) / 100.0
    raw = np.divide(close - lowest, width, out=np.where(np.isnan(width), np.nan, 0.0), where=np.abs(width) > 0.0)
    k_line = sma(raw, slow_k)
    d_line = sma(k_line, slow_d)
    k_line[np.isnan(d_line)] = np.nan
    return Stochastic(k_line, d_line)


def cci(high: Floats, low: Floats, close: Floats, period: int = 20) -> Floats:
    """Commodity channel index, unbounded around 0, mostly within 100 either side. First value at index `period - 1`.

    Distance of the typical price from its mean, in 0.015 mean deviations; 0 where prices have not moved by more than
    rounding.
    """
    typical = (high + low + close) / 3.0
    distance = typical - window_mean(typical, period)
    deviation = window_spread(typical, period, np.abs)
    out = np.where(np.isnan(deviation), np.nan, 0.0)
    return np.divide(distance, 0.015 * deviation, out=out, where=deviation > NOTHING * np.abs(typical))
