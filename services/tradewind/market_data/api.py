"""Market data over HTTP: candles, tickers and markets up to the present; of an exchange also its book and trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Query

from tradewind.contracts.api.times import Timeframe
from tradewind.domain.errors import ConfigError, NotFoundError
from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.order_book import Depth
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import is_multiple
from tradewind.kernel.http.problems import existing
from tradewind.kernel.http.wire import Name, TimeParameter
from tradewind.kernel.service import Context
from tradewind.market_data.documents import (
    CandleItem,
    Candles,
    ExchangeItem,
    ExchangeList,
    GapItem,
    Gaps,
    LevelItem,
    MarketItem,
    MarketList,
    OrderBook,
    PublicTradeItem,
    PublicTrades,
    Quarantine,
    QuarantinedItem,
    Ticker,
)
from tradewind.market_data.ports import PublicTrade, Quote
from tradewind.market_data.window import Window

PairParameter = Annotated[Name, Query(examples=["BTC/EUR"])]
ExchangeName = Annotated[Name, Path(alias="id", examples=["bitvavo"])]
Limit = Annotated[int, Query(ge=1, le=1000)]
Levels = Annotated[int, Query(ge=1, le=100)]
Since = Annotated[TimeParameter | None, Query(description="The first candle's open; without it the latest candles.")]


class LiveQuotes(Protocol):
    """An exchange that can be asked now; every question may raise `TemporaryError`."""

    async def quote(self, pair: str) -> Quote:
        """Where a pair trades."""
        ...

    async def order_book(self, pair: str, count: int) -> Depth:
        """The best `count` levels of both sides."""
        ...

    async def trades(self, pair: str, count: int) -> Sequence[PublicTrade]:
        """The latest `count` trades, the oldest first."""
        ...


def router(
    context: Context, window: Callable[[], Window], state: Callable[[], str], live: LiveQuotes | None = None
) -> APIRouter:
    """The routes of market-data; `live` is the exchange of a bot that trades on one."""
    api = MarketDataApi(context, window, state, live)
    routes = APIRouter(tags=["market data"])
    routes.add_api_route("/api/market/ohlcv", api.candles)
    routes.add_api_route("/api/v1/exchanges", api.exchanges)
    routes.add_api_route("/api/v1/exchanges/{id}/ticker", api.ticker)
    routes.add_api_route("/api/v1/exchanges/{id}/ohlcv", api.exchange_candles)
    routes.add_api_route("/api/v1/exchanges/{id}/orderbook", api.order_book)
    routes.add_api_route("/api/v1/exchanges/{id}/trades", api.trades)
    routes.add_api_route("/api/v1/exchanges/{id}/markets", api.markets)
    routes.add_api_route("/api/v1/market/quarantine", api.quarantine)
    routes.add_api_route("/api/v1/market/gaps", api.gaps)
    return routes


class MarketDataApi:
    """What the routes call."""

    def __init__(
        self, context: Context, window: Callable[[], Window], state: Callable[[], str], live: LiveQuotes | None = None
    ) -> None:
        self._spec = context.bot.spec
        self._window, self._state, self._live = window, state, live

    async def candles(
        self, pair: PairParameter, timeframe: Timeframe | None = None, since: Since = None, limit: Limit = 500
    ) -> Candles:
        """Closed candles of a pair, at the bot's timeframe or a multiple of it."""
        window, base = self._window(), self._spec.timeframe
        existing("pair", pair, window.recording.checked)
        timeframe = timeframe or base
        if not is_multiple(timeframe, base):
            allowed = f"a multiple of {base}, from whose candles it is made"
            raise ConfigError("query.timeframe", timeframe, allowed, f"ask for {base} or a longer one")
        found = window.candles(pair, timeframe, since, limit)
        return Candles(pair=pair, timeframe=timeframe, candles=_items(found))

    async def exchange_candles(
        self,
        name: ExchangeName,
        pair: PairParameter,
        timeframe: Timeframe | None = None,
        since: Since = None,
        limit: Limit = 500,
    ) -> Candles:
        """Closed candles of a pair on an exchange."""
        self._exchange(name)
        return await self.candles(pair, timeframe, since, limit)

    async def exchanges(self) -> ExchangeList:
        """The exchanges of the bot, and how far their feeds are."""
        window = self._window()
        return ExchangeList(
            exchanges=[
                ExchangeItem(
                    id=exchange.name,
                    venue=exchange.venue.value,
                    market=exchange.market.value,
                    source=self._spec.data.source.value,
                    state=self._state(),
                    time=window.now,
                    pairs=list(window.recording.instruments),
                )
                for exchange in self._spec.exchanges
            ]
        )

    async def ticker(self, name: ExchangeName, pair: PairParameter) -> Ticker:
        """The last price of a pair (of a recording its last close), and its last 24 hours of market time."""
        self._exchange(name)
        window = self._window()
        existing("pair", pair, window.recording.checked)
        day = window.last_day(pair)
        if window.now is None or not len(day):
            raise NotFoundError(f"no candle of {pair} has closed in the last 24 hours of market time")
        first, last = decimal_of(float(day.open[0])), decimal_of(float(day.close[-1]))
        quote = None if self._live is None else await self._live.quote(pair)
        last = last if quote is None else quote.last
        return Ticker(
            pair=pair,
            time=window.now if quote is None else quote.time,
            last=last,
            bid=quote and quote.bid,
            ask=quote and quote.ask,
            open=first,
            high=max(decimal_of(float(day.high.max())), last),
            low=min(decimal_of(float(day.low.min())), last),
            base_volume=_total(day),
            change=last - first,
            change_ratio=float(last / first - 1),
        )

    async def order_book(self, name: ExchangeName, pair: PairParameter, limit: Levels = 20) -> OrderBook:
        """The best levels of a pair's order book, where the feed has one; a recording of candles has none (404)."""
        depth = await self._asked(name, pair, "order book").order_book(pair, limit)
        bids, asks = (
            [LevelItem(price=one.price, amount=one.amount) for one in side[:limit]] for side in (depth.bids, depth.asks)
        )
        return OrderBook(pair=pair, bids=bids, asks=asks)

    async def trades(self, name: ExchangeName, pair: PairParameter, limit: Limit = 100) -> PublicTrades:
        """The latest trades of anybody in a pair, where the feed has them; a recording of candles has none (404)."""
        found = await self._asked(name, pair, "trades").trades(pair, limit)
        items = [
            PublicTradeItem(
                trade_id=one.trade_id,
                time=one.time,
                side=None if one.side is None else one.side.value,
                price=one.price,
                amount=one.amount,
            )
            for one in found
        ]
        return PublicTrades(pair=pair, trades=items)

    async def markets(
        self, name: ExchangeName, pair: Annotated[Name | None, Query(examples=["BTC/EUR"])] = None
    ) -> MarketList:
        """What can be traded, and the filters an order must pass."""
        self._exchange(name)
        instruments = self._window().recording.instruments
        wanted = instruments if pair is None else {pair: instruments[existing("pair", pair, instruments)]}
        return MarketList(
            markets=[
                MarketItem(
                    pair=one.pair,
                    base=one.base,
                    quote=one.quote,
                    price_tick=one.price_tick,
                    amount_step=one.amount_step,
                    minimum_amount=one.minimum_amount,
                    minimum_notional=one.minimum_notional,
                )
                for one in wanted.values()
            ]
        )

    async def quarantine(self, limit: Limit = 500) -> Quarantine:
        """Bad rows of the data: never used, and told for the whole recording before it is played."""
        checked = self._window().recording.checked
        rows = [QuarantinedItem(pair=pair, **row._asdict()) for pair, one in checked.items() for row in one.quarantined]
        return Quarantine(count=len(rows), rows=rows[:limit])

    async def gaps(self, limit: Limit = 500) -> Gaps:
        """Candles missing inside the data: never invented, and told for the whole recording before it is played."""
        checked = self._window().recording.checked
        found = [GapItem(pair=pair, **gap._asdict()) for pair, one in checked.items() for gap in one.gaps]
        return Gaps(count=len(found), missing=sum(gap.missing for gap in found), gaps=found[:limit])

    def _exchange(self, name: str) -> None:
        existing("exchange", name, [exchange.name for exchange in self._spec.exchanges])

    def _asked(self, name: str, pair: str, what: str) -> LiveQuotes:
        self._exchange(name)
        existing("pair", pair, self._window().recording.checked)
        if self._live is None:
            raise NotFoundError(f"the market data of {name} is candles, and holds no {what}")
        return self._live


def _items(series: CandleSeries) -> list[CandleItem]:
    return [
        CandleItem(
            open_time=candle.open_time,
            open=decimal_of(candle.open),
            high=decimal_of(candle.high),
            low=decimal_of(candle.low),
            close=decimal_of(candle.close),
            volume=decimal_of(candle.volume),
        )
        for candle in series.candles()
    ]


def _total(series: CandleSeries) -> Decimal:
    return sum((decimal_of(volume) for volume in series.volume.tolist()), ZERO)
