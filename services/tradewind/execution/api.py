"""Execution over HTTP: orders, each with every state it went through and every fill, as the tables have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection, select

from tradewind.domain.errors import NotFoundError
from tradewind.domain.order import TERMINAL, Leg, OrderState, OrderType, Side, TimeInForce
from tradewind.execution.records import OrderRecord, record_from
from tradewind.execution.tables import fills, order_states, orders
from tradewind.kernel.http.problems import existing
from tradewind.kernel.http.wire import Answer, Exact, MarketTime, Name, WallTime
from tradewind.kernel.service import Context

_OVER = tuple(state.value for state in TERMINAL)


class OrderItem(Answer):
    """An order. Prices in quote, amounts in base; `external` marks one that was not made by this bot."""

    client_order_id: str
    decision_id: str
    position_id: str
    pair: str
    leg: Leg
    side: Side
    type: OrderType
    state: OrderState
    amount: Exact
    filled: Exact
    remaining: Exact
    average_price: Exact | None
    price: Exact | None
    stop_price: Exact | None
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    group: str | None
    tag: str
    created_time: MarketTime
    expires_at: MarketTime | None
    cancel_requested: bool
    external: bool


class Orders(Answer):
    """Orders, newest first."""

    orders: list[OrderItem]


class OrderStateItem(Answer):
    """A state that an order reached, when by the market's time and by the clock, and why."""

    version: int
    state: OrderState
    time: MarketTime
    occurred_at: WallTime
    reason: str


class FillItem(Answer):
    """One trade of the venue for an order; `maker` says that the order rested."""

    trade_id: str
    time: MarketTime
    amount: Exact
    price: Exact
    fee: Exact
    fee_currency: str
    maker: bool


class OrderHistory(OrderItem):
    """An order with all that happened to it, oldest first."""

    states: list[OrderStateItem]
    fills: list[FillItem]


class OrdersCanceled(Answer):
    """How many open orders were canceled, and in words what could not be."""

    canceled: int
    troubles: list[str]


CancelEverything = Callable[[], Awaitable[tuple[int, list[str]]]]


def router(context: Context, account: str, cancel_everything: CancelEverything) -> APIRouter:
    """The routes of execution, for the orders of one account."""
    api = ExecutionApi(context, account, cancel_everything)
    routes = APIRouter(tags=["orders"])
    routes.add_api_route("/api/v1/orders", api.orders)
    routes.add_api_route("/api/v1/orders", api.cancel_all, methods=["DELETE"])
    routes.add_api_route("/api/v1/orders/{clientOrderId}", api.order)
    return routes


class ExecutionApi:
    """What the routes call."""

    def __init__(self, context: Context, account: str, cancel_everything: CancelEverything) -> None:
        self._context, self._account = context, account
        self._cancel_everything = cancel_everything

    async def cancel_all(self) -> OrdersCanceled:
        """Cancel every open order at the venue, whoever placed it; stops of open positions among them.

        The engine is not asked, so this also works while it is gone; it may place new ones where it still trades.
        """
        canceled, troubles = await self._cancel_everything()
        return OrdersCanceled(canceled=canceled, troubles=troubles)

    async def orders(
        self,
        state: Annotated[Literal["open", "all"], Query()] = "open",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        pair: Annotated[Name | None, Query(examples=["BTC/EUR"])] = None,
    ) -> Orders:
        """Orders, newest first: those that may still fill, or all."""
        if pair is not None:
            existing("pair", pair, await self._context.ask("market-data", "known_instruments"))
        query = select(orders).where(*self._mine(orders)).order_by(orders.c.number.desc()).limit(limit)
        if state == "open":
            query = query.where(orders.c.state.not_in(_OVER))
        if pair is not None:
            query = query.where(orders.c.pair == pair)

        def read(connection: Connection) -> list[OrderItem]:
            return [OrderItem(**_fields(record_from(row))) for row in connection.execute(query)]

        return Orders(orders=await self._context.store.read(read))

    async def order(self, name: Annotated[Name, Path(alias="clientOrderId")]) -> OrderHistory:
        """An order, every state it went through and every fill."""

        def read(connection: Connection) -> OrderHistory | None:
            row = connection.execute(
                select(orders).where(*self._mine(orders), orders.c.client_order_id == name)
            ).one_or_none()
            if row is None:
                return None
            states = select(order_states).where(*self._mine(order_states), order_states.c.client_order_id == name)
            trades = select(fills).where(*self._mine(fills), fills.c.client_order_id == name)
            return OrderHistory(
                **_fields(record_from(row)),
                states=[
                    OrderStateItem.model_validate(one, from_attributes=True)
                    for one in connection.execute(states.order_by(order_states.c.version))
                ],
                fills=[
                    FillItem.model_validate(one, from_attributes=True)
                    for one in connection.execute(trades.order_by(fills.c.time, fills.c.trade_id))
                ],
            )

        found = await self._context.store.read(read)
        if found is None:
            raise NotFoundError(f"no order {name}; GET /api/v1/orders?state=all lists them")
        return found

    def _mine(self, table: Any) -> tuple[Any, Any]:
        return table.c.bot == self._context.key, table.c.account == self._account


def _fields(record: OrderRecord) -> dict[str, Any]:
    order = record.order
    return {
        "client_order_id": order.client_order_id,
        "decision_id": order.decision_id,
        "position_id": record.position_id,
        "pair": order.pair,
        "leg": order.leg,
        "side": order.side,
        "type": order.type,
        "state": order.state,
        "amount": order.amount,
        "filled": order.filled,
        "remaining": order.remaining,
        "average_price": order.average,
        "price": order.price,
        "stop_price": order.stop_price,
        "time_in_force": order.time_in_force,
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "group": order.group,
        "tag": order.tag,
        "created_time": order.created_time,
        "expires_at": record.expires_at,
        "cancel_requested": record.cancel_requested,
        "external": record.external,
    }
