"""The account's updates by WebSocket: Binance's execution reports, through ccxt.pro.

ccxt.pro keeps the connection, signs the subscription and notices a dead line by its pings. Its caches are not used:
they keep one entry per order, so of two trades that arrive together the order shows the second, and they add fees up
as floats. Instead each report is taken as it arrived, in its order, with the venue's own digits.

A stream that is silent may simply have nothing to say, so silence proves nothing: what this offers is speed. After
every connection the caller is told to reconcile, and while `connected` is false it has to poll.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tradewind.domain.order import Fill, OrderState
from tradewind.execution.adapters.ccxt.reading import UnreadableAnswerError, decimal_from, fill_from, state_of
from tradewind.execution.ports import Answer, VenueFill, VenueOrder
from tradewind.kernel.backoff import Backoff

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries to connect."""

_STATES = {
    "NEW": OrderState.ACCEPTED,
    "PENDING_NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "PENDING_CANCEL": OrderState.ACCEPTED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}

PING = 15.0
"""Seconds between two pings; a line on which two stay unanswered is dead."""

Deliver = Callable[[Answer], Awaitable[None]]
Told = Callable[[], Awaitable[None]]


class CcxtUserStream:
    """The stream of one client of ccxt.pro; the client may also serve the account's REST calls.

    `pause` waits so many seconds, `jitter` gives 0 to 1; `on_trouble` hears why a connection ended.
    """

    def __init__(
        self,
        client: Any,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        on_trouble: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._client, self._pause, self._jitter, self._on_trouble = client, pause, jitter, on_trouble
        self._reports: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self.connected = False
        self.last_execution_id = 0
        self.reconnects = 0
        client.streaming = {**client.streaming, "keepAlive": round(PING * 1000)}
        client.handle_order_update = self._take
        client.handle_event_stream_terminated = self._end
        self._client_connected, client.on_connected = client.on_connected, self._connected_again
        self._connection_to, client.client = client.client, self._connection

    async def run(self, deliver: Deliver, on_reconnect: Told) -> None:
        """Deliver until canceled. Trouble on the line leads to a new connection; what the callers raise is raised."""
        backoff, first = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._jitter), True
        while True:
            try:
                await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller polls and we try again
                self._on_trouble(error)
                await self._pause(backoff.pause())
                continue
            self.reconnects += not first
            backoff.reset()
            first = False
            try:
                await self._deliver_while_connected(deliver, on_reconnect)
            finally:
                self.connected = False

    # -------------------------------------------------------------------------------------------------------- running

    async def _connect(self) -> None:
        """Open a fresh connection and subscribe; reports that come from now on wait in the queue."""
        # ccxt may keep a connection that failed while receiving, and would take it for a subscribed one.
        await self._client.close_ws_clients()
        self._reports = asyncio.Queue()
        await self._client.authenticate()
        self.connected = True

    async def _deliver_while_connected(self, deliver: Deliver, on_reconnect: Told) -> None:
        # Before anything is awaited: ccxt tells the loss of a connection only to who waits for something on it.
        watching = asyncio.ensure_future(self._client.watch_orders())
        watching.add_done_callback(self._lost)
        try:
            await on_reconnect()
            while (report := await self._reports.get()) is not None:
                try:
                    answer = self._answer(report)
                except UnreadableAnswerError as error:
                    # It may have been a fill: everything is asked for anew.
                    self._on_trouble(error)
                    return
                await deliver(answer)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def _lost(self, watching: asyncio.Future[Any]) -> None:
        """The connection is gone; what had arrived before is delivered first."""
        if not watching.cancelled() and isinstance(error := watching.exception(), Exception):
            self._on_trouble(error)
        self._gone()

    def _gone(self) -> None:
        self.connected = False
        self._reports.put_nowait(None)

    # ------------------------------------------------------------------------------------------------ called by ccxt

    def _take(self, _connection: Any, message: Mapping[str, Any]) -> None:
        self._reports.put_nowait(message)

    def _end(self, _connection: Any, message: object) -> None:
        """The venue ended the subscription and left the line open, on which nothing would ever come again."""
        self._on_trouble(ConnectionError(f"the venue ended the stream: {message}"))
        self._gone()

    def _connected_again(self, connection: Any, message: object = None) -> None:
        """A connection that ccxt opened by itself has a gap before it that nobody was told of."""
        if self.connected:
            self._gone()
        self._client_connected(connection, message)

    def _connection(self, url: str) -> Any:
        """A connection whose failures are heard: ccxt leaves some of them to nobody, which Python then complains of."""
        connection = self._connection_to(url)
        if "future" not in vars(connection):
            make = connection.future

            def heard(name: str) -> Any:
                future = make(name)
                future.add_done_callback(lambda done: done.cancelled() or done.exception())
                return future

            connection.future = heard
        return connection

    # -------------------------------------------------------------------------------------------------------- reading

    def _answer(self, report: Mapping[str, Any]) -> Answer:
        """An execution report as the state it leaves the order in, after the fill it tells of."""
        self.last_execution_id = max(self.last_execution_id, int(report.get("I") or 0))
        order = order_of_report(self._client, report)
        if report.get("x") != "TRADE":
            return Answer(orders=(order,))
        return Answer(orders=(order,), updates=(VenueFill(fill_of_report(self._client, report)),))


def order_of_report(client: Any, report: Mapping[str, Any]) -> VenueOrder:
    """The order of an execution report; raises `UnreadableAnswerError` for what is not one."""
    status, named = report.get("X"), _client_order_id(report)
    if status not in _STATES:
        raise UnreadableAnswerError(f"execution report of {named} with status {status!r}")
    amount, filled = decimal_from(report.get("q"), "amount"), decimal_from(report.get("z"), "filled")
    stop = decimal_from(report.get("P") or "0", "stop price")
    state = state_of(_STATES[str(status)], amount, filled)
    return VenueOrder(named, _pair(client, report), state, amount, filled, stop or None)


def fill_of_report(client: Any, report: Mapping[str, Any]) -> Fill:
    """The fill of an execution report of kind TRADE: the same that the account's trades tell by REST."""
    trade = {
        "id": report.get("t"),
        "symbol": _pair(client, report),
        "side": str(report.get("S")).lower(),
        "amount": report.get("l"),
        "price": report.get("L"),
        "fee": {"cost": report.get("n"), "currency": client.safe_currency_code(report.get("N"))},
        "takerOrMaker": "maker" if report.get("m") else "taker",
        "timestamp": report.get("T"),
    }
    return fill_from(trade, _client_order_id(report))


def _client_order_id(report: Mapping[str, Any]) -> str:
    """Our id: a cancel's report carries the cancel's own id, and ours beside it."""
    named = report.get("C") or report.get("c")
    if not named:
        raise UnreadableAnswerError("an execution report without a client order id")
    return str(named)


def _pair(client: Any, report: Mapping[str, Any]) -> str:
    return str(client.safe_symbol(report.get("s"), None, None, "spot"))
