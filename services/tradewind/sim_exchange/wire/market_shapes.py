"""Instruments, candles, books, trades and tickers as the JSON of Binance's REST API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradewind.sim_exchange.models import (
    AveragePrice,
    BookTicker,
    Depth,
    Filters,
    Kind,
    Kline,
    Level,
    PriceTicker,
    PublicTrade,
    Ticker,
)
from tradewind.sim_exchange.order_checks import UNSUPPORTED
from tradewind.sim_exchange.wire.limits import Allowance
from tradewind.sim_exchange.wire.numbers import written

Json = dict[str, Any]


def rate_limits_json(allowance: Allowance) -> list[Json]:
    """The limits that a client should keep."""
    return [
        _limit("REQUEST_WEIGHT", "MINUTE", 1, allowance.weight),
        _limit("ORDERS", "SECOND", 10, allowance.orders_10_seconds),
        _limit("ORDERS", "DAY", 1, allowance.orders_day),
    ]


def _limit(kind: str, interval: str, number: int, limit: int) -> Json:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def symbol_json(filters: Filters) -> Json:
    """What is traded under a symbol, and the filters of its orders."""
    tick, step = written(filters.tick), written(filters.step)
    return {
        "symbol": filters.symbol,
        "status": "TRADING",
        "baseAsset": filters.base,
        "baseAssetPrecision": 8,
        "quoteAsset": filters.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [kind.value for kind in Kind if kind not in UNSUPPORTED],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": written(filters.minimum_price),
                "maxPrice": written(filters.maximum_price),
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": written(filters.minimum_quantity),
                "maxQty": written(filters.maximum_quantity),
                "stepSize": step,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": written(filters.market_maximum_quantity),
                "stepSize": "0.00000000",
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": written(filters.minimum_notional),
                "applyMinToMarket": filters.apply_minimum_to_market,
                "maxNotional": "9000000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 0,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": filters.maximum_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": filters.maximum_stop_orders},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def kline_json(kline: Kline) -> list[Any]:
    """A candle: times, prices and volumes by place."""
    return [
        kline.open_time,
        written(kline.open),
        written(kline.high),
        written(kline.low),
        written(kline.close),
        written(kline.volume),
        kline.close_time,
        written(kline.quote_volume),
        kline.trades,
        written(kline.taker_buy_volume),
        written(kline.taker_buy_quote_volume),
        "0",
    ]


def levels_json(levels: tuple[Level, ...]) -> list[tuple[str, str]]:
    """Price and quantity by level."""
    return [(written(price), written(quantity)) for price, quantity in levels]


def depth_json(depth: Depth) -> Json:
    """The order book."""
    return {
        "lastUpdateId": depth.last_update_id,
        "bids": levels_json(depth.bids),
        "asks": levels_json(depth.asks),
    }


def public_trade_json(trade: PublicTrade) -> Json:
    """A trade of the market."""
    return {
        "id": trade.trade_id,
        "price": written(trade.price),
        "qty": written(trade.quantity),
        "quoteQty": written(trade.price * trade.quantity),
        "time": trade.time,
        "isBuyerMaker": trade.is_buyer_maker,
        "isBestMatch": True,
    }


def aggregate_trade_json(trade: PublicTrade) -> Json:
    """An aggregate trade; here each is one trade."""
    return {
        "a": trade.trade_id,
        "p": written(trade.price),
        "q": written(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time,
        "m": trade.is_buyer_maker,
        "M": True,
    }


def ticker_json(ticker: Ticker, *, small: bool = False) -> Json:
    """The last 24 hours; `small` leaves out what the MINI form leaves out."""
    body = {
        "symbol": ticker.book.symbol,
        "openPrice": written(ticker.open),
        "highPrice": written(ticker.high),
        "lowPrice": written(ticker.low),
        "lastPrice": written(ticker.last_price),
        "volume": written(ticker.volume),
        "quoteVolume": written(ticker.quote_volume),
        "openTime": ticker.open_time,
        "closeTime": ticker.close_time,
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.trades,
    }
    if small:
        return body
    return {
        **body,
        "priceChange": written(ticker.price_change),
        "priceChangePercent": percent(ticker.price_change_percent),
        "weightedAvgPrice": written(ticker.weighted_average_price),
        "prevClosePrice": written(ticker.previous_close),
        "lastQty": written(ticker.last_quantity),
        "bidPrice": written(ticker.book.bid_price),
        "bidQty": written(ticker.book.bid_quantity),
        "askPrice": written(ticker.book.ask_price),
        "askQty": written(ticker.book.ask_quantity),
    }


def percent(value: Decimal) -> str:
    """A percentage with three places."""
    return f"{value:.3f}"


def price_json(ticker: PriceTicker) -> Json:
    """The last price."""
    return {"symbol": ticker.symbol, "price": written(ticker.price)}


def average_price_json(average: AveragePrice) -> Json:
    """The average price."""
    return {"mins": average.minutes, "price": written(average.price), "closeTime": average.time}


def book_ticker_json(ticker: BookTicker) -> Json:
    """The best bid and ask."""
    return {
        "symbol": ticker.symbol,
        "bidPrice": written(ticker.bid_price),
        "bidQty": written(ticker.bid_quantity),
        "askPrice": written(ticker.ask_price),
        "askQty": written(ticker.ask_quantity),
    }
