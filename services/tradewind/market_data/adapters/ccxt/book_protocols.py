"""What an exchange says about its order books, in its own raw messages, and how it proves them.

ccxt turns messages into books of its own, checked at Binance and (switched off by default) at Kraken. The proof here is
made from the same messages before ccxt reads them, with every digit that the exchange sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from tradewind.domain.order_book import BookChange, ChecksummedBook, Depth, Level, Outcome, SequencedBook
from tradewind.kernel.ccxt_client import exchange_errors
from tradewind.market_data.adapters.ccxt.quotes import levels_of

BINANCE_DEPTH = 1000
KRAKEN_DEPTH = 100


class ProvenBook(Protocol):
    """One pair's local book, by an exchange's rules."""

    depth: int
    """The depth to subscribe to."""

    def take(self, message: Mapping[str, Any]) -> Outcome:
        """Take one raw message about this pair."""
        ...

    def best(self, count: int) -> Depth | None:
        """The best levels, None while the book is not proven to be the exchange's."""
        ...

    async def resync(self, connection: Any) -> None:
        """Get a snapshot, on `connection` (ccxt's client of one WebSocket) where it comes that way."""
        ...


class BinanceBook:
    """Numbered changes by WebSocket, the snapshot by REST."""

    depth = BINANCE_DEPTH

    def __init__(self, client: Any, pair: str) -> None:
        self._client, self._pair = client, pair
        self._book = SequencedBook()

    @staticmethod
    def pair_of(client: Any, message: Mapping[str, Any]) -> str | None:
        """The pair that a raw message is about."""
        pair: str | None = client.safe_symbol(message.get("s"), None, None, "spot")
        return pair

    def take(self, message: Mapping[str, Any]) -> Outcome:
        """A `depthUpdate`."""
        bids, asks = levels_of(message["b"]), levels_of(message["a"])
        return self._book.apply(BookChange(int(message["U"]), int(message["u"]), bids, asks))

    def best(self, count: int) -> Depth | None:
        """The best levels, None while the book is not proven to be the exchange's."""
        return self._book.best(count)

    async def resync(self, connection: Any) -> None:  # noqa: ARG002 - its snapshot does not come by WebSocket
        """Ask REST; a snapshot that turns out too old is followed by another question at the next update."""
        with exchange_errors(self._client):
            snapshot = await self._client.fetch_order_book(self._pair, self.depth)
        self._book.snapshot(int(snapshot["nonce"]), levels_of(snapshot["bids"]), levels_of(snapshot["asks"]))


class KrakenBook:
    """Snapshot and changes by WebSocket (version 2), each with the checksum of the ten best levels."""

    depth = KRAKEN_DEPTH

    def __init__(self, client: Any, pair: str) -> None:
        self._pair = pair
        self._book = ChecksummedBook(self.depth)
        # A JSON number has lost its trailing zeros, which the checksum counts: the pair's decimals give them back.
        info = client.market(pair)["info"]
        self._price_step = Decimal(1).scaleb(-int(info["pair_decimals"]))
        self._amount_step = Decimal(1).scaleb(-int(info["lot_decimals"]))

    @staticmethod
    def pair_of(client: Any, message: Mapping[str, Any]) -> str | None:  # noqa: ARG004 - Kraken writes pairs as ccxt
        """The pair that a raw message is about."""
        return next((book.get("symbol") for book in message.get("data", ())), None)

    def take(self, message: Mapping[str, Any]) -> Outcome:
        """A message of channel `book`."""
        outcome = Outcome.DROPPED
        for book in message["data"]:
            bids, asks = self._levels(book.get("bids", ())), self._levels(book.get("asks", ()))
            if message["type"] == "snapshot":
                outcome = self._book.snapshot(bids, asks, int(book["checksum"]))
            else:
                outcome = self._book.apply(bids, asks, int(book["checksum"]))
        return outcome

    def best(self, count: int) -> Depth | None:
        """The best levels, None while the book is not proven to be the exchange's."""
        return self._book.best(count)

    async def resync(self, connection: Any) -> None:
        """A snapshot comes with a subscription only, so it is given up and made again on the same connection."""
        channel = {"channel": "book", "symbol": [self._pair], "depth": self.depth}
        await connection.send({"method": "unsubscribe", "params": channel})
        await connection.send({"method": "subscribe", "params": {**channel, "snapshot": True}})

    def _levels(self, rows: Iterable[Mapping[str, Any]]) -> list[Level]:
        return [
            Level(
                Decimal(str(row["price"])).quantize(self._price_step),
                Decimal(str(row["qty"])).quantize(self._amount_step),
            )
            for row in rows
        ]


PROTOCOLS: Mapping[str, type[BinanceBook | KrakenBook]] = {
    "binance": BinanceBook,
    "binanceus": BinanceBook,
    "kraken": KrakenBook,
}
"""By ccxt's id; the books of other exchanges are asked by REST."""
