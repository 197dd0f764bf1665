"""Order books as answers: from a local book that is proven, else by REST.

A pair's local book begins with the first question about it and ends when nobody has asked for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tradewind.domain.order_book import Depth
from tradewind.kernel.backoff import Backoff
from tradewind.kernel.ccxt_client import exchange_errors
from tradewind.market_data.adapters.ccxt.book_protocols import PROTOCOLS, ProvenBook
from tradewind.market_data.adapters.ccxt.feed_time import FeedTime
from tradewind.market_data.adapters.ccxt.quotes import levels_of
from tradewind.market_data.adapters.ccxt.waiting import within
from tradewind.market_data.ports import BookHealth

FRESH = 10.0
"""Seconds without a message after which a local book is not shown: its connection may be dead."""
IDLE = 600.0
"""Seconds without a question after which a local book ends."""
REST_DEPTH = 100
SILENCE = 60.0
"""Seconds without an update after which a local book begins anew."""


class LocalBook:
    """One pair's book, kept by WebSocket while somebody asks for it."""

    def __init__(
        self, client: Any, pair: str, make: Callable[[], ProvenBook], feed_time: FeedTime, backoff: Backoff
    ) -> None:
        self._client, self._pair, self._make, self._time, self._backoff = client, pair, make, feed_time, backoff
        self._book = make()
        self._connection: Any = None
        self._heard = self._asked = feed_time.now()
        self._resyncs = 0

    def health(self) -> BookHealth:
        """Whether the book is proven now, and how often it was not."""
        return BookHealth(in_step=self._in_step, resyncs=self._resyncs)

    @property
    def _in_step(self) -> bool:
        return self._book.best(1) is not None

    def best(self, count: int) -> Depth | None:
        """The best levels; None while they are not known for certain."""
        self._asked = self._time.now()
        fresh = self._asked - self._heard <= FRESH
        return self._book.best(count) if fresh else None

    def take(self, connection: Any, message: Mapping[str, Any]) -> None:
        """A raw message about this pair has come."""
        self._connection, self._heard = connection, self._time.now()
        before = self._in_step
        try:
            self._book.take(message)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            # Not a message as the exchange documents it: whatever it said is missing from the book.
            self._book = self._make()
        self._count(before)

    def _count(self, before: bool) -> None:
        self._resyncs += before and not self._in_step

    async def _watch(self) -> None:
        await self._client.watch_order_book(self._pair, self._book.depth)

    async def keep(self) -> None:
        """Keep the subscription until nobody has asked for a while."""
        while self._time.now() - self._asked <= IDLE:
            try:
                await within(self._time, self._watch(), SILENCE)
                if not self._in_step:
                    await self._book.resync(self._connection)
            except Exception:  # noqa: BLE001 - questions are answered by REST meanwhile, which tells what is wrong
                before, self._book = self._in_step, self._make()
                self._count(before)
            if self._in_step:
                self._backoff.reset()
            else:
                # Also after a resync without an error: its snapshot is still to come, or was too old.
                await self._time.sleep(self._backoff.pause())
        with contextlib.suppress(Exception):
            await self._client.un_watch_order_book(self._pair)


class Books:
    """All local books of one client."""

    def __init__(self, client: Any, feed_time: FeedTime, random: Random) -> None:
        self._client, self._time, self._random = client, feed_time, random
        self._protocol = PROTOCOLS.get(client.id) if client.has.get("watchOrderBook") else None
        self._books: dict[str, LocalBook] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        if self._protocol is not None:
            self._read_by_ccxt = client.handle_order_book
            client.handle_order_book = self._take

    async def best(self, pair: str, count: int) -> Depth:
        """The best `count` levels of both sides now. Raises what the exchange's refusal means."""
        depth = self._local(pair, count)
        if depth is not None:
            return depth
        with exchange_errors(self._client):
            book = await self._client.fetch_order_book(pair, max(count, REST_DEPTH))
        return Depth(tuple(levels_of(book["bids"])[:count]), tuple(levels_of(book["asks"])[:count]))

    def health(self) -> Mapping[str, BookHealth]:
        """Every local book, by pair."""
        return {pair: book.health() for pair, book in self._books.items()}

    async def close(self) -> None:
        """End every local book."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _local(self, pair: str, count: int) -> Depth | None:
        protocol, client = self._protocol, self._client
        if protocol is None or pair not in (client.markets or {}):
            return None
        if pair not in self._books:
            book = LocalBook(
                client, pair, lambda: protocol(client, pair), self._time, Backoff(jitter=self._random.random)
            )
            self._books[pair] = book
            self._tasks[pair] = asyncio.create_task(self._keep(pair, book))
        return self._books[pair].best(count)

    async def _keep(self, pair: str, book: LocalBook) -> None:
        try:
            await book.keep()
        finally:
            del self._books[pair], self._tasks[pair]

    def _take(self, connection: Any, message: Mapping[str, Any]) -> None:
        assert self._protocol is not None
        book = self._books.get(self._protocol.pair_of(self._client, message) or "")
        if book is not None:
            book.take(connection, message)
        self._read_by_ccxt(connection, message)
