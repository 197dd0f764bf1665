"""The WebSocket API: the calls of REST by other names, and the events of the account on the same connection.

Parameters come as JSON; numbers are kept as the text that was sent, because amounts never pass through a float and
because the signature covers that text.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.account_routes import nothing
from tradewind.sim_exchange.wire.answers import EMPTY_LIST
from tradewind.sim_exchange.wire.call import Call, Desk, Route, Security, SilenceError
from tradewind.sim_exchange.wire.connection import Connection
from tradewind.sim_exchange.wire.fields import flag, integer
from tradewind.sim_exchange.wire.hub import Hub
from tradewind.sim_exchange.wire.market_shapes import rate_limits_json
from tradewind.sim_exchange.wire.parameters import MOST_PARAMETERS, Parameters
from tradewind.sim_exchange.wire.refusals import body_of
from tradewind.sim_exchange.wire.routes import ROUTES
from tradewind.sim_exchange.wire.signature import sorted_payload

_CALLS = {
    "ping": "GET ping",
    "time": "GET time",
    "exchangeInfo": "GET exchangeInfo",
    "depth": "GET depth",
    "trades.recent": "GET trades",
    "trades.historical": "GET historicalTrades",
    "trades.aggregate": "GET aggTrades",
    "klines": "GET klines",
    "uiKlines": "GET uiKlines",
    "ticker.24hr": "GET ticker/24hr",
    "ticker.price": "GET ticker/price",
    "ticker.book": "GET ticker/bookTicker",
    "order.place": "POST order",
    "order.test": "POST order/test",
    "order.status": "GET order",
    "order.cancel": "DELETE order",
    "order.cancelReplace": "POST order/cancelReplace",
    "openOrders.status": "GET openOrders",
    "openOrders.cancelAll": "DELETE openOrders",
    "allOrders": "GET allOrders",
    "myTrades": "GET myTrades",
    "account.status": "GET account",
    "account.commission": "GET account/commission",
    "account.rateLimits.orders": "GET rateLimit/order",
    "orderList.place": "POST order/oco",
    "orderList.place.oco": "POST orderList/oco",
    "orderList.status": "GET orderList",
    "orderList.cancel": "DELETE orderList",
    "openOrderLists.status": "GET openOrderList",
    "allOrderLists": "GET allOrderList",
}


def _route(call: str) -> Route:
    method, _, path = call.partition(" ")
    return ROUTES[method, f"/api/v3/{path}"]


METHODS = {name: _route(call) for name, call in _CALLS.items()}
_USER_STREAM = Route(nothing, EMPTY_LIST, name="userDataStream", security=Security.SIGNED, weight=2)
_WITH_LIMITS, _SUBSCRIPTION = flag("returnRateLimits"), integer("subscriptionId")
_OWN_PARAMETERS = ("apiKey", _WITH_LIMITS.name)


class WebSocketApi:
    """The requests of one connection to the WebSocket API."""

    def __init__(self, desk: Desk, hub: Hub, connection: Connection, address: str) -> None:
        self._desk, self._hub, self._connection, self._address = desk, hub, connection, address
        self._subscription: int | None = None
        self._next_subscription = 0

    async def on_text(self, text: str) -> None:
        """Answer one message; where a fault keeps the answer back, there is none."""
        identity: Any = None
        with_limits = True
        try:
            request = _request(text)
            identity = _identity(request)
            values = _values(request)
            with_limits = Parameters(values).get(_WITH_LIMITS) is not False
            result = await self._perform(request, values)
        except SilenceError:
            return
        except RefusalError as refusal:
            answer: dict[str, Any] = {"id": identity, "status": refusal.status, "error": body_of(refusal)}
        else:
            answer = {"id": identity, "status": 200, "result": result}
        if with_limits:
            answer["rateLimits"] = self._limits()
        self._connection.offer(orjson.dumps(answer))

    async def _perform(self, request: dict[str, Any], values: dict[str, str]) -> Any:
        name = request.get("method")
        if name == "userDataStream.subscribe.signature":
            await self._call(_USER_STREAM, values)
            return self._subscribe()
        if name == "userDataStream.unsubscribe":
            return self._unsubscribe(Parameters(values))
        route = METHODS.get(name) if isinstance(name, str) else None
        if route is None:
            raise RefusalError(-1020, "This operation is not supported.")
        return await self._call(route, values)

    async def _call(self, route: Route, values: dict[str, str]) -> Any:
        # Both are read here, and what is signed is all that was sent.
        parameters = {name: value for name, value in values.items() if name not in _OWN_PARAMETERS}
        key = values.get("apiKey")
        call = Call(
            route=route,
            parameters=Parameters(parameters),
            address=self._address,
            key=None if key is None else key.encode(errors="replace"),
            payload=lambda: sorted_payload(values),
        )
        return await self._desk.perform(call)

    def _subscribe(self) -> dict[str, int]:
        if self._subscription is not None:
            raise RefusalError(-1130, "User data stream subscription already active.")
        self._subscription, self._next_subscription = self._next_subscription, self._next_subscription + 1
        self._hub.subscribe_user(self._connection, self._subscription)
        return {"subscriptionId": self._subscription}

    def _unsubscribe(self, parameters: Parameters) -> dict[str, int]:
        wanted = parameters.get(_SUBSCRIPTION)
        if wanted is None or wanted == self._subscription:
            if self._subscription is not None:
                self._hub.unsubscribe_user(self._connection, self._subscription)
            self._subscription = None
        return {}

    def _limits(self) -> list[dict[str, Any]]:
        counts = self._desk.limiter.counts(self._address)
        limits = rate_limits_json(self._desk.settings.allowance)
        return [{**limit, "count": count} for limit, count in zip(limits, counts, strict=True)]


def _request(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise RefusalError(-1135, "Invalid JSON Request") from None
    if not isinstance(request, dict):
        raise RefusalError(-1135, "Invalid JSON Request")
    return request


def _identity(request: dict[str, Any]) -> Any:
    identity = request.get("id")
    if identity is None or (isinstance(identity, int) and abs(identity) < 2**63):
        return identity
    if isinstance(identity, str) and len(identity) <= 36 and identity.isprintable() and identity.isascii():
        return identity
    raise RefusalError(-1135, "Invalid 'id' in JSON request; expected an integer, a string of 36 letters, or null.")


def _values(request: dict[str, Any]) -> dict[str, str]:
    """The parameters as text, as a signature sees them."""
    sent = request.get("params") or {}
    if not isinstance(sent, dict):
        raise RefusalError(-1135, "Invalid 'params' in JSON request; expected an object.")
    if len(sent) > MOST_PARAMETERS:
        raise refusals.too_many(MOST_PARAMETERS, len(sent))
    return {name: _text(value) for name, value in sent.items()}


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**40 else "NaN"
        case None:
            return ""
        case _:
            return json.dumps(value, separators=(",", ":"))
