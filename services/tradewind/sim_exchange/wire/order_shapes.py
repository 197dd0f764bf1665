"""Orders, trades, lists and balances as the JSON of Binance's REST API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tradewind.domain.money import ZERO
from tradewind.sim_exchange.models import (
    AccountView,
    Balance,
    Canceled,
    ExchangeOrder,
    OrderList,
    PlacedList,
    PlacedOrder,
    Trade,
)
from tradewind.sim_exchange.wire.numbers import written

Json = dict[str, Any]
_BASIS_POINTS = Decimal(10_000)


class ResponseType(StrEnum):
    """How much the answer to a new order says."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


def order_json(order: ExchangeOrder) -> Json:
    """An order as queries tell it."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        "price": written(order.price),
        "origQty": written(order.quantity),
        "executedQty": written(order.executed_quantity),
        "cummulativeQuoteQty": written(order.executed_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "side": order.side.name,
        "stopPrice": written(order.stop_price),
        "icebergQty": "0.00000000",
        "time": order.time,
        "updateTime": order.update_time,
        "isWorking": order.is_working,
        "workingTime": order.working_time,
        "origQuoteOrderQty": written(order.quote_quantity),
        "selfTradePreventionMode": "NONE",
    }


def _standing(order: ExchangeOrder) -> Json:
    """What answers to new orders and to cancels have in common."""
    body = {
        "price": written(order.price),
        "origQty": written(order.quantity),
        "executedQty": written(order.executed_quantity),
        "origQuoteOrderQty": written(order.quote_quantity),
        "cummulativeQuoteQty": written(order.executed_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "side": order.side.name,
        "workingTime": order.working_time,
        "selfTradePreventionMode": "NONE",
    }
    if order.stop_price != ZERO:
        body["stopPrice"] = written(order.stop_price)
    return body


def placed_json(placed: PlacedOrder, response: ResponseType) -> Json:
    """The answer to a new order."""
    order = placed.order
    body: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": order.update_time,
    }
    if response is ResponseType.ACK:
        return body
    body.update(_standing(order))
    if response is ResponseType.FULL:
        body["fills"] = [_fill_json(trade) for trade in placed.trades]
    return body


def _fill_json(trade: Trade) -> Json:
    return {
        "price": written(trade.price),
        "qty": written(trade.quantity),
        "commission": written(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.trade_id,
    }


def canceled_order_json(order: ExchangeOrder, cancel_id: str) -> Json:
    """An order that was canceled by the request that `cancel_id` names."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": cancel_id,
        "transactTime": order.update_time,
        **_standing(order),
    }


def canceled_json(canceled: Canceled) -> Json:
    """The answer to a cancel: the order, or the whole list where it was a leg."""
    reports = [canceled_order_json(order, canceled.client_order_id) for order in canceled.orders]
    if canceled.order_list is None:
        return reports[0]
    return {**order_list_json(canceled.order_list, canceled.order_list.update_time), "orderReports": reports}


def order_list_json(order_list: OrderList, transaction_time: int | None = None) -> Json:
    """An order list; its time is that of its making, except in answers to what changed it."""
    return {
        "orderListId": order_list.order_list_id,
        "contingencyType": "OCO",
        "listStatusType": order_list.list_status_type,
        "listOrderStatus": order_list.list_order_status,
        "listClientOrderId": order_list.list_client_order_id,
        "transactionTime": order_list.time if transaction_time is None else transaction_time,
        "symbol": order_list.symbol,
        "orders": [
            {"symbol": order_list.symbol, "orderId": order_id, "clientOrderId": client_order_id}
            for order_id, client_order_id in order_list.orders
        ],
    }


def placed_list_json(placed: PlacedList, response: ResponseType) -> Json:
    """The answer to a new order list."""
    reports = [placed_json(PlacedOrder(order=order), response) for order in placed.orders]
    for report in reports:
        report.pop("fills", None)
    return {**order_list_json(placed.order_list, placed.order_list.update_time), "orderReports": reports}


def trade_json(trade: Trade) -> Json:
    """A trade of the account."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.order_list_id,
        "price": written(trade.price),
        "qty": written(trade.quantity),
        "quoteQty": written(trade.quote_quantity),
        "commission": written(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def account_json(account: AccountView, *, without_zero: bool) -> Json:
    """The account; the commissions of old are whole basis points, rounded up."""
    basis_points = {
        name: int((fee * _BASIS_POINTS).to_integral_value(rounding="ROUND_CEILING"))
        for name, fee in (("makerCommission", account.maker_fee), ("takerCommission", account.taker_fee))
    }
    return {
        **basis_points,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(account.maker_fee, account.taker_fee),
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.update_time,
        "accountType": "SPOT",
        "balances": balances_json(account.balances, without_zero=without_zero),
        "permissions": ["SPOT"],
        "uid": 1,
    }


def balances_json(balances: Iterable[Balance], *, without_zero: bool) -> Sequence[Json]:
    """Free and locked by currency."""
    return [
        {"asset": balance.currency, "free": written(balance.free), "locked": written(balance.locked)}
        for balance in balances
        if not without_zero or balance.free or balance.locked
    ]


def commission_json(symbol: str, account: AccountView) -> Json:
    """What trading a symbol costs."""
    nothing = _rates(ZERO, ZERO)
    return {
        "symbol": symbol,
        "standardCommission": _rates(account.maker_fee, account.taker_fee),
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.00000000",
        },
    }


def _rates(maker: Decimal, taker: Decimal) -> Json:
    nothing = written(ZERO)
    return {"maker": written(maker), "taker": written(taker), "buyer": nothing, "seller": nothing}
