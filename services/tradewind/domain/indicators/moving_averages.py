"""Moving averages: simple, exponential, and Wilder's, which the indicators of his book share.

The recursive ones are Python loops over plain floats: at 10 000 candles they take about a millisecond, and each value
needs the one before it, which array operations cannot express.
"""

from __future__ import annotations

from math import fsum

from tradewind.domain.indicators.windows import require_period, unknown, window_mean
from tradewind.domain.series import Floats


def sma(values: Floats, period: int) -> Floats:
    """Simple moving average. First value at index `period - 1`."""
    return window_mean(values, period)


def ema(values: Floats, period: int) -> Floats:
    """Exponential moving average, weight `2 / (period + 1)`. First value at index `period - 1`.

    Seeded by the simple average of the first `period` values, as TA-Lib does; it therefore depends on where the
    series begins, by less and less as candles come in. A period of 1 gives the values themselves.
    """
    require_period(period)
    result = unknown(len(values))
    if period == 1:
        result[:] = values
    elif period <= len(values):
        rows = values.tolist()
        weight = 2.0 / (period + 1)
        average = _mean(rows[:period])
        averages = [average]
        for value in rows[period:]:
            average += (value - average) * weight
            averages.append(average)
        result[period - 1 :] = averages
    return result


def wilder_average(values: Floats, period: int) -> Floats:
    """Wilder's average, each new value weighing `1 / period`. First value, a plain mean, at index `period - 1`."""
    require_period(period)
    result = unknown(len(values))
    if period <= len(values):
        rows = values.tolist()
        kept = period - 1
        average = _mean(rows[:period])
        averages = [average]
        for value in rows[period:]:
            average = (average * kept + value) / period
            averages.append(average)
        result[period - 1 :] = averages
    return result


def _mean(values: list[float]) -> float:
    # Relative to the first value, so that equal prices give an average that is exactly that price: an average off by
    # the last bit would be above or below another one, and a crossing strategy would trade on it.
    first = values[0]
    return first + fsum(value - first for value in values) / len(values)
