"""How each venue is asked about one order by its client order id, where ccxt's unified call does not do it.

ccxt's `fetch_order` sends Kraken the id as `userref`, asks Bybit by the venue's id alone, and neither `create_order`
nor `cancel_order` of Crypto.com knows a client order id at all. The functions here use the same unmodified client;
each names what it sends. Every answer is a ccxt order, None where the venue says it has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradewind.domain.order import Order, OrderType
from tradewind.execution.adapters.ccxt.reading import EXTERNAL, external_id
from tradewind.execution.adapters.ccxt.requests import OutgoingOrder

FEW = 5
"""Up to so many orders a question for each costs a venue less than a question for a page."""

ORDERS_PAGE = 1000
"""Orders asked for at once; the most that Binance gives."""


class Dialect:
    """Binance's words, which are also those of ccxt's unified calls."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def name_of(self, told: Mapping[str, Any]) -> str:
        """The client order id of a ccxt order; the venue's id, marked, where nobody gave it one."""
        named = told.get("clientOrderId")
        return str(named) if named else external_id(told.get("id"))

    def create_params(self, order: Order) -> dict[str, Any]:
        """What carries the client order id in `create_order`."""
        return {"clientOrderId": order.client_order_id}

    async def create(self, order: Order, out: OutgoingOrder) -> Any:
        """Send one order; answers a ccxt order, of which some venues fill in the id alone."""
        params = {**out.params, **self.create_params(order)}
        return await self._client.create_order(out.pair, out.type, out.side, out.amount, out.price, params)

    async def cancel(self, order: Order) -> Any:
        """Cancel by client order id, or by the venue's where nobody gave one."""
        venue_id = _venue_id(order)
        params = {} if venue_id else {"clientOrderId": order.client_order_id}
        return await self._client.cancel_order(venue_id or "", order.pair, params)

    async def find(self, order: Order) -> Any | None:
        """The order as the venue has it."""
        if venue_id := _venue_id(order):
            return await self._client.fetch_order(venue_id, order.pair)
        return await self._client.fetch_order("", order.pair, {"clientOrderId": order.client_order_id})

    async def by_venue_ids(self, venue_ids: Sequence[str], pair: str) -> list[Any]:
        """Orders from the first of these venue's ids on, of at most one page; where they are few, just these."""
        if len(venue_ids) > FEW:
            first = min(venue_ids, key=int)
            told: list[Any] = await self._client.fetch_orders(pair, None, ORDERS_PAGE, {"orderId": first})
            return told
        return [await self._client.fetch_order(venue_id, pair) for venue_id in venue_ids]

    async def amend(self, order: Order, stop_price: str) -> None:
        """Move a stop in place."""
        raise NotImplementedError(f"{self._client.id} moves no stop in place")


class KrakenDialect(Dialect):
    """Kraken: `cl_ord_id` everywhere; a lookup is a question to the open orders and then to the closed ones."""

    def name_of(self, told: Mapping[str, Any]) -> str:
        """Not ccxt's `clientOrderId`: where there is none that holds the `userref`, which is 0 for many orders."""
        named = told.get("info", {}).get("cl_ord_id")
        return str(named) if named else external_id(told.get("id"))

    async def find(self, order: Order) -> Any | None:
        """Open orders first: what ends in between is then among the closed."""
        if venue_id := _venue_id(order):
            return await self._client.fetch_order(venue_id, order.pair)
        params = {"clientOrderId": order.client_order_id}
        for ask in (self._client.fetch_open_orders, self._client.fetch_closed_orders):
            for told in await ask(order.pair, None, None, params):
                if self.name_of(told) == order.client_order_id:
                    return told
        return None

    async def by_venue_ids(self, venue_ids: Sequence[str], pair: str) -> list[Any]:
        """One by one: ids are not in an order here."""
        return [await self._client.fetch_order(venue_id, pair) for venue_id in venue_ids]

    async def amend(self, order: Order, stop_price: str) -> None:
        """The trigger price moves in place, and the order keeps its id."""
        params = {"clientOrderId": order.client_order_id, "stopLossPrice": stop_price}
        await self._client.edit_order("", order.pair, "market", order.side.value, None, None, params)


class BybitDialect(Dialect):
    """Bybit: `orderLinkId`; orders and stops are two books, and a cancel names the one it means."""

    async def cancel(self, order: Order) -> Any:
        """A protective stop is in the book of orders that hold the amount."""
        book = "tpslOrder" if order.type in (OrderType.STOP, OrderType.STOP_LIMIT) else "Order"
        if venue_id := _venue_id(order):
            return await self._client.cancel_order(venue_id, order.pair, {"orderFilter": book})
        params = {"orderLinkId": order.client_order_id, "orderFilter": book}
        return await self._client.cancel_order(None, order.pair, params)

    async def find(self, order: Order) -> Any | None:
        """Among what is open or ended lately, then in the history."""
        market = self._client.market(order.pair)
        venue_id = _venue_id(order)
        key = {"orderId": venue_id} if venue_id else {"orderLinkId": order.client_order_id}
        request = {"category": "spot", "symbol": market["id"], **key}
        for ask in (self._client.privateGetV5OrderRealtime, self._client.privateGetV5OrderHistory):
            answer = await ask(request)
            if told := answer["result"]["list"]:
                return self._client.parse_order(told[0], market)
        return None

    async def amend(self, order: Order, stop_price: str) -> None:
        """The trigger price moves in place, and the order keeps its id."""
        # Not through `edit_order`: it sends the words of ccxt along with those of the venue.
        request = {
            "category": "spot",
            "symbol": self._client.market(order.pair)["id"],
            "orderLinkId": order.client_order_id,
            "triggerPrice": stop_price,
        }
        await self._client.privatePostV5OrderAmend(request)


class CryptocomDialect(Dialect):
    """Crypto.com: `client_oid`, which only its own methods take."""

    def create_params(self, order: Order) -> dict[str, Any]:
        """The unified `clientOrderId` is dropped here by ccxt; the venue's own word passes through."""
        return {"client_oid": order.client_order_id}

    async def cancel(self, order: Order) -> Any:
        """Taken note of by the venue, not done: it answers ids alone."""
        answer = await self._client.v1PrivatePostPrivateCancelOrder(self._key(order))
        return self._client.parse_order(answer["result"], self._client.market(order.pair))

    async def find(self, order: Order) -> Any | None:
        """The order in detail."""
        answer = await self._client.v1PrivatePostPrivateGetOrderDetail(self._key(order))
        return self._client.parse_order(answer["result"], self._client.market(order.pair))

    def _key(self, order: Order) -> dict[str, str]:
        venue_id = _venue_id(order)
        return {"order_id": venue_id} if venue_id else {"client_oid": order.client_order_id}


DIALECTS: dict[str, type[Dialect]] = {
    "binance": Dialect,
    "kraken": KrakenDialect,
    "bybit": BybitDialect,
    "cryptocom": CryptocomDialect,
}


def _venue_id(order: Order) -> str | None:
    """The venue's own id of an order that was placed without ours."""
    named = order.client_order_id
    return named.removeprefix(EXTERNAL) if named.startswith(EXTERNAL) else None
