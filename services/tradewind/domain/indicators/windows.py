"""Values over a sliding window, the ground under most indicators.

Each result is put together from whole-array operations, one per place in the window, and not from a running total:
a running total carries the rounding of everything that ever left the window, so its value would depend on where the
series began. Here the same candles give the same bits, in a backtest of a year as in a live window of a few hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tradewind.domain.series import Floats

# TA-Lib's own bound: a number this small is what rounding left of zero.
NOTHING = 1e-14


def unknown(length: int) -> Floats:
    """An array of `length` NaN, to be filled from the first known value on."""
    return np.full(length, np.nan)


def require_period(period: int, name: str = "period") -> None:
    """Raise `ValueError` for a period that is not a count of candles."""
    if period < 1:
        raise ValueError(f"{name} must be 1 candle or more, not {period}")


def window_sum(values: Floats, period: int) -> Floats:
    """Sum of each value and the `period - 1` before it; the first `period - 1` are NaN."""
    require_period(period)
    result = unknown(len(values))
    if period <= len(values):
        result[period - 1 :] = sum(_places(values, period), np.float64(0.0))
    return result


def window_mean(values: Floats, period: int) -> Floats:
    """Mean of each value and the `period - 1` before it; the first `period - 1` are NaN.

    Taken as the newest value plus the mean distance from it, so that equal values have exactly that value as mean.
    """
    require_period(period)
    result = unknown(len(values))
    if period <= len(values):
        newest = values[period - 1 :]
        result[period - 1 :] = newest + sum((place - newest for place in _places(values, period)), 0.0) / period
    return result


def window_spread(values: Floats, period: int, distance: Callable[[Floats], Floats]) -> Floats:
    """Mean of `distance(value - window mean)` over each window; the first `period - 1` are NaN.

    With `numpy.square` this is the population variance, with `numpy.abs` the mean deviation. Zero for equal values.
    """
    mean = window_mean(values, period)
    result = unknown(len(values))
    if period <= len(values):
        centre = mean[period - 1 :]
        result[period - 1 :] = sum((distance(place - centre) for place in _places(values, period)), 0.0) / period
    return result


def window_highest(values: Floats, period: int) -> Floats:
    """Highest of each value and the `period - 1` before it; the first `period - 1` are NaN."""
    return _extreme(values, period, np.maximum)


def window_lowest(values: Floats, period: int) -> Floats:
    """Lowest of each value and the `period - 1` before it; the first `period - 1` are NaN."""
    return _extreme(values, period, np.minimum)


def _places(values: Floats, period: int) -> Iterator[Floats]:
    count = len(values) - period + 1
    return (values[place : place + count] for place in range(period))


def _extreme(values: Floats, period: int, pick: Callable[[Floats, Floats], Floats]) -> Floats:
    require_period(period)
    result = unknown(len(values))
    if period > len(values):
        return result
    # Two windows of half the width make one, so the cost grows with the logarithm of the period.
    best, width = values, 1
    while width * 2 <= period:
        best = pick(best[:-width], best[width:])
        width *= 2
    rest = period - width
    result[period - 1 :] = pick(best[: len(best) - rest], best[rest:])
    return result
