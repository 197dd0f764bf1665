"""The WebSocket of one stream: it notices at once that a candle has closed, and that nothing comes any more.

Its rows are never delivered. ccxt keeps one row per candle and overwrites it, an update lost with a connection leaves
it unfinished, and at Kraken two timeframes of a pair share one subscription; REST knows better (`candle_stream`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from tradewind.domain.candle_checks import Reason
from tradewind.domain.timeframe import close_time
from tradewind.kernel.backoff import Backoff
from tradewind.kernel.ccxt_client import meaning_of
from tradewind.market_data.adapters.ccxt.candle_pages import Row
from tradewind.market_data.adapters.ccxt.feed_time import FeedTime
from tradewind.market_data.adapters.ccxt.stream_status import StreamStatus
from tradewind.market_data.adapters.ccxt.waiting import within
from tradewind.market_data.ports import FeedState, StreamKey

SILENT_INTERVALS = 3
RENEW_PATIENCE = 10.0

Renew = Callable[[StreamKey], Awaitable[None]]
Heard = Callable[[int, bool], None]
"""Takes the open time of the latest candle heard of, and whether the connection has just come (back)."""


class CandleListener:
    """Listens to one stream; `newest` is the open time of the latest candle heard of."""

    def __init__(  # noqa: PLR0917 - what a stream is made of, each once
        self, key: StreamKey, client: Any, feed_time: FeedTime, status: StreamStatus, backoff: Backoff, renew: Renew
    ) -> None:
        self.newest = -1
        self._key, self._client, self._time = key, client, feed_time
        self._status, self._backoff, self._renew = status, backoff, renew
        self._silence = SILENT_INTERVALS * close_time(key.timeframe, 0) / 1000

    async def listen(self, heard: Heard) -> None:
        """Call `heard` at every update. Runs until cancelled."""
        while True:
            try:
                rows = await within(self._time, self._watch(), self._silence)
            except TimeoutError:
                reason = f"no update for {SILENT_INTERVALS} intervals; candles come by REST"
                await self._status.lost(FeedState.SILENT, reason)
                await self._connect_anew()
            except Exception as error:  # noqa: BLE001 - it only costs the hint: REST goes on, and the reason is told
                reason = f"WebSocket: {meaning_of(error, self._client)!s}; candles come by REST"
                await self._status.lost(FeedState.DISCONNECTED, reason)
                await self._time.sleep(self._backoff.pause())
            else:
                await self._take(rows, heard)

    async def _watch(self) -> list[Row]:
        try:
            rows: list[Row] = await self._client.watch_ohlcv(self._key.pair, self._key.timeframe)
        except TimeoutError as error:
            # Not the silence that is measured here: the connection itself did not come about in time.
            raise ConnectionError(str(error) or "timeout") from error
        return rows

    async def _take(self, rows: list[Row], heard: Heard) -> None:
        self._backoff.reset()
        again = not self._status.listening
        await self._status.heard()
        latest = max((int(row[0]) for row in rows if row and row[0] is not None), default=self.newest)
        if latest < self.newest:
            counts = self._status.health.quarantined
            counts[Reason.OUT_OF_ORDER] = counts.get(Reason.OUT_OF_ORDER, 0) + 1
        self.newest = max(latest, self.newest)
        heard(self.newest, again)

    async def _connect_anew(self) -> None:
        with contextlib.suppress(Exception):
            await within(self._time, self._renewed(), RENEW_PATIENCE)
        await self._time.sleep(self._backoff.pause())

    async def _renewed(self) -> None:
        await self._renew(self._key)
