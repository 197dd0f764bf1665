"""What happens at the venue, told to those who listen.

An event is put into words once for each stream that has listeners, however many they are. The exchange is asked only
for events that somebody wants. Faults of the user stream (dropped, doubled, reordered updates) are done here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from tradewind.contracts.api.faults import FaultKind
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.models import (
    BookTickerUpdate,
    DepthUpdate,
    ExecutionReport,
    KlineUpdate,
    MarketEvent,
    TickerUpdate,
    TradeUpdate,
    UserEvent,
)
from tradewind.sim_exchange.wire import event_shapes as shapes
from tradewind.sim_exchange.wire.connection import GOING_AWAY, Connection
from tradewind.sim_exchange.wire.market_shapes import depth_json
from tradewind.sim_exchange.wire.streams import Stream, parse_stream

_PARTIAL = (5, 10, 20)
_RATES = ("", "@100ms", "@1000ms")


class Hub:
    """The connections that are open, and their subscriptions."""

    def __init__(self, exchange: SimulatedExchange, faults: FaultTable) -> None:
        self._exchange, self._faults = exchange, faults
        self.connections: set[Connection] = set()
        self._listeners: dict[str, dict[Connection, None]] = {}
        self._wanted: Counter[tuple[str, str]] = Counter()
        self._users: dict[Connection, dict[int | None, None]] = {}
        self._held: bytes | None = None
        self._ends: list[Callable[[], None]] = []

    def open(self) -> None:
        """Begin to listen to the exchange."""
        wanted = self._wanted
        self._ends = [
            self._exchange.on_user_event(self._on_user_event),
            self._exchange.on_market_event(self._on_market_event, lambda symbol, stream: (symbol, stream) in wanted),
        ]

    def close(self) -> None:
        """Stop listening, and end every connection."""
        for end in self._ends:
            end()
        self._ends = []
        for connection in list(self.connections):
            connection.close(GOING_AWAY)

    # --------------------------------------------------------------------------------------------------- connections

    def join(self, connection: Connection) -> None:
        """A connection came; it may be ended at once by a `Disconnect` that waits."""
        self.connections.add(connection)
        self.disconnect()

    def leave(self, connection: Connection) -> None:
        """A connection is gone, and its subscriptions with it."""
        self.connections.discard(connection)
        self._users.pop(connection, None)
        for name in [name for name, listeners in self._listeners.items() if connection in listeners]:
            self._forget(name, connection)

    def disconnect(self) -> None:
        """End the present connections if a `Disconnect` waits; one that finds none goes on waiting."""
        if self.connections and self._faults.take(FaultKind.DISCONNECT):
            for connection in list(self.connections):
                connection.close(GOING_AWAY)

    # ------------------------------------------------------------------------------------------------- subscriptions

    def subscribe(self, connection: Connection, stream: Stream) -> None:
        """Tell `connection` of a stream."""
        listeners = self._listeners.setdefault(stream.name, {})
        if not listeners:
            self._wanted.update(self._sources(stream))
        listeners[connection] = None

    def unsubscribe(self, connection: Connection, stream: Stream) -> None:
        """Tell it no more."""
        if connection in self._listeners.get(stream.name, ()):
            self._forget(stream.name, connection)

    def subscribe_user(self, connection: Connection, subscription: int | None) -> None:
        """Tell `connection` of the account: wrapped with a subscription id, or bare where that is None."""
        self._users.setdefault(connection, {})[subscription] = None

    def unsubscribe_user(self, connection: Connection, subscription: int | None) -> bool:
        """Tell it no more of the account; whether it was told."""
        subscriptions = self._users.get(connection, {})
        if subscription not in subscriptions:
            return False
        del subscriptions[subscription]
        return True

    def _sources(self, stream: Stream) -> list[tuple[str, str]]:
        symbols = self._exchange.symbols if stream.symbol is None else (stream.symbol,)
        return [(symbol, stream.source) for symbol in symbols]

    def _forget(self, name: str, connection: Connection) -> None:
        listeners = self._listeners[name]
        del listeners[connection]
        if not listeners:
            del self._listeners[name]
            stream = parse_stream(name)
            assert stream is not None
            for source in self._sources(stream):
                self._wanted[source] -= 1
                if not self._wanted[source]:
                    del self._wanted[source]

    # -------------------------------------------------------------------------------------------------------- events

    def _on_user_event(self, event: UserEvent) -> None:
        if not self._users:
            return
        text = orjson.dumps(shapes.user_event_json(event))
        if not isinstance(event, ExecutionReport):
            self._tell_users(text)
            return
        marks = {
            "method": event.execution.value,
            "symbol": event.order.symbol,
            "client_order_id": event.order.client_order_id,
        }
        if self._faults.take(FaultKind.DROP_UPDATE, **marks):
            return
        if self._held is None and self._faults.take(FaultKind.REORDER_UPDATES, **marks):
            self._held = text
            return
        self._tell_users(text)
        if self._faults.take(FaultKind.DUPLICATE_UPDATE, **marks):
            self._tell_users(text)
        if self._held is not None:
            held, self._held = self._held, None
            self._tell_users(held)

    def _tell_users(self, text: bytes) -> None:
        for connection, subscriptions in list(self._users.items()):
            for subscription in subscriptions:
                wrapped = text if subscription is None else b'{"subscriptionId":%d,"event":%b}' % (subscription, text)
                connection.offer(wrapped)

    def _on_market_event(self, event: MarketEvent) -> None:
        match event:
            case KlineUpdate():
                self._tell(f"{event.symbol.lower()}@kline_{event.interval}", lambda: shapes.kline_event(event))
            case TradeUpdate():
                symbol = event.trade.symbol.lower()
                self._tell(f"{symbol}@trade", lambda: shapes.trade_event(event))
                self._tell(f"{symbol}@aggTrade", lambda: shapes.aggregate_trade_event(event))
            case DepthUpdate():
                self._tell_depth(event)
            case TickerUpdate():
                symbol = event.ticker.book.symbol.lower()
                self._tell(f"{symbol}@ticker", lambda: shapes.ticker_event(event))
                self._tell(f"{symbol}@miniTicker", lambda: shapes.mini_ticker_event(event))
                self._tell("!ticker@arr", lambda: [shapes.ticker_event(event)])
                self._tell("!miniTicker@arr", lambda: [shapes.mini_ticker_event(event)])
            case BookTickerUpdate():
                self._tell(f"{event.ticker.symbol.lower()}@bookTicker", lambda: shapes.book_ticker_event(event))
                self._tell("!bookTicker", lambda: shapes.book_ticker_event(event))

    def _tell_depth(self, event: DepthUpdate) -> None:
        symbol = event.symbol.lower()
        for rate in _RATES:
            self._tell(f"{symbol}@depth{rate}", lambda: shapes.depth_event(event))
            for levels in _PARTIAL:
                self._tell(
                    f"{symbol}@depth{levels}{rate}",
                    lambda levels=levels: depth_json(self._exchange.depth(event.symbol, levels)),  # type: ignore[misc]
                )

    def _tell(self, name: str, words: Callable[[], Any]) -> None:
        listeners = self._listeners.get(name)
        if not listeners:
            return
        text = orjson.dumps(words())
        combined: bytes | None = None
        for connection in list(listeners):
            if connection.combined:
                combined = combined or b'{"stream":"%b","data":%b}' % (name.encode(), text)
                connection.offer(combined)
            else:
                connection.offer(text)
