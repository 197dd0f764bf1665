"""Calls that anybody may make: time, instruments, candles, books, trades and tickers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.call import Desk, Route, Security
from tradewind.sim_exchange.wire.market_shapes import (
    aggregate_trade_json,
    book_ticker_json,
    depth_json,
    kline_json,
    price_json,
    public_trade_json,
    rate_limits_json,
    symbol_json,
    ticker_json,
)
from tradewind.sim_exchange.wire.parameters import Parameters
from tradewind.sim_exchange.wire.streams import INTERVALS

Result = TypeVar("Result")

_KLINE_PARAMETERS = frozenset({"symbol", "interval", "startTime", "endTime", "timeZone", "limit"})


class _TickerType(StrEnum):
    FULL = "FULL"
    MINI = "MINI"


async def ping(_desk: Desk, _parameters: Parameters) -> Any:
    """Nothing, to see that somebody is there."""
    return {}


async def time(desk: Desk, _parameters: Parameters) -> Any:
    """The wall clock, which signatures are made by."""
    return {"serverTime": desk.now()}


async def exchange_info(desk: Desk, parameters: Parameters) -> Any:
    """Limits and instruments: all, one or several."""
    symbols = _symbols(desk, parameters)
    filters = desk.exchange.symbols
    return {
        "timezone": "UTC",
        "serverTime": desk.settings.wall(),
        "rateLimits": rate_limits_json(desk.settings.allowance),
        "exchangeFilters": [],
        "symbols": [symbol_json(filters[symbol]) for symbol in symbols or filters],
    }


async def klines(desk: Desk, parameters: Parameters) -> Any:
    """Candles."""
    symbol = _traded(desk, parameters.symbol())
    interval = parameters.required("interval")
    if interval not in INTERVALS:
        raise refusals.invalid_choice("interval", -1120)
    found = desk.exchange.klines(
        symbol,
        interval,
        start_time=parameters.integer("startTime"),
        end_time=parameters.integer("endTime"),
        limit=parameters.limit(500, 1000),
    )
    return [kline_json(kline) for kline in found]


async def depth(desk: Desk, parameters: Parameters) -> Any:
    """The order book."""
    symbol = _traded(desk, parameters.symbol())
    return depth_json(desk.exchange.depth(symbol, parameters.limit(100, 5000)))


async def trades(desk: Desk, parameters: Parameters) -> Any:
    """Trades of the market, from an id on or the latest."""
    symbol = _traded(desk, parameters.symbol())
    found = desk.exchange.trades(symbol, from_id=parameters.integer("fromId"), limit=parameters.limit(500, 1000))
    return [public_trade_json(trade) for trade in found]


async def aggregate_trades(desk: Desk, parameters: Parameters) -> Any:
    """Aggregate trades, from an id on, of a time, or the latest."""
    symbol = _traded(desk, parameters.symbol())
    found = desk.exchange.aggregate_trades(
        symbol,
        from_id=parameters.integer("fromId"),
        start_time=parameters.integer("startTime"),
        end_time=parameters.integer("endTime"),
        limit=parameters.limit(500, 1000),
    )
    return [aggregate_trade_json(trade) for trade in found]


async def ticker(desk: Desk, parameters: Parameters) -> Any:
    """The last 24 hours."""
    kind = parameters.choice("type", _TickerType)
    small = kind is _TickerType.MINI
    return _each(desk, parameters, lambda symbol: ticker_json(desk.exchange.ticker(symbol), small=small))


async def price(desk: Desk, parameters: Parameters) -> Any:
    """The last price."""
    return _each(desk, parameters, lambda symbol: price_json(desk.exchange.price(symbol)))


async def book_ticker(desk: Desk, parameters: Parameters) -> Any:
    """The best bid and ask."""
    return _each(desk, parameters, lambda symbol: book_ticker_json(desk.exchange.book_ticker(symbol)))


def _each(desk: Desk, parameters: Parameters, answer: Callable[[str], Result]) -> Result | list[Result]:
    """One answer for `symbol`, a list of them for `symbols` or for all."""
    if "symbol" in parameters and "symbols" not in parameters:
        return answer(_traded(desk, parameters.symbol()))
    symbols = _symbols(desk, parameters)
    return [answer(symbol) for symbol in (desk.exchange.symbols if symbols is None else symbols)]


def _symbols(desk: Desk, parameters: Parameters) -> list[str] | None:
    several = parameters.symbols()
    if several is not None:
        return [_traded(desk, symbol) for symbol in several]
    one = parameters.optional_symbol()
    return None if one is None else [_traded(desk, one)]


def _traded(desk: Desk, symbol: str) -> str:
    if symbol not in desk.exchange.symbols:
        raise refusals.unknown_symbol()
    return symbol


def _by_depth(values: Mapping[str, str]) -> int:
    limit = values.get("limit", "100")
    size = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 6 else 5000
    return next(weight for most, weight in ((100, 5), (500, 25), (1000, 50), (99_999, 250)) if size <= most)


def _by_symbols(one: int, all_symbols: int) -> Callable[[Mapping[str, str]], int]:
    return lambda values: one if "symbol" in values else all_symbols


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


_SEVERAL = _names("symbol", "symbols", "symbolStatus")
_AGGREGATE = _names("symbol", "fromId", "startTime", "endTime", "limit")

MARKET_ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v3/ping"): Route(ping),
    ("GET", "/api/v3/time"): Route(time),
    ("GET", "/api/v3/exchangeInfo"): Route(
        exchange_info, weight=20, parameters=_SEVERAL | _names("permissions", "showPermissionSets")
    ),
    ("GET", "/api/v3/klines"): Route(klines, weight=2, parameters=_KLINE_PARAMETERS),
    ("GET", "/api/v3/uiKlines"): Route(klines, weight=2, parameters=_KLINE_PARAMETERS),
    ("GET", "/api/v3/depth"): Route(depth, weight=_by_depth, parameters=_names("symbol", "limit", "symbolStatus")),
    ("GET", "/api/v3/trades"): Route(trades, weight=25, parameters=_names("symbol", "limit")),
    ("GET", "/api/v3/historicalTrades"): Route(
        trades, weight=25, parameters=_names("symbol", "limit", "fromId"), security=Security.KEY
    ),
    ("GET", "/api/v3/aggTrades"): Route(aggregate_trades, weight=4, parameters=_AGGREGATE),
    ("GET", "/api/v3/ticker/24hr"): Route(ticker, weight=_by_symbols(2, 80), parameters=_SEVERAL | _names("type")),
    ("GET", "/api/v3/ticker/price"): Route(price, weight=_by_symbols(2, 4), parameters=_SEVERAL),
    ("GET", "/api/v3/ticker/bookTicker"): Route(book_ticker, weight=_by_symbols(2, 4), parameters=_SEVERAL),
}
