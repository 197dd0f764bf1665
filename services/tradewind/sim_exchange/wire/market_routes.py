"""Calls that anybody may make: time, instruments, candles, books, trades and tickers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from tradewind.sim_exchange.wire import answers, refusals
from tradewind.sim_exchange.wire.call import Desk, Route, Security
from tradewind.sim_exchange.wire.fields import (
    END_TIME,
    FROM_ID,
    LIMIT,
    START_TIME,
    SYMBOL,
    SYMBOLS,
    Field,
    Schema,
    choice,
    one_of,
    rows,
    unused,
)
from tradewind.sim_exchange.wire.market_shapes import (
    aggregate_trade_json,
    average_price_json,
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


class _TickerType(StrEnum):
    FULL = "FULL"
    MINI = "MINI"


_INTERVAL = one_of("interval", {interval: interval for interval in INTERVALS}, -1120)
_LEVELS = rows(100, 5000)
_TYPE = choice("type", _TickerType)


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
    symbol = _traded(desk, parameters.need(SYMBOL))
    found = desk.exchange.klines(
        symbol,
        parameters.need(_INTERVAL),
        start_time=parameters.get(START_TIME),
        end_time=parameters.get(END_TIME),
        limit=parameters.rows(LIMIT),
    )
    return [kline_json(kline) for kline in found]


async def depth(desk: Desk, parameters: Parameters) -> Any:
    """The order book."""
    symbol = _traded(desk, parameters.need(SYMBOL))
    return depth_json(desk.exchange.depth(symbol, parameters.rows(_LEVELS)))


async def trades(desk: Desk, parameters: Parameters) -> Any:
    """Trades of the market, from an id on or the latest."""
    symbol = _traded(desk, parameters.need(SYMBOL))
    found = desk.exchange.trades(symbol, from_id=parameters.get(FROM_ID), limit=parameters.rows(LIMIT))
    return [public_trade_json(trade) for trade in found]


async def aggregate_trades(desk: Desk, parameters: Parameters) -> Any:
    """Aggregate trades, from an id on, of a time, or the latest."""
    symbol = _traded(desk, parameters.need(SYMBOL))
    found = desk.exchange.aggregate_trades(
        symbol,
        from_id=parameters.get(FROM_ID),
        start_time=parameters.get(START_TIME),
        end_time=parameters.get(END_TIME),
        limit=parameters.rows(LIMIT),
    )
    return [aggregate_trade_json(trade) for trade in found]


async def ticker(desk: Desk, parameters: Parameters) -> Any:
    """The last 24 hours."""
    kind = parameters.get(_TYPE)
    small = kind is _TickerType.MINI
    return _each(desk, parameters, lambda symbol: ticker_json(desk.exchange.ticker(symbol), small=small))


async def price(desk: Desk, parameters: Parameters) -> Any:
    """The last price."""
    return _each(desk, parameters, lambda symbol: price_json(desk.exchange.price(symbol)))


async def average_price(desk: Desk, parameters: Parameters) -> Any:
    """The average price of the last minutes."""
    symbol = _traded(desk, parameters.need(SYMBOL))
    return average_price_json(desk.exchange.average_price(symbol))


async def book_ticker(desk: Desk, parameters: Parameters) -> Any:
    """The best bid and ask."""
    return _each(desk, parameters, lambda symbol: book_ticker_json(desk.exchange.book_ticker(symbol)))


def _each(desk: Desk, parameters: Parameters, answer: Callable[[str], Result]) -> Result | list[Result]:
    """One answer for `symbol`, a list of them for `symbols` or for all."""
    if SYMBOL in parameters and SYMBOLS not in parameters:
        return answer(_traded(desk, parameters.need(SYMBOL)))
    symbols = _symbols(desk, parameters)
    return [answer(symbol) for symbol in (desk.exchange.symbols if symbols is None else symbols)]


def _symbols(desk: Desk, parameters: Parameters) -> list[str] | None:
    several = parameters.get(SYMBOLS)
    if several is not None:
        if SYMBOL in parameters:
            raise refusals.combination()
        return [_traded(desk, symbol) for symbol in several]
    one = parameters.get(SYMBOL)
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


def _each_of(answer: Schema) -> Schema:
    return answers.either(answer, answers.list_of(answer))


_KLINES = Route(
    klines,
    answers.KLINES,
    needs=(SYMBOL, _INTERVAL),
    takes=(START_TIME, END_TIME, LIMIT, *unused("timeZone")),
    weight=2,
)
_SEVERAL: tuple[Field[Any], ...] = (SYMBOL, SYMBOLS, *unused("symbolStatus"))
_AGGREGATE = (FROM_ID, START_TIME, END_TIME, LIMIT)

MARKET_ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v3/ping"): Route(ping, answers.NOTHING),
    ("GET", "/api/v3/time"): Route(time, answers.TIME),
    ("GET", "/api/v3/exchangeInfo"): Route(
        exchange_info, answers.EXCHANGE, takes=(*_SEVERAL, *unused("permissions showPermissionSets")), weight=20
    ),
    ("GET", "/api/v3/klines"): _KLINES,
    ("GET", "/api/v3/uiKlines"): _KLINES,
    ("GET", "/api/v3/depth"): Route(
        depth, answers.DEPTH, needs=(SYMBOL,), takes=(_LEVELS, *unused("symbolStatus")), weight=_by_depth
    ),
    ("GET", "/api/v3/trades"): Route(trades, answers.TRADES, needs=(SYMBOL,), takes=(LIMIT,), weight=25),
    ("GET", "/api/v3/historicalTrades"): Route(
        trades, answers.TRADES, needs=(SYMBOL,), takes=(LIMIT, FROM_ID), weight=25, security=Security.KEY
    ),
    ("GET", "/api/v3/aggTrades"): Route(
        aggregate_trades, answers.AGGREGATE_TRADES, needs=(SYMBOL,), takes=_AGGREGATE, weight=4
    ),
    ("GET", "/api/v3/avgPrice"): Route(average_price, answers.AVERAGE_PRICE, needs=(SYMBOL,), weight=2),
    ("GET", "/api/v3/ticker/24hr"): Route(
        ticker, _each_of(answers.TICKER), takes=(*_SEVERAL, _TYPE), weight=_by_symbols(2, 80)
    ),
    ("GET", "/api/v3/ticker/price"): Route(price, _each_of(answers.PRICE), takes=_SEVERAL, weight=_by_symbols(2, 4)),
    ("GET", "/api/v3/ticker/bookTicker"): Route(
        book_ticker, _each_of(answers.BOOK_TICKER), takes=_SEVERAL, weight=_by_symbols(2, 4)
    ),
}
