"""The WebSocket of market streams: `/ws/STREAM`, `/stream?streams=A/B`, and subscribing while connected.

A listen key is a stream too: that of the account, as clients of before the WebSocket API follow it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from tradewind.sim_exchange.wire.connection import Connection
from tradewind.sim_exchange.wire.hub import Hub
from tradewind.sim_exchange.wire.listen_keys import ListenKeys
from tradewind.sim_exchange.wire.streams import parse_stream

MOST_STREAMS = 1_024


class _RequestError(Exception):
    """A message that is no request; `code` as the streams count them."""

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


class MarketSocket:
    """The requests of one connection to the market streams."""

    def __init__(self, hub: Hub, keys: ListenKeys, connection: Connection) -> None:
        self._hub, self._keys, self._connection = hub, keys, connection
        self._names: dict[str, None] = {}
        self._methods: dict[str, Callable[[list[Any]], Any]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": lambda _: list(self._names),
            "SET_PROPERTY": self._set_property,
            "GET_PROPERTY": self._get_property,
        }

    def begin(self, names: list[str]) -> None:
        """Subscribe to what the address names; a name that means nothing is passed over, as on the real venue."""
        for name in names[:MOST_STREAMS]:
            self._add(name)

    def on_text(self, text: str) -> Awaitable[None]:
        """Answer one message."""
        return self._on_text(text)

    async def _on_text(self, text: str) -> None:
        identity: Any = None
        try:
            request = _request(text)
            identity = _identity(request)
            answer: dict[str, Any] = {"result": self._result(request), "id": identity}
        except _RequestError as error:
            answer = {"error": {"code": error.code, "msg": error.message}, "id": identity}
        self._connection.offer(orjson.dumps(answer))

    def _result(self, request: dict[str, Any]) -> Any:
        name = str(request.get("method"))
        method = self._methods.get(name)
        if method is None:
            raise _RequestError(2, f"Invalid request: unknown variant {name[:40]!r}")
        return method(_list(request))

    def _subscribe(self, names: list[Any]) -> None:
        _check_names(names)
        if len(self._names.keys() | set(names)) > MOST_STREAMS:
            raise _RequestError(2, f"Invalid request: more than {MOST_STREAMS} streams")
        for name in names:
            self._add(name)

    def _unsubscribe(self, names: list[Any]) -> None:
        _check_names(names)
        for name in names:
            self._names.pop(name, None)
            stream = parse_stream(name)
            if stream is not None:
                self._hub.unsubscribe(self._connection, stream)
            elif self._keys.holds(name):
                self._hub.unsubscribe_user(self._connection, None)

    def _add(self, name: str) -> None:
        stream = parse_stream(name)
        if stream is not None:
            self._names[name] = None
            self._hub.subscribe(self._connection, stream)
        elif self._keys.holds(name):
            self._names[name] = None
            self._hub.subscribe_user(self._connection, None)

    def _set_property(self, values: list[Any]) -> None:
        if len(values) != 2 or values[0] != "combined":
            raise _RequestError(0, "Unknown property")
        if not isinstance(values[1], bool):
            raise _RequestError(1, "Invalid value type: expected Boolean")
        self._connection.combined = values[1]

    def _get_property(self, values: list[Any]) -> bool:
        if values != ["combined"]:
            raise _RequestError(0, "Unknown property")
        return self._connection.combined


def _request(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        raise _RequestError(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise _RequestError(2, "Invalid request: expected an object")
    return request


def _identity(request: dict[str, Any]) -> Any:
    identity = request.get("id")
    if identity is None or (isinstance(identity, int) and abs(identity) < 2**63):
        return identity
    if isinstance(identity, str) and len(identity) <= 36 and identity.isprintable() and identity.isascii():
        return identity
    raise _RequestError(2, "Invalid request: request ID must be an unsigned integer or a short string")


def _list(request: dict[str, Any]) -> list[Any]:
    values = request.get("params", [])
    if not isinstance(values, list):
        raise _RequestError(2, "Invalid request: params must be an array")
    return values


def _check_names(names: list[Any]) -> None:
    if not names or not all(isinstance(name, str) for name in names):
        raise _RequestError(2, "Invalid request: params must be names of streams")
