"""The venue's records of one account: every order, trade and order list there ever was, and how they are found.

They live in memory, because they are asked for all the time, and are a copy of the tables of `persistence`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeVar

from tradewind.sim_exchange.models import ExchangeOrder, OrderList, RefusalError, Trade

Record = TypeVar("Record", ExchangeOrder, OrderList)

Window = tuple[int | None, int | None]
"""From and to, in milliseconds, both included; None is open."""


def unknown_order() -> RefusalError:
    """A question for an order that never was."""
    return RefusalError(-2013, "Order does not exist.")


class Records:
    """Orders, trades and lists by their ids. Ids of orders and trades count from 1 within a symbol."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._orders: dict[str, dict[int, ExchangeOrder]] = {symbol: {} for symbol in symbols}
        self._trades: dict[str, list[Trade]] = {symbol: [] for symbol in symbols}
        self._by_client_id: dict[tuple[str, str], int] = {}
        self._open: dict[tuple[str, int], None] = {}
        self._lists: dict[int, OrderList] = {}
        self._lists_by_client_id: dict[str, int] = {}
        self._open_lists: dict[int, None] = {}

    # --------------------------------------------------------------------------------------------------------- keeping

    def keep_order(self, order: ExchangeOrder) -> None:
        """A new order, or what became of one."""
        self._orders[order.symbol][order.order_id] = order
        name = (order.symbol, order.client_order_id)
        # A client order id may be used again once its order has ended; it then means the newer one.
        self._by_client_id[name] = max(self._by_client_id.get(name, 0), order.order_id)
        if order.is_open:
            self._open[order.symbol, order.order_id] = None
        else:
            self._open.pop((order.symbol, order.order_id), None)

    def keep_trade(self, trade: Trade) -> None:
        """A new trade."""
        self._trades[trade.symbol].append(trade)

    def keep_list(self, order_list: OrderList) -> None:
        """A new list, or what became of one."""
        self._lists[order_list.order_list_id] = order_list
        self._lists_by_client_id[order_list.list_client_order_id] = order_list.order_list_id
        if order_list.is_done:
            self._open_lists.pop(order_list.order_list_id, None)
        else:
            self._open_lists[order_list.order_list_id] = None

    def next_order_id(self, symbol: str) -> int:
        """The id that the next order of a symbol gets."""
        return len(self._orders[symbol]) + 1

    def next_trade_id(self, symbol: str) -> int:
        """The id that the next trade of a symbol gets."""
        return len(self._trades[symbol]) + 1

    def next_list_id(self) -> int:
        """The id that the next list gets."""
        return len(self._lists) + 1

    # ---------------------------------------------------------------------------------------------------------- orders

    def symbol(self, symbol: str) -> str:
        """The symbol, if it is traded."""
        if symbol not in self._orders:
            raise RefusalError(-1121, "Invalid symbol.")
        return symbol

    def has_open(self, symbol: str, client_order_id: str) -> bool:
        """Whether an open order has this client order id."""
        order_id = self._by_client_id.get((symbol, client_order_id))
        return order_id is not None and self._orders[symbol][order_id].is_open

    def order(self, symbol: str, order_id: int | None, client_order_id: str | None) -> ExchangeOrder:
        """One order by either id; where both are given, both must be its."""
        found = self.find(symbol, order_id, client_order_id)
        if found is None:
            raise unknown_order()
        return found

    def find(self, symbol: str, order_id: int | None, client_order_id: str | None) -> ExchangeOrder | None:
        """The same, None where there is none; refused when neither id is given."""
        orders = self._orders[self.symbol(symbol)]
        if order_id is None and client_order_id is None:
            raise RefusalError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        if order_id is None:
            assert client_order_id is not None
            return orders.get(self._by_client_id.get((symbol, client_order_id), 0))
        order = orders.get(order_id)
        return order if order and client_order_id in (None, order.client_order_id) else None

    def at(self, symbol: str, order_id: int) -> ExchangeOrder:
        """The order of this id, which is known to exist."""
        return self._orders[symbol][order_id]

    def open_orders(self, symbol: str | None) -> list[ExchangeOrder]:
        """Open orders of one symbol or all, by arrival."""
        if symbol is not None:
            self.symbol(symbol)
        return [self._orders[one][order_id] for one, order_id in self._open if symbol in (None, one)]

    def orders(self, symbol: str, from_id: int | None, window: Window, limit: int) -> list[ExchangeOrder]:
        """Orders by id, ascending; those made in `window`, from `from_id` on, else the latest."""
        return _page(self._orders[self.symbol(symbol)], from_id, window, limit)

    def trades(self, symbol: str, order_id: int | None, from_id: int | None, window: Window, limit: int) -> list[Trade]:
        """Trades by id, ascending; of one order, in `window`, from `from_id` on, else the latest."""
        found: Sequence[Trade] = self._trades[self.symbol(symbol)]
        if window[0] is not None or window[1] is not None:
            found = _during(found, window)
        if order_id is not None:
            found = [trade for trade in found if trade.order_id == order_id]
        if from_id is not None:
            start = bisect_left(found, from_id, key=lambda trade: trade.trade_id)
            return list(found[start : start + limit])
        return list(found[:limit] if window[0] is not None else found[-limit:])

    # ----------------------------------------------------------------------------------------------------------- lists

    def order_list(self, order_list_id: int | None, list_client_order_id: str | None) -> OrderList:
        """One list by either id."""
        found = self.find_list(order_list_id, list_client_order_id)
        if found is None:
            raise RefusalError(-2018, "Order list does not exist.")
        return found

    def find_list(self, order_list_id: int | None, list_client_order_id: str | None) -> OrderList | None:
        """The same, None where there is none; refused when neither id is given."""
        if order_list_id is None:
            if list_client_order_id is None:
                message = "Param 'origClientOrderId' or 'orderListId' must be sent, but both were empty/null!"
                raise RefusalError(-1102, message)
            order_list_id = self._lists_by_client_id.get(list_client_order_id, 0)
        found = self._lists.get(order_list_id)
        return found if found and list_client_order_id in (None, found.list_client_order_id) else None

    def order_lists(self, from_id: int | None, window: Window, limit: int) -> list[OrderList]:
        """Lists by id, ascending; those made in `window`, from `from_id` on, else the latest."""
        return _page(self._lists, from_id, window, limit)

    def open_order_lists(self) -> list[OrderList]:
        """Lists with an open leg."""
        return [self._lists[order_list_id] for order_list_id in self._open_lists]


def _page(records: dict[int, Record], from_id: int | None, window: Window, limit: int) -> list[Record]:
    """Ids have no gaps and time never goes back, so a page is found without looking at everything."""
    count = len(records)
    start, end = window
    if from_id is not None:
        first = max(from_id, 1)
        return [records[number] for number in range(first, min(first + limit, count + 1))]
    if start is None and end is None:
        return [records[number] for number in range(max(count - limit, 0) + 1, count + 1)]
    found = (
        record
        for record in records.values()
        if (start is None or record.time >= start) and (end is None or record.time <= end)
    )
    if start is not None:
        return list(islice(found, limit))
    return list(found)[-limit:]


def _during(trades: Sequence[Trade], window: Window) -> Sequence[Trade]:
    start, end = window
    return [trade for trade in trades if (start is None or trade.time >= start) and (end is None or trade.time <= end)]
