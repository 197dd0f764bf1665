"""Closed candles by REST, page by page, and which of an exchange's rows may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import NO_TIME, CheckedCandles, QuarantinedRow, Reason, check_candles, find_gaps
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import bucket_start, close_time
from tradewind.kernel.ccxt_client import exchange_errors
from tradewind.market_data.adapters.ccxt.feed_time import ExchangeClock, FeedTime
from tradewind.market_data.ports import StreamKey

PAGE = 500
LONGEST_PAGE = 1000
HOLE_PAUSE = 1.0
"""Seconds after which REST is asked again for a candle that is missing in the middle."""

Row = Sequence[Any]
"""`[open time, open, high, low, close, volume]` as ccxt gives it; anything may be None."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of closed candles in ascending order; where the next page begins; whether there may be one.

    `strays` counts rows whose time is none that the exchange could have at this moment.
    """

    rows: list[Row]
    following: int
    more: bool
    strays: int = 0

    def has_hole(self, timeframe: str, since: int) -> bool:
        """Whether a candle is missing from `since` to where this page ends."""
        expected = since
        for time in dict.fromkeys(_time_of(row) for row in self.rows):
            if time > expected:
                return True
            expected = close_time(timeframe, expected)
        return expected < self.following


class Validated(NamedTuple):
    """What of a page may be used, and what was wrong with the rest."""

    candles: list[Candle]
    quarantined: tuple[QuarantinedRow, ...]
    missing: int


class CandlePages:
    """The exchange's candles, a page at a time."""

    def __init__(self, client: Any, clock: ExchangeClock, feed_time: FeedTime) -> None:
        self._client, self._clock, self._time = client, clock, feed_time

    async def page(self, key: StreamKey, since: int) -> Page:
        """The first closed candles opened at `since` (an open time) or later.

        An exchange's caches may lag behind each other, so a hole is believed when a second answer has it as well.
        """
        page = await self._answer(key, since)
        if page.has_hole(key.timeframe, since):
            await self._time.sleep(HOLE_PAUSE)
            page = await self._answer(key, since)
        return page

    async def _answer(self, key: StreamKey, since: int) -> Page:
        limit = self._limit()
        with exchange_errors(self._client):
            answer = await self._client.fetch_ohlcv(key.pair, key.timeframe, since, limit)
        now = self._clock.now()
        horizon = close_time(key.timeframe, bucket_start(key.timeframe, now))
        rows = sorted((row for row in answer if not NO_TIME < _time_of(row) < since), key=_time_of)
        usual = [row for row in rows if since <= _time_of(row) <= horizon]
        if not usual:
            return self._nothing(key, since, limit, now, len(rows))
        newest = max(bucket_start(key.timeframe, _time_of(row)) for row in usual)
        ended = now - self._clock.settle >= close_time(key.timeframe, newest)
        closed = usual if ended else [row for row in usual if _time_of(row) < newest]
        following = close_time(key.timeframe, newest) if ended else newest
        # What follows the last row of a full page, and so shows that it has closed, stands on the next page.
        full = len(answer) >= limit and following > since
        more = full or (ended and close_time(key.timeframe, following) <= now)
        return Page(closed, following, more, len(rows) - len(usual))

    def _nothing(self, key: StreamKey, since: int, limit: int, now: int, strays: int) -> Page:
        """An empty page: the hole may be longer than a page, so one page further on there may be candles again."""
        following = since
        for _ in range(limit):
            following = close_time(key.timeframe, following)
        if following + self._clock.settle >= now:
            return Page([], since, more=False, strays=strays)
        return Page([], following, more=True, strays=strays)

    async def history(self, key: StreamKey, since: int, until: int) -> CheckedCandles:
        """All closed candles opened in `since <= open time < until`, validated."""
        rows: list[Row] = []
        cursor, more = first_open(key.timeframe, since), True
        while more and cursor < until:
            page = await self.page(key, cursor)
            rows += page.rows
            cursor, more = page.following, page.more
        return _checked(key, [row for row in rows if _time_of(row) < until])

    def _limit(self) -> int:
        spot = (self._client.features or {}).get("spot") or {}
        limit = (spot.get("fetchOHLCV") or {}).get("limit")
        return min(int(limit or PAGE), LONGEST_PAGE)


def first_open(timeframe: str, time: int) -> int:
    """The first open time of the timeframe at `time` or later."""
    start = bucket_start(timeframe, time)
    return start if start == time else close_time(timeframe, start)


def validated(key: StreamKey, rows: list[Row], previous: Candle | None, strays: int) -> Validated:
    """The usable candles among rows, seen after the `previous` candle, which is not among the result.

    A spike in the last row is only known as one by its successor, so it is not noticed here.
    """
    first = int(previous is not None)
    checked = _checked(key, [*([previous] if previous else []), *rows])
    candles = [one for one in checked.series.candles() if previous is None or one.open_time > previous.open_time]
    bad = tuple(row._replace(row=row.row - first) for row in checked.quarantined if row.row >= first)
    strange = (QuarantinedRow(-1, None, Reason.OUT_OF_ORDER, "a time that the exchange cannot have now"),) * strays
    seen = CandleSeries.of(key.pair, key.timeframe, [*([previous] if previous else []), *candles])
    return Validated(candles, bad + strange, sum(gap.missing for gap in find_gaps(seen)))


def _checked(key: StreamKey, rows: list[Row]) -> CheckedCandles:
    times = np.array([_time_of(row) for row in rows], dtype=np.int64)
    values = np.array([[_number(value) for value in row[1:6]] for row in rows], dtype=np.float64).reshape(-1, 5)
    columns = (np.ascontiguousarray(values[:, column]) for column in range(5))
    return check_candles(key.pair, key.timeframe, times, *columns)


def _time_of(row: Row) -> int:
    return NO_TIME if row[0] is None else int(row[0])


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
