"""Candles as columns: what comes after them has to be later."""

from __future__ import annotations

import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.series import CandleSeries

HOUR = 3_600_000


def candle(hour, price=1.0):
    return Candle(hour * HOUR, price, price, price, price, 1.0)


def test_a_series_goes_on_with_what_is_later():
    """The first one stays as it was: others may be looking at it."""
    first = CandleSeries.of("BTC/EUR", "1h", [candle(0), candle(1)])
    longer = first.extended([candle(2, 5.0), candle(4)])
    assert longer.open_time.tolist() == [0, HOUR, 2 * HOUR, 4 * HOUR]
    assert longer.close.tolist() == [1.0, 1.0, 5.0, 1.0]
    assert len(first) == 2


@pytest.mark.parametrize("hours", [[1], [0], [2, 2], [3, 2]])
def test_what_is_not_later_is_refused(hours):
    """A candle that is there twice would be traded on twice."""
    series = CandleSeries.of("BTC/EUR", "1h", [candle(0), candle(1)])
    with pytest.raises(ValueError, match="not later than the ones before"):
        series.extended([candle(hour) for hour in hours])
