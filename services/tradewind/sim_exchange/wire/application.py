"""The ASGI application: bytes in, bytes out, for REST, the market streams, the WebSocket API and the admin calls.

It is an ASGI callable without a framework in between, because a venue that a bot replays a year through is called some
ten thousand times a second, and a framework's routing and validation would be most of the cost of a call.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from tradewind.domain.errors import ConfigError
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.admin import ADMIN_ROUTES, Admin, refusal_of
from tradewind.sim_exchange.wire.call import Call, Desk, Route, SilenceError, WireSettings
from tradewind.sim_exchange.wire.connection import Connection, Receive, Send
from tradewind.sim_exchange.wire.document import DOCUMENT, document
from tradewind.sim_exchange.wire.hub import Hub
from tradewind.sim_exchange.wire.market_socket import MarketSocket
from tradewind.sim_exchange.wire.parameters import Parameters, parse_form
from tradewind.sim_exchange.wire.refusals import HttpRefusalError, body_of
from tradewind.sim_exchange.wire.routes import ROUTES
from tradewind.sim_exchange.wire.signature import signed_payload
from tradewind.sim_exchange.wire.websocket_api import WebSocketApi

Scope = Mapping[str, Any]
Headers = list[tuple[bytes, bytes]]

LARGEST_BODY = 65_536
_PATHS = {DOCUMENT, *(path for _, path in (*ROUTES, *ADMIN_ROUTES))}
_JSON = (b"content-type", b"application/json;charset=UTF-8")

_log = logging.getLogger(__name__)


class Application:
    """The venue on a port. `open` before the first request, `close` after the last."""

    def __init__(self, exchange: SimulatedExchange, settings: WireSettings, faults: FaultTable) -> None:
        self.hub = Hub(exchange, faults)
        self._desk = Desk(exchange, settings, faults)
        self._admin = Admin(self._desk, self.hub)

    def open(self) -> None:
        """Begin to tell what happens."""
        self.hub.open()

    def close(self) -> None:
        """End every WebSocket."""
        self.hub.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    # ---------------------------------------------------------------------------------------------------------- http

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = [_JSON]
        try:
            body = await _body(scope, receive)
            status, content = 200, await self._answer(scope, body)
        except SilenceError:
            await _silence(receive)
            return
        except RefusalError as refusal:
            status, content = refusal.status, body_of(refusal)
            if isinstance(refusal, HttpRefusalError):
                headers += [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        except ConfigError as error:
            status, content = 400, body_of(refusal_of(error))
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the rest
            _log.exception("a call failed: %s %s", scope["method"], scope["path"])
            unknown = "An unknown error occurred while processing the request."
            status, content = 500, {"code": -1000, "msg": unknown}
        text = orjson.dumps(content)
        headers.append((b"content-length", b"%d" % len(text)))
        headers += self._usage(scope)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _answer(self, scope: Scope, body: bytes) -> Any:
        method, path = scope["method"], scope["path"]
        route = ROUTES.get((method, path))
        if route is not None:
            return await self._call(route, scope, body)
        if (method, path) in ADMIN_ROUTES:
            self._desk.check_key(_key(scope))
            return await ADMIN_ROUTES[method, path].handler(self._admin, body)
        if (method, path) == ("GET", DOCUMENT):
            return document()
        raise _no_such_call(path)

    async def _call(self, route: Route, scope: Scope, body: bytes) -> Any:
        query = scope["query_string"]
        return await self._desk.perform(
            Call(
                route=route,
                parameters=Parameters(parse_form(query, body)),
                address=_address(scope),
                key=_key(scope),
                payload=lambda: signed_payload(query, body),
            )
        )

    def _usage(self, scope: Scope) -> Headers:
        """How much of its limits the client has used."""
        weight, ten_seconds, day = self._desk.limiter.counts(_address(scope))
        used = b"%d" % weight
        headers = [(b"x-mbx-used-weight", used), (b"x-mbx-used-weight-1m", used)]
        if "rder" in scope["path"]:
            headers.append((b"x-mbx-order-count-10s", b"%d" % ten_seconds))
            headers.append((b"x-mbx-order-count-1d", b"%d" % day))
        return headers

    # ---------------------------------------------------------------------------------------------------- websockets

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        names = _streams(scope)
        is_api = scope["path"] == "/ws-api/v3"
        if names is None and not is_api:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})
        connection = Connection(receive, send, combined=scope["path"].startswith("/stream"))
        if is_api:
            on_text: Callable[[str], Awaitable[None]] = WebSocketApi(
                self._desk, self.hub, connection, _address(scope)
            ).on_text
        else:
            market = MarketSocket(self.hub, self._desk.listen_keys, connection)
            market.begin(names or [])
            on_text = market.on_text
        self.hub.join(connection)
        try:
            await connection.serve(on_text)
        finally:
            self.hub.leave(connection)


def application(exchange: SimulatedExchange, settings: WireSettings, faults: FaultTable | None = None) -> Application:
    """The ASGI application of `exchange`; `faults` is the table that the exchange was made with."""
    return Application(exchange, settings, faults if faults is not None else FaultTable())


def _no_such_call(path: str) -> RefusalError:
    if path in _PATHS:
        return _wrong_method()
    return RefusalError(-1000, "Path is not part of this venue's API.", 404)


def _wrong_method() -> RefusalError:
    return RefusalError(-1000, "Request method is not supported.", 405)


def _key(scope: Scope) -> bytes | None:
    headers: Headers = scope["headers"]
    return next((value for name, value in headers if name == b"x-mbx-apikey"), None)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _streams(scope: Scope) -> list[str] | None:
    """The streams that the address of a WebSocket names; None where it is no address of streams."""
    path: str = scope["path"]
    if path == "/stream" or path.startswith("/stream/"):
        query = parse_qs(scope["query_string"].decode(errors="replace"))
        return [name for value in query.get("streams", []) for name in value.split("/")]
    if path == "/ws" or path.startswith("/ws/"):
        return [unquote(name) for name in path.split("/")[2:] if name]
    return None


async def _body(scope: Scope, receive: Receive) -> bytes:
    if scope["method"] == "GET":
        return b""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SilenceError
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise refusals.too_many(LARGEST_BODY, len(body))
        if not message.get("more_body", False):
            return bytes(body)


async def _silence(receive: Receive) -> None:
    """Keep the connection and say nothing until the client gives up."""
    while (await receive())["type"] != "http.disconnect":
        pass
