"""Volume: whether money follows the price."""

from __future__ import annotations

import numpy as np

from tradewind.domain.indicators.windows import NOTHING, require_period, unknown, window_sum
from tradewind.domain.series import Floats


def obv(close: Floats, volume: Floats) -> Floats:
    """On-balance volume, in base currency; no warm-up.

    Starts at the first volume; a higher close adds the candle's volume, a lower one takes it away. Its level means
    nothing, because it depends on the first candle; its changes do.
    """
    result = volume.astype(np.float64)
    result[1:] *= np.sign(np.diff(close))
    return np.cumsum(result)


def mfi(high: Floats, low: Floats, close: Floats, volume: Floats, period: int = 14) -> Floats:
    """Money flow index, 0 to 100. First value at index `period`.

    Share of the money (typical price times volume) that changed hands at a rising typical price; 0 when none did at
    a moving one. A move no larger than rounding is none.
    """
    require_period(period)
    result = unknown(len(close))
    typical = (high + low + close) / 3.0
    change = np.diff(typical)
    moved = np.abs(change) > NOTHING * (np.abs(typical[1:]) + np.abs(typical[:-1]))
    money = np.where(moved, typical[1:] * volume[1:], 0.0)
    inflow = window_sum(np.where(change > 0.0, money, 0.0), period)
    total = inflow + window_sum(np.where(change < 0.0, money, 0.0), period)
    result[1:] = 100.0 * np.divide(inflow, total, out=np.where(np.isnan(total), np.nan, 0.0), where=total > 0.0)
    return result
