"""What of a recording can be seen now: everything up to the present of the replay, and nothing of its future.

The present is the close of the last tick that the whole bot is done with. A recording holds what came after it as
well; whoever answers a question about candles asks here, so that nobody can read the end of the story.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewind.domain.candle_checks import resample
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, MILLISECONDS, bucket_start, close_time
from tradewind.market_data.recording import Recording

_LONGEST_MONTH = 31 * DAY


@dataclass(frozen=True, slots=True)
class Window:
    """A recording up to the moment `now` (milliseconds UTC), None before anything has happened."""

    recording: Recording
    now: int | None

    @classmethod
    def of(cls, recording: Recording, settled: int) -> Window:
        """The window after the first `settled` ticks."""
        now = close_time(recording.timeframe, recording.ticks[settled - 1].time) if settled else recording.begin
        return cls(recording, now)

    def candles(self, pair: str, timeframe: str, since: int | None, limit: int) -> CandleSeries:
        """Closed candles of a known pair, ascending: the first `limit` opened at or after `since`, or the last ones.

        `timeframe` is a multiple of the recording's (else `ValueError`), whether or not a strategy looks at it.
        """
        series = self.recording.series.get((pair, timeframe))
        if series is None:
            series = self._made(pair, timeframe, since, limit)
        end = self._closed(series)
        if since is None:
            return series.slice(max(end - limit, 0), end)
        start = int(series.open_time.searchsorted(since, side="left"))
        return series.slice(start, max(start, min(start + limit, end)))

    def last_day(self, pair: str) -> CandleSeries:
        """The base candles of the last 24 hours; empty when there are none."""
        series = self.recording.series[pair, self.recording.timeframe]
        end = self._closed(series)
        start = int(series.open_time.searchsorted((self.now or 0) - DAY, side="left"))
        return series.slice(min(start, end), end)

    def daily_closes(self) -> dict[str, dict[int, float]]:
        """The last close of every day that is over, by pair and start of day (milliseconds UTC)."""
        found = {}
        today = bucket_start("1d", self.now or 0)
        for pair in self.recording.checked:
            series = self.recording.series[pair, self.recording.timeframe]
            days = series.open_time[: series.open_time.searchsorted(today, side="left")] // DAY
            last = np.flatnonzero(np.diff(days, append=days[-1:] + 1))
            found[pair] = dict(zip((days[last] * DAY).tolist(), series.close[last].tolist(), strict=True))
        return found

    def _closed(self, series: CandleSeries) -> int:
        """How many candles of `series` are complete: those before the one that `now` falls into."""
        if self.now is None:
            return 0
        return int(series.open_time.searchsorted(bucket_start(series.timeframe, self.now), side="left"))

    def _made(self, pair: str, timeframe: str, since: int | None, limit: int) -> CandleSeries:
        """Candles made for this question, of no more base candles than it needs and one more candle on either side."""
        base = self.recording.series[pair, self.recording.timeframe]
        base = base.slice(0, self._closed(base))
        span = MILLISECONDS.get(timeframe, _LONGEST_MONTH)
        begin = (self.now or 0) - limit * span if since is None else since
        first = int(base.open_time.searchsorted(bucket_start(timeframe, max(begin - 2 * span, 0)), side="left"))
        last = int(base.open_time.searchsorted(begin + (limit + 2) * span, side="left"))
        return resample(base.slice(first, max(first, last)), timeframe)
