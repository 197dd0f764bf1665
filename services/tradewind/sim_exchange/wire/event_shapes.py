"""What happens, as the JSON of Binance's streams: events of the account and events of the market."""

from __future__ import annotations

from typing import Any

from tradewind.domain.money import ZERO
from tradewind.sim_exchange.models import (
    AccountPosition,
    BookTickerUpdate,
    DepthUpdate,
    ExecutionReport,
    KlineUpdate,
    ListStatus,
    TickerUpdate,
    TradeUpdate,
    UserEvent,
)
from tradewind.sim_exchange.wire.market_shapes import levels_json, percent
from tradewind.sim_exchange.wire.numbers import written

Json = dict[str, Any]


def user_event_json(event: UserEvent) -> Json:
    """An event of the account."""
    match event:
        case ExecutionReport():
            return _execution_report(event)
        case AccountPosition():
            return {
                "e": "outboundAccountPosition",
                "E": event.time,
                "u": event.time,
                "B": [
                    {"a": balance.currency, "f": written(balance.free), "l": written(balance.locked)}
                    for balance in event.balances
                ],
            }
        case ListStatus():
            return _list_status(event)


def _execution_report(event: ExecutionReport) -> Json:
    order, trade = event.order, event.trade
    body = {
        "e": "executionReport",
        "E": event.time,
        "s": order.symbol,
        "c": event.client_order_id,
        "S": order.side.name,
        "o": order.type.value,
        "f": order.time_in_force.value,
        "q": written(order.quantity),
        "p": written(order.price),
        "P": written(order.stop_price),
        "F": "0.00000000",
        "g": order.order_list_id,
        "C": event.original_client_order_id,
        "x": event.execution.value,
        "X": order.status.value,
        "r": event.reason,
        "i": order.order_id,
        "l": written(trade.quantity if trade else ZERO),
        "z": written(order.executed_quantity),
        "L": written(trade.price if trade else ZERO),
        "n": written(trade.commission) if trade else "0",
        "N": trade.commission_asset if trade else None,
        "T": event.time,
        "t": trade.trade_id if trade else -1,
        "v": 0,
        "I": event.execution_id,
        "w": order.is_working,
        "m": trade.is_maker if trade else False,
        "M": trade is not None,
        "O": order.time,
        "Z": written(order.executed_quote),
        "Y": written(trade.quote_quantity if trade else ZERO),
        "Q": written(order.quote_quantity),
        "V": "NONE",
    }
    if order.working_time >= 0:
        body["W"] = order.working_time
    return body


def _list_status(event: ListStatus) -> Json:
    one = event.order_list
    return {
        "e": "listStatus",
        "E": event.time,
        "s": one.symbol,
        "g": one.order_list_id,
        "c": "OCO",
        "l": one.list_status_type,
        "L": one.list_order_status,
        "r": "NONE",
        "C": one.list_client_order_id,
        "T": event.time,
        "O": [{"s": one.symbol, "i": order_id, "c": client_order_id} for order_id, client_order_id in one.orders],
    }


def kline_event(event: KlineUpdate) -> Json:
    """A candle as it stands."""
    kline = event.kline
    return {
        "e": "kline",
        "E": event.time,
        "s": event.symbol,
        "k": {
            "t": kline.open_time,
            "T": kline.close_time,
            "s": event.symbol,
            "i": event.interval,
            "f": kline.first_trade_id,
            "L": kline.last_trade_id,
            "o": written(kline.open),
            "c": written(kline.close),
            "h": written(kline.high),
            "l": written(kline.low),
            "v": written(kline.volume),
            "n": kline.trades,
            "x": event.is_closed,
            "q": written(kline.quote_volume),
            "V": written(kline.taker_buy_volume),
            "Q": written(kline.taker_buy_quote_volume),
            "B": "0",
        },
    }


def trade_event(event: TradeUpdate) -> Json:
    """A trade of the market."""
    trade = event.trade
    return {
        "e": "trade",
        "E": event.time,
        "s": trade.symbol,
        "t": trade.trade_id,
        "p": written(trade.price),
        "q": written(trade.quantity),
        "T": trade.time,
        "m": trade.is_buyer_maker,
        "M": True,
    }


def aggregate_trade_event(event: TradeUpdate) -> Json:
    """The same trade as an aggregate of one."""
    trade = event.trade
    return {
        "e": "aggTrade",
        "E": event.time,
        "s": trade.symbol,
        "a": trade.trade_id,
        "p": written(trade.price),
        "q": written(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time,
        "m": trade.is_buyer_maker,
        "M": True,
    }


def depth_event(event: DepthUpdate) -> Json:
    """Levels that changed."""
    return {
        "e": "depthUpdate",
        "E": event.time,
        "s": event.symbol,
        "U": event.first_id,
        "u": event.last_id,
        "b": levels_json(event.bids),
        "a": levels_json(event.asks),
    }


def ticker_event(event: TickerUpdate) -> Json:
    """The last 24 hours."""
    ticker = event.ticker
    return {
        **mini_ticker_event(event),
        "e": "24hrTicker",
        "p": written(ticker.price_change),
        "P": percent(ticker.price_change_percent),
        "w": written(ticker.weighted_average_price),
        "x": written(ticker.previous_close),
        "Q": written(ticker.last_quantity),
        "b": written(ticker.book.bid_price),
        "B": written(ticker.book.bid_quantity),
        "a": written(ticker.book.ask_price),
        "A": written(ticker.book.ask_quantity),
        "O": ticker.open_time,
        "C": ticker.close_time,
        "F": ticker.first_trade_id,
        "L": ticker.last_trade_id,
        "n": ticker.trades,
    }


def mini_ticker_event(event: TickerUpdate) -> Json:
    """The last 24 hours in short."""
    ticker = event.ticker
    return {
        "e": "24hrMiniTicker",
        "E": event.time,
        "s": ticker.book.symbol,
        "c": written(ticker.last_price),
        "o": written(ticker.open),
        "h": written(ticker.high),
        "l": written(ticker.low),
        "v": written(ticker.volume),
        "q": written(ticker.quote_volume),
    }


def book_ticker_event(event: BookTickerUpdate) -> Json:
    """The best bid and ask; as on Binance it has neither name nor time."""
    ticker = event.ticker
    return {
        "u": ticker.update_id,
        "s": ticker.symbol,
        "b": written(ticker.bid_price),
        "B": written(ticker.bid_quantity),
        "a": written(ticker.ask_price),
        "A": written(ticker.ask_quantity),
    }
