"""An unmodified ccxt client whose HTTP session is a script: what it would send is read, what it gets is written here.

Everything of ccxt works: it builds, signs and encodes the request, decodes the answer and raises its own errors. Only
the socket is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tradewind.domain.order import Leg, Order, OrderType, Side, client_order_id

PAIR = "BTC/USDT"


@dataclass(slots=True)
class Sent:
    """A request as it went out, with its query and its form or JSON body read."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def fields(self) -> dict[str, Any]:
        return {**self.query, **self.body, **self.body.get("params", {})}


@dataclass(slots=True)
class Reply:
    """An answer of the scripted venue; `error` is raised instead, after the request went out."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None


class _Response:
    def __init__(self, reply: Reply) -> None:
        self.status, self.reason = reply.status, "reason"
        self.headers = {"Content-Type": "application/json", **reply.headers}
        self._text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, separators=(",", ":"))

    async def text(self, errors: str = "strict") -> str:
        return self._text


class Session:
    """Stands where ccxt keeps its aiohttp session. Replies are given by path, in turn; the last one stays."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.headers: dict[str, str] = {}
        self.replies: dict[str, list[Reply]] = {}

    def on(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)

    def to(self, path: str) -> list[Sent]:
        return [sent for sent in self.sent if sent.path == path]

    def _request(self, method: str) -> Callable[..., Any]:
        session = self

        class _Exchange:
            def __init__(self, url: Any, data: bytes | None = None, headers: Any = None, **_: Any) -> None:
                parts = urlsplit(str(url))
                text = (data or b"").decode()
                body = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
                session.sent.append(Sent(method, parts.path, dict(parse_qsl(parts.query)), body, dict(headers or {})))
                self.path = parts.path

            async def __aenter__(self) -> _Response:
                replies = session.replies[f"{method} {self.path}"]
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
                if reply.error is not None:
                    raise reply.error
                return _Response(reply)

            async def __aexit__(self, *_: object) -> None:
                return None

        return _Exchange

    @property
    def get(self) -> Callable[..., Any]:
        return self._request("GET")

    @property
    def post(self) -> Callable[..., Any]:
        return self._request("POST")

    @property
    def put(self) -> Callable[..., Any]:
        return self._request("PUT")

    @property
    def delete(self) -> Callable[..., Any]:
        return self._request("DELETE")


def other_market(client: Any, market_id: str) -> dict[str, Any]:
    """A spot market of the venues whose market lists are not recorded here."""
    return client.safe_market_structure(
        {
            "id": market_id,
            "symbol": PAIR,
            "base": "BTC",
            "quote": "USDT",
            "baseId": "BTC",
            "quoteId": "USDT",
            "type": "spot",
            "spot": True,
            "active": True,
            "precision": {"amount": "0.00001", "price": "0.01"},
            "info": {},
        }
    )


MARKET_IDS = {"kraken": "XBTUSDT", "bybit": "BTCUSDT", "cryptocom": "BTC_USDT"}


def an_order(**changes: Any) -> Order:
    values: dict[str, Any] = {
        "client_order_id": client_order_id("bot", "decision", Leg.ENTRY),
        "decision_id": "decision",
        "leg": Leg.ENTRY,
        "pair": PAIR,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": Decimal("0.015"),
        "price": Decimal("30000.5"),
        "created_time": 0,
    }
    return Order(**{**values, **changes})


def a_stop(**changes: Any) -> Order:
    values = {
        "client_order_id": client_order_id("bot", "decision", Leg.STOP),
        "leg": Leg.STOP,
        "side": Side.SELL,
        "type": OrderType.STOP,
        "price": None,
        "stop_price": Decimal("28000.25"),
    }
    return an_order(**{**values, **changes})


def a_target(**changes: Any) -> Order:
    values = {
        "client_order_id": client_order_id("bot", "decision", Leg.TARGET),
        "leg": Leg.TARGET,
        "side": Side.SELL,
        "price": Decimal("33000.1"),
    }
    return an_order(**{**values, **changes})


def binance_order(order: Order, **changes: Any) -> dict[str, Any]:
    """What Binance answers about `order`."""
    told = {
        "symbol": "BTCUSDT",
        "orderId": 4711,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": 1_700_000_000_123,
        "price": str(order.price or "0.00000000"),
        "origQty": str(order.amount),
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": order.side.value.upper(),
        "stopPrice": str(order.stop_price or "0.00000000"),
        "fills": [],
    }
    return {**told, **changes}
