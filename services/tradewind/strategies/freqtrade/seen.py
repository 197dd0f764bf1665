"""What a class has said of a pair, kept for its callbacks: the candles, and the frame that its methods made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from tradewind.domain.candle_checks import close_times
from tradewind.domain.series import CandleSeries, Integers
from tradewind.strategies.freqtrade.data_provider import MOST_ROWS


@dataclass(frozen=True, slots=True)
class Seen:
    """One pair: `frame` has a row for each of `candles`; `entries` are the rows with a signal to enter.

    It may reach further than the moment that is asked about: whoever asks sees what had closed by then.
    """

    candles: CandleSeries
    frame: DataFrame
    entries: Integers
    closes: Integers

    @classmethod
    def of(cls, candles: CandleSeries, frame: DataFrame, entries: Integers) -> Seen:
        """With the times at which the candles close."""
        return cls(candles, frame, entries, close_times(candles.timeframe, candles.open_time))

    def reaches(self, moment: int) -> bool:
        """Whether the candle is here that closed at `moment` (milliseconds UTC)."""
        return bool(len(self.closes)) and int(self.closes[-1]) >= moment

    def closed(self, moment: int) -> int:
        """How many candles had closed at `moment`."""
        return int(np.searchsorted(self.closes, moment, side="right"))

    def analyzed(self, moment: int) -> DataFrame:
        """The last rows that had closed at `moment`, as many as freqtrade shows; a copy."""
        end = self.closed(moment)
        return self.frame.iloc[max(end - MOST_ROWS, 0) : end].copy()

    def entry_tag(self, moment: int) -> str | None:
        """The tag of the last signal to enter that had been given at `moment`."""
        place = int(np.searchsorted(self.entries, self.closed(moment))) - 1
        if place < 0 or "enter_tag" not in self.frame.columns:
            return None
        tag = self.frame["enter_tag"].iloc[int(self.entries[place])]
        return tag if isinstance(tag, str) and tag else None

    def rates(self, since: int, moment: int) -> tuple[float, float]:
        """The lowest and the highest price from the candle of `since` up to `moment`; infinite where there is none."""
        begin, end = self.closed(since), self.closed(moment)
        low, high = self.candles.low[begin:end], self.candles.high[begin:end]
        return float(low.min(initial=np.inf)), float(high.max(initial=-np.inf))
