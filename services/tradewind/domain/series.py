"""A series of candles as arrays: what strategies and indicators compute on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.candle import Candle

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CandleSeries:
    """Closed candles of one pair and timeframe, ascending by open time, without duplicates; gaps stay gaps."""

    pair: str
    timeframe: str
    open_time: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.open_time)

    def candle(self, index: int) -> Candle:
        """The candle at `index`, as plain Python numbers."""
        return Candle(
            int(self.open_time[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
        )

    def candles(self) -> list[Candle]:
        """All candles as plain Python numbers; one pass, far cheaper than `candle` in a loop."""
        columns = (self.open_time, self.open, self.high, self.low, self.close, self.volume)
        return [Candle(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def slice(self, start: int, stop: int) -> CandleSeries:
        """Rows `start:stop`, sharing memory."""
        cut = slice(start, stop)
        return CandleSeries(
            self.pair,
            self.timeframe,
            self.open_time[cut],
            self.open[cut],
            self.high[cut],
            self.low[cut],
            self.close[cut],
            self.volume[cut],
        )

    def extended(self, candles: list[Candle]) -> CandleSeries:
        """A new series with `candles`, ascending, after the ones here; `ValueError` where they are not later."""
        tail = CandleSeries.of(self.pair, self.timeframe, candles)
        if np.any(np.diff(np.concatenate((self.open_time[-1:], tail.open_time))) <= 0):
            raise ValueError(f"candles of {self.pair} {self.timeframe} that are not later than the ones before")
        return CandleSeries(
            self.pair,
            self.timeframe,
            np.concatenate((self.open_time, tail.open_time)),
            np.concatenate((self.open, tail.open)),
            np.concatenate((self.high, tail.high)),
            np.concatenate((self.low, tail.low)),
            np.concatenate((self.close, tail.close)),
            np.concatenate((self.volume, tail.volume)),
        )

    @classmethod
    def of(cls, pair: str, timeframe: str, candles: list[Candle]) -> CandleSeries:
        """A series from candles in ascending order."""
        times = np.array([candle.open_time for candle in candles], dtype=np.int64)
        rows = np.array([candle[1:] for candle in candles], dtype=np.float64).reshape(-1, 5)
        return cls(pair, timeframe, times, *(np.ascontiguousarray(rows[:, column]) for column in range(5)))
