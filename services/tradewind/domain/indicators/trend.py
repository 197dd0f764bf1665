"""Trend: which way prices go, and how clearly."""

from __future__ import annotations

from math import fsum, isnan
from typing import NamedTuple

import numpy as np

from tradewind.domain.indicators.moving_averages import ema
from tradewind.domain.indicators.volatility import true_range
from tradewind.domain.indicators.windows import NOTHING, require_period, unknown
from tradewind.domain.series import Floats


class Macd(NamedTuple):
    """The three lines, in the unit of the input."""

    line: Floats
    signal: Floats
    histogram: Floats


def macd(close: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence and divergence. All three lines begin at index `slow + signal - 2`.

    As in TA-Lib the seeds of both averages end at the same candle, so the fast average starts `slow - fast` candles
    late and differs from `ema(close, fast)` at first. `fast` and `slow` are exchanged when given the wrong way round.
    """
    for name, period in (("fast", fast), ("slow", slow), ("signal", signal)):
        require_period(period, name)
    fast, slow = sorted((fast, slow))
    line, signal_line = unknown(len(close)), unknown(len(close))
    line[slow - fast :] = ema(close[slow - fast :], fast)
    line -= ema(close, slow)
    signal_line[slow - 1 :] = ema(line[slow - 1 :], signal)
    line[np.isnan(signal_line)] = np.nan
    return Macd(line, signal_line, line - signal_line)


def adx(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Wilder's average directional index, 0 to 100. First value at index `2 * period - 1`.

    A candle at which no direction can be told (no range, or no directional movement within a whole memory) counts as
    0 in the first average and leaves later ones as they were.
    """
    require_period(period)
    result = unknown(len(close))
    if len(close) < 2 * period:
        return result
    rows = _directional_index(high, low, close, period)[period:].tolist()
    average = fsum(value for value in rows[:period] if not isnan(value)) / period
    averages = [average]
    for value in rows[period:]:
        if not isnan(value):
            average = (average * (period - 1) + value) / period
        averages.append(average)
    result[2 * period - 1 :] = averages
    return result


def _directional_index(high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    """0 to 100 from index `period` on, NaN where no direction can be told."""
    up, down = np.diff(high), -np.diff(low)
    movement_range = _wilder_sum(true_range(high, low, close)[1:], period)
    moved = movement_range >= NOTHING
    nowhere = np.zeros(len(movement_range))
    rising = _wilder_sum(np.where((up > 0.0) & (up > down), up, 0.0), period)
    falling = _wilder_sum(np.where((down > 0.0) & (down > up), down, 0.0), period)
    plus = np.divide(100.0 * rising, movement_range, out=nowhere.copy(), where=moved)
    minus = np.divide(100.0 * falling, movement_range, out=nowhere, where=moved)
    result = unknown(len(close))
    total = plus + minus
    result[1:] = 100.0 * np.divide(np.abs(plus - minus), total, out=result[1:].copy(), where=total >= NOTHING)
    return result


def _wilder_sum(values: Floats, period: int) -> Floats:
    """Wilder's fading sum: `1 / period` of it is lost at each step. First value at index `period - 1`.

    It starts from the sum of only `period - 1` values, as TA-Lib and the book have it.
    """
    rows = values.tolist()
    result = unknown(len(rows))
    total = fsum(rows[: period - 1])
    totals = []
    for value in rows[period - 1 :]:
        total = total - total / period + value
        totals.append(total)
    result[period - 1 :] = totals
    return result
