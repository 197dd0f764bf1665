"""What market-data needs from a feed: the source of an exchange's candles and quotes.

A feed delivers closed candles and nothing else: in order, each once, with what was missed fetched before anything
later. How it learns of them (WebSocket, polling, both) is its own matter; that it had to change its way is reported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles
from tradewind.domain.instrument import Instrument
from tradewind.domain.order import Side
from tradewind.domain.order_book import Depth


class FeedState(StrEnum):
    """How a stream of candles stands."""

    STARTING = "Starting"
    CONNECTED = "Connected"
    """Updates come as the exchange makes them (by polling, where the exchange has no WebSocket for candles)."""
    DISCONNECTED = "Disconnected"
    """Updates do not come. Candles go on by REST unless the reason says that REST fails as well."""
    SILENT = "Silent"
    """Connected, but without any update for three intervals. Candles go on by REST, and it is connected anew."""
    RESYNCED = "Resynced"
    """After Disconnected or Silent: whatever was missed has been delivered."""
    ENDED = "Ended"
    """Nothing will come any more."""


class StreamKey(NamedTuple):
    """One stream of candles."""

    pair: str
    timeframe: str


@dataclass(frozen=True, slots=True)
class StateChange:
    """A stream entered a state at `time` (milliseconds UTC of the feed's clock). `reason` is for people."""

    stream: StreamKey
    state: FeedState
    time: int
    reason: str = ""


@dataclass(slots=True)
class StreamHealth:
    """How a stream does; counts since the feed was made, times in milliseconds UTC, None before the first.

    `quarantined` counts refused rows by reason, `missing` the candles that the exchange itself does not have,
    `reconnects` how often the WebSocket had to be tried again.
    """

    state: FeedState = FeedState.STARTING
    reason: str = ""
    last_update: int | None = None
    last_candle: int | None = None
    delivered: int = 0
    missing: int = 0
    reconnects: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BookHealth:
    """A local order book: whether it is proven to be the exchange's, and how often it had to begin anew."""

    in_step: bool
    resyncs: int


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """All streams and local books; how many seconds the exchange's clock is ahead of ours (None: it does not say)."""

    exchange: str
    clock_skew: float | None
    streams: Mapping[StreamKey, StreamHealth]
    books: Mapping[str, BookHealth]


@dataclass(frozen=True, slots=True)
class Quote:
    """Where a pair trades. Prices in quote per base, `volume` of the last 24 hours in base, `time` milliseconds UTC.

    What the exchange does not tell is None; `change_ratio` is 0.01 for one per cent up in 24 hours.
    """

    pair: str
    time: int
    last: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    change_ratio: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade of anybody. `side` is the taker's, None where the exchange does not tell."""

    trade_id: str
    time: int
    side: Side | None
    price: Decimal
    amount: Decimal


Deliver = Callable[[StreamKey, Sequence[Candle]], Awaitable[None]]
"""Takes closed candles of one stream, ascending. They count as delivered when it returns."""

Report = Callable[[StateChange], Awaitable[None]]
"""Hears of a changed state."""


class Feed(Protocol):
    """One exchange. Calls raise `TemporaryError` when it cannot be reached, `ConfigError` when it must not be asked."""

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every spot pair that trades now, with its filters."""
        ...

    async def history(self, pair: str, timeframe: str, since: int, until: int) -> CheckedCandles:
        """The closed candles opened in `since <= open time < until` (milliseconds UTC), validated."""
        ...

    def follow(self, streams: Mapping[StreamKey, int]) -> None:
        """Deliver these streams when it runs, each from an open time (milliseconds UTC)."""
        ...

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Deliver closed candles of every stream, without end. Raises what `deliver` raises."""
        ...

    async def quote(self, pair: str) -> Quote:
        """Where the pair trades now."""
        ...

    async def order_book(self, pair: str, count: int) -> Depth:
        """The best `count` levels of both sides now."""
        ...

    async def trades(self, pair: str, count: int) -> Sequence[PublicTrade]:
        """The latest `count` trades, the oldest first."""
        ...

    def health(self) -> FeedHealth:
        """How the feed does now."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class StreamFeed(Feed, Protocol):
    """A feed whose streams can be delivered one by one, and no longer than somebody wants them."""

    async def stream(self, key: StreamKey, since: int, deliver: Deliver, report: Report) -> None:
        """Deliver this stream as `run` delivers all, from an open time (milliseconds UTC), until cancelled."""
        ...

    async def keep_time(self) -> None:
        """Keep the exchange's clock known, without end."""
        ...
