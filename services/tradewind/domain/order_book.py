"""A venue's order book kept on this side, and how it is known to be the venue's.

A venue sends a book once and then only what changed in it. One lost change makes the copy wrong for good and nothing
looks odd, so every venue gives a proof: Binance numbers its changes without a hole, Kraken sends a checksum of the best
levels. A book whose proof fails is not shown to anybody any more and wants a new snapshot. How that is fetched is not
the book's business.

Rules as the venues document them: Binance, "How to manage a local order book correctly"; Kraken, "Book checksum".
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zlib import crc32

CHECKSUM_LEVELS = 10
"""How many levels of each side Kraken's checksum covers."""

BUFFERED = 5000
"""Changes kept while a snapshot is awaited; older ones are dropped, and the snapshot must then be newer."""


class Level(NamedTuple):
    """All orders at one price: the price in quote per base, the amount in base."""

    price: Decimal
    amount: Decimal


class Depth(NamedTuple):
    """The best levels of a book, the best first on both sides."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BookChange(NamedTuple):
    """New amounts at prices, 0 where a level is gone; the changes numbered `first` to `last` in one message."""

    first: int
    last: int
    bids: Sequence[Level]
    asks: Sequence[Level]


class Outcome(StrEnum):
    """What became of a message."""

    APPLIED = "Applied"
    DROPPED = "Dropped"
    """Older than the book already is."""
    BUFFERED = "Buffered"
    """Kept until a snapshot comes."""
    RESYNC = "Resync"
    """Something was lost: the book is no longer the venue's and wants a snapshot."""


class OrderBook:
    """Levels of both sides, at most `depth` of each where the venue sends no more than that."""

    def __init__(self, depth: int | None = None) -> None:
        self._depth = depth
        self._bids, self._asks = _Levels(), _Levels()

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Begin anew with the levels of a snapshot."""
        self._bids, self._asks = _Levels(), _Levels()
        self.update(bids, asks)

    def update(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set the amount at each price, 0 removes it."""
        for price, amount in bids:
            self._bids.put(price, amount)
        for price, amount in asks:
            self._asks.put(price, amount)
        if self._depth is not None:
            # The venue stops telling of a level that it pushes out of the subscribed depth.
            self._bids.keep_highest(self._depth)
            self._asks.keep_lowest(self._depth)

    def best(self, count: int) -> Depth:
        """The best `count` levels of each side."""
        return Depth(self._bids.highest(count), self._asks.lowest(count))


class SequencedBook:
    """A book whose changes are numbered (Binance): in step while each message begins where the one before ended."""

    def __init__(self) -> None:
        self.in_step = False
        self._book = OrderBook()
        self._last = -1
        self._waiting: deque[BookChange] = deque(maxlen=BUFFERED)

    def snapshot(self, last: int, bids: Iterable[Level], asks: Iterable[Level]) -> Outcome:
        """Take a snapshot that holds all changes up to number `last`, then the buffered changes after it.

        `RESYNC` when it is older than what is buffered, or something is missing in between: ask for another one.
        `DROPPED` when the book is in step and newer.
        """
        if self.in_step and last <= self._last:
            return Outcome.DROPPED
        self._book.replace(bids, asks)
        self._last, self.in_step = last, True
        waiting, self._waiting = self._waiting, deque(maxlen=BUFFERED)
        outcomes = [self.apply(change) for change in waiting]
        return Outcome.RESYNC if Outcome.RESYNC in outcomes else Outcome.APPLIED

    def apply(self, change: BookChange) -> Outcome:
        """Take the next message of the stream."""
        if not self.in_step:
            self._waiting.append(change)
            return Outcome.BUFFERED
        if change.last <= self._last:
            return Outcome.DROPPED
        if change.first > self._last + 1:
            # The message itself is not lost: the next snapshot may be older than it.
            self.in_step = False
            self._waiting.append(change)
            return Outcome.RESYNC
        self._book.update(change.bids, change.asks)
        self._last = change.last
        return Outcome.APPLIED

    def best(self, count: int) -> Depth | None:
        """The best `count` levels of each side; None while the book is not the venue's."""
        return self._book.best(count) if self.in_step else None


class ChecksummedBook:
    """A book whose messages carry a checksum (Kraken): in step while its own best levels give the same one.

    Prices and amounts must have exactly as many decimal places as the venue writes, for the checksum is made of digits.
    """

    def __init__(self, depth: int) -> None:
        self.in_step = False
        self._book = OrderBook(depth)

    def snapshot(self, bids: Iterable[Level], asks: Iterable[Level], checksum: int | None = None) -> Outcome:
        """Begin anew; the older of Kraken's protocols gives no checksum with a snapshot."""
        self._book.replace(bids, asks)
        return self._checked(checksum)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level], checksum: int) -> Outcome:
        """Take the next message of the stream."""
        if not self.in_step:
            return Outcome.DROPPED
        self._book.update(bids, asks)
        return self._checked(checksum)

    def best(self, count: int) -> Depth | None:
        """The best `count` levels of each side; None while the book is not the venue's."""
        return self._book.best(count) if self.in_step else None

    def _checked(self, checksum: int | None) -> Outcome:
        self.in_step = checksum is None or checksum == kraken_checksum(self._book.best(CHECKSUM_LEVELS))
        return Outcome.APPLIED if self.in_step else Outcome.RESYNC


def kraken_checksum(depth: Depth) -> int:
    """CRC-32 of the digits of the ten best asks, then bids: price and amount without point and leading zeros."""
    levels = (*depth.asks[:CHECKSUM_LEVELS], *depth.bids[:CHECKSUM_LEVELS])
    return crc32("".join(_digits(number) for level in levels for number in level).encode())


def _digits(number: Decimal) -> str:
    return format(number, "f").replace(".", "").lstrip("0")


class _Levels:
    """One side: amounts by price, and the prices in ascending order."""

    __slots__ = ("_amounts", "_prices")

    def __init__(self) -> None:
        self._amounts: dict[Decimal, Decimal] = {}
        self._prices: list[Decimal] = []

    def put(self, price: Decimal, amount: Decimal) -> None:
        if amount:
            if price not in self._amounts:
                self._prices.insert(bisect_left(self._prices, price), price)
            self._amounts[price] = amount
        elif self._amounts.pop(price, None) is not None:
            del self._prices[bisect_left(self._prices, price)]

    def lowest(self, count: int) -> tuple[Level, ...]:
        return self._levels(self._prices[:count])

    def highest(self, count: int) -> tuple[Level, ...]:
        return self._levels(self._prices[: -count - 1 : -1])

    def keep_lowest(self, count: int) -> None:
        self._forget(self._prices[count:])
        del self._prices[count:]

    def keep_highest(self, count: int) -> None:
        over = max(len(self._prices) - count, 0)
        self._forget(self._prices[:over])
        del self._prices[:over]

    def _levels(self, prices: list[Decimal]) -> tuple[Level, ...]:
        return tuple(Level(price, self._amounts[price]) for price in prices)

    def _forget(self, prices: list[Decimal]) -> None:
        for price in prices:
            del self._amounts[price]
