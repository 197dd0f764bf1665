"""Candles of an exchange into files: only what is missing at either end, one page after the other.

The newer end grows forwards, the older one backwards in stretches, so a file has no hole but those of the exchange,
whenever the download ends. Only closed candles that pass the checks are kept. An exchange that does not answer is
asked again after growing pauses, and after those that it asks for itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.timeframe import DAY, MILLISECONDS, bucket_start, close_time
from tradewind.kernel.backoff import Backoff
from tradewind.market_data.adapters.ccxt.candle_pages import Page, first_open, validated
from tradewind.market_data.ports import StreamKey
from tradewind.research.candles.growing_file import GrowingFile

STRETCH = 20_000
"""Candles that are fetched before they are put in front of those that are there."""

ATTEMPTS = 8
"""So often an exchange is asked before it is given up: for one to two minutes."""

Result = TypeVar("Result")


class Source(Protocol):
    """What is needed of a feed (`market_data.adapters.ccxt.feed.CcxtFeed`)."""

    def now(self) -> int:
        """Milliseconds UTC at the exchange."""
        ...

    async def page(self, key: StreamKey, since: int) -> Page:
        """The first closed candles opened at `since` or later."""
        ...


@dataclass(slots=True)
class Downloaded:
    """What came of one pair and timeframe: candles fetched, rows refused by reason, first and last open time."""

    pair: str
    timeframe: str
    file: str
    fetched: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None


class Download:
    """Downloads from `source` into files; `on_candles` is told how many candles' worth of time was gone through."""

    def __init__(
        self,
        source: Source,
        on_candles: Callable[[int], None],
        on_wait: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source, self._on_candles, self._on_wait, self._sleep = source, on_candles, on_wait, sleep

    async def fetch(self, key: StreamKey, path: Path, since: int | None, until: int | None) -> Downloaded:
        """Add what the file at `path` lacks of `since <= open time < until` (milliseconds UTC) before and after it.

        Without `since` only what comes after the last candle. What was fetched is in the file, however this ends.
        Raises `ConfigError` for a file of another making and for a file that has no beginning.
        """
        file, until = GrowingFile(path), self._source.now() if until is None else until
        found = Downloaded(key.pair, key.timeframe, path.name)
        begin = since
        if file.last is not None:
            begin = close_time(key.timeframe, file.last.open_time)
        elif since is None:
            raise ConfigError("--since", "nothing", "a time, where no candles are there", "add --since or --days")
        assert begin is not None
        try:
            if since is not None and file.first is not None:
                await self._before(key, file, since, found)
            await self._after(key, file, first_open(key.timeframe, begin), until, found)
        finally:
            file.finish()
            found.first, found.last = (None if one is None else one.open_time for one in (file.first, file.last))
        return found

    async def patiently(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """The answer to `ask`, which is asked again while that may help."""
        backoff = Backoff()
        while True:
            try:
                return await ask()
            except TemporaryError as error:
                if backoff.failures >= ATTEMPTS - 1:
                    raise
                pause = max(backoff.pause(), error.retry_after)
                self._on_wait(f"{error}; asked again in {pause:.0f} s")
                await self._sleep(pause)

    async def _after(self, key: StreamKey, file: GrowingFile, cursor: int, until: int, found: Downloaded) -> None:
        more = True
        while more and cursor < until:
            page = await self._page(key, cursor)
            candles = self._good(key, page, until, file.last, found)
            file.append(candles)
            found.fetched += len(candles)
            cursor, more = page.following, page.more

    async def _before(self, key: StreamKey, file: GrowingFile, since: int, found: Downloaded) -> None:
        assert file.first is not None
        end = file.first.open_time
        begin = await self._first_there(key, first_open(key.timeframe, since), end)
        span = MILLISECONDS.get(key.timeframe, 30 * DAY)
        while begin < end:
            start = max(begin, bucket_start(key.timeframe, end - STRETCH * span))
            candles: list[Candle] = []
            cursor, more = start, True
            while more and cursor < end:
                page = await self._page(key, cursor)
                candles += self._good(key, page, end, candles[-1] if candles else None, found)
                cursor, more = page.following, page.more
            file.prepend(candles)
            found.fetched += len(candles)
            end = start

    async def _first_there(self, key: StreamKey, since: int, end: int) -> int:
        """Where the exchange's candles from `since` on begin; `end` where there are none before that."""
        cursor, more = since, True
        while more and cursor < end:
            page = await self.patiently(lambda at=cursor: self._source.page(key, at))  # type: ignore[misc]
            for row in page.rows:
                if row[0] is not None:
                    return min(bucket_start(key.timeframe, int(row[0])), end)
            cursor, more = page.following, page.more
        return end

    async def _page(self, key: StreamKey, cursor: int) -> Page:
        page = await self.patiently(lambda: self._source.page(key, cursor))
        span = MILLISECONDS.get(key.timeframe, 30 * DAY)
        self._on_candles(max(page.following - cursor, 0) // span)
        return page

    @staticmethod
    def _good(key: StreamKey, page: Page, until: int, previous: Candle | None, found: Downloaded) -> list[Candle]:
        rows = [row for row in page.rows if row[0] is None or int(row[0]) < until]
        checked = validated(key, rows, previous, page.strays)
        found.bad.update(row.reason for row in checked.quarantined)
        return checked.candles
