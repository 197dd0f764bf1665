"""How orders, trades, lists and balances stand in the tables, and how they are read back."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tradewind.domain.account_order import AccountOrder
from tradewind.domain.matching import WorkingOrder
from tradewind.domain.money import ZERO
from tradewind.domain.order import OrderState, OrderType, Side, TimeInForce
from tradewind.sim_exchange.models import ExchangeOrder, Kind, OrderList, Status, Trade
from tradewind.sim_exchange.order_checks import STOPS
from tradewind.sim_exchange.persistence import Row

_TYPES = {
    Kind.LIMIT: OrderType.LIMIT,
    Kind.LIMIT_MAKER: OrderType.LIMIT,
    Kind.MARKET: OrderType.MARKET,
    Kind.STOP_LOSS: OrderType.STOP,
    Kind.STOP_LOSS_LIMIT: OrderType.STOP_LIMIT,
}
_TRADE_FIELDS = Trade.__struct_fields__
_ORDER_FIELDS = ExchangeOrder.__struct_fields__


def account_order(order: ExchangeOrder, pair: str, since: int, *, on_path: bool) -> AccountOrder:
    """An order as the account sees it, nothing of it having traded."""
    working = WorkingOrder(
        order_id=account_id(order.symbol, order.order_id),
        sequence=0,
        side=order.side,
        type=_TYPES[order.type],
        amount=order.quantity,
        price=order.price or None,
        stop_price=order.stop_price or None,
        time_in_force=order.time_in_force,
        post_only=order.type is Kind.LIMIT_MAKER,
        group=str(order.order_list_id) if order.order_list_id >= 0 else None,
    )
    spends = order.quote_quantity if order.side is Side.BUY and order.quote_quantity else None
    return AccountOrder(working.order_id, pair, working, order.quantity, since, on_path, quote_amount=spends)


def account_id(symbol: str, order_id: int) -> str:
    """The order's id in the account, which has all symbols in one."""
    return f"{symbol}:{order_id}"


def order_row(order: ExchangeOrder, held: AccountOrder) -> Row:
    """The row of an order."""
    working = held.working
    return {
        "symbol": order.symbol,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "order_list_id": order.order_list_id,
        "sequence": working.sequence,
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": order.time_in_force.value,
        "quantity": order.quantity,
        "quote_quantity": order.quote_quantity,
        "price": order.price,
        "stop_price": order.stop_price,
        "executed_quantity": order.executed_quantity,
        "executed_quote": order.executed_quote,
        "status": order.status.value,
        "time": order.time,
        "update_time": order.update_time,
        "working_time": order.working_time,
        "is_working": order.is_working,
        "since": held.since,
        "on_path": held.on_path,
        "triggered": working.triggered,
        "rested": working.rested,
        "withheld": held.withheld,
        "quote_amount": held.quote_amount,
    }


def order_of(row: Row) -> ExchangeOrder:
    """The order of a row."""
    values = {name: row[name] for name in _ORDER_FIELDS}
    values["side"], values["type"] = Side(row["side"]), Kind(row["type"])
    values["time_in_force"], values["status"] = TimeInForce(row["time_in_force"]), Status(row["status"])
    return ExchangeOrder(**values)


def account_order_of(row: Row, pair: str) -> AccountOrder:
    """The open order of a row as the account held it."""
    order = order_of(row)
    held = account_order(order, pair, row["since"], on_path=row["on_path"])
    working, withheld = held.working, Decimal(row["withheld"])
    working.sequence, working.triggered, working.rested = row["sequence"], row["triggered"], row["rested"]
    held.filled, held.withheld, held.quote_amount = order.executed_quantity, withheld, row["quote_amount"]
    working.amount = held.amount - held.filled - withheld
    if held.filled > ZERO:
        held.state = OrderState.PARTIALLY_FILLED
        if order.type in STOPS and working.type is OrderType.STOP and not withheld:
            working.type = OrderType.MARKET  # as the account leaves a stop of which a part has traded
    return held


def trade_row(trade: Trade) -> Row:
    """The row of a trade."""
    return msgspec.structs.asdict(trade)


def trade_of(row: Row) -> Trade:
    """The trade of a row."""
    return Trade(**{name: row[name] for name in _TRADE_FIELDS})


def list_row(order_list: OrderList) -> Row:
    """The row of an order list."""
    return {
        "order_list_id": order_list.order_list_id,
        "symbol": order_list.symbol,
        "list_client_order_id": order_list.list_client_order_id,
        "time": order_list.time,
        "update_time": order_list.update_time,
        "first_order_id": order_list.orders[0][0],
        "second_order_id": order_list.orders[1][0],
        "is_done": order_list.is_done,
    }


def list_of(row: Row, client_order_ids: tuple[str, str]) -> OrderList:
    """The order list of a row; the client order ids stand with the orders."""
    return OrderList(
        symbol=row["symbol"],
        order_list_id=row["order_list_id"],
        list_client_order_id=row["list_client_order_id"],
        time=row["time"],
        update_time=row["update_time"],
        orders=tuple(zip((row["first_order_id"], row["second_order_id"]), client_order_ids, strict=True)),
        is_done=row["is_done"],
    )
