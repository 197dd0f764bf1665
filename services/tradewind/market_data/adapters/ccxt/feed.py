"""The feed of one exchange: composes clock, streams, books and questions around one ccxt client."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from tradewind.domain.candle_checks import CheckedCandles
from tradewind.domain.errors import ConfigError, PermanentError, TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.domain.order_book import Depth
from tradewind.domain.timeframe import TIMEFRAMES
from tradewind.kernel.backoff import Backoff
from tradewind.kernel.ccxt_client import exchange_errors
from tradewind.market_data.adapters.ccxt.books import Books
from tradewind.market_data.adapters.ccxt.candle_listener import RENEW_PATIENCE, CandleListener
from tradewind.market_data.adapters.ccxt.candle_pages import CandlePages, Page
from tradewind.market_data.adapters.ccxt.candle_stream import CandleStream
from tradewind.market_data.adapters.ccxt.feed_time import ExchangeClock, FeedTime, WallTime
from tradewind.market_data.adapters.ccxt.instruments import SIGNIFICANT_DIGITS, decimal, instruments_of
from tradewind.market_data.adapters.ccxt.quotes import quote_of, trade_of
from tradewind.market_data.adapters.ccxt.stream_status import StreamStatus
from tradewind.market_data.adapters.ccxt.waiting import together, within
from tradewind.market_data.ports import Deliver, FeedHealth, FeedState, PublicTrade, Quote, Report, StreamKey


class CcxtFeed:
    """Implements `ports.Feed` with `client`, a client of ccxt or ccxt.pro (`kernel.ccxt_client.make_client`).

    `streams` says from which open time (milliseconds UTC) each stream is delivered. `feed_time` is market time: where
    the exchange's is simulated it is not the wall clock, and `measured` is then false, for such an exchange's clock
    says nothing about its candles. Where it is not known whether it does, `closes` is false: a candle is then closed
    when the next one has begun, and never by the clock. The client is closed by `close`.
    """

    def __init__(
        self,
        client: Any,
        streams: Mapping[StreamKey, int] | None = None,
        *,
        feed_time: FeedTime | None = None,
        random: Random | None = None,
        measured: bool = True,
        closes: bool = True,
    ) -> None:
        self.exchange: str = client.id
        self._client = client
        self._time: FeedTime = feed_time or WallTime()
        self._random = random or Random()  # noqa: S311 - it spreads attempts, it keeps no secret
        self._clock = ExchangeClock(client, self._time, measured=measured, closes=closes)
        self._pages = CandlePages(client, self._clock, self._time)
        self._books = Books(client, self._time, self._random)
        self._listens = bool(client.has.get("watchOHLCV"))
        self.follow(streams or {})

    def follow(self, streams: Mapping[StreamKey, int]) -> None:
        """Deliver these streams when it runs, each from an open time (milliseconds UTC)."""
        self._since = dict(streams)
        self._status = {key: StreamStatus(key, self._clock, polled=not self._listens) for key in self._since}

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every spot pair that trades now, with its filters; asked anew each time, for exchanges change them."""
        await self._load_markets(reload=True)
        client, last_prices = self._client, dict[str, Decimal]()
        if client.precisionMode == SIGNIFICANT_DIGITS:
            with exchange_errors(client):
                tickers = await client.fetch_tickers()
            prices = ((pair, decimal(ticker.get("last"))) for pair, ticker in tickers.items())
            last_prices = {pair: price for pair, price in prices if price is not None}
        return instruments_of(client.markets.values(), client.precisionMode, last_prices)

    async def history(self, pair: str, timeframe: str, since: int, until: int) -> CheckedCandles:
        """The closed candles opened in `since <= open time < until` (milliseconds UTC), validated."""
        key = StreamKey(pair, timeframe)
        await self.prepare([key])
        return await self._pages.history(key, since, until)

    async def prepare(self, keys: Sequence[StreamKey]) -> None:
        """Ask what the exchange has, and what time it is there. Raises `ConfigError` where it has not all of `keys`."""
        await self._check(keys)
        if self._clock.skew is None:
            # By a clock of ours that is ahead, a candle that is still being made would pass for history.
            with contextlib.suppress(PermanentError):
                await self._clock.measure()

    async def page(self, key: StreamKey, since: int) -> Page:
        """The first closed candles opened at `since` (an open time) or later, unchecked, after `prepare`."""
        return await self._pages.page(key, since)

    def now(self) -> int:
        """Milliseconds UTC at the exchange."""
        return self._clock.now()

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Deliver closed candles of every stream, without end. Raises what `deliver` or `report` raises.

        Raises `ConfigError` before anything is delivered when the exchange has not a pair or timeframe.
        """
        for status in self._status.values():
            status.report_to(report)
        try:
            await self._check_patiently(self._status)
            streams = [self._stream(key, since).run(deliver) for key, since in self._since.items()]
            await together(self._clock.keep_measuring(), *streams)
        except Exception as error:
            await self._end(str(error))
            raise

    async def stream(self, key: StreamKey, since: int, deliver: Deliver, report: Report) -> None:
        """Deliver one stream alone, as `run` delivers all, until cancelled; the exchange then sends it no more."""
        status = self._status[key] = StreamStatus(key, self._clock, polled=not self._listens)
        status.report_to(report)
        try:
            await self._check_patiently({key: status})
            await self._stream(key, since).run(deliver)
        except Exception as error:
            with contextlib.suppress(Exception):
                await status.enter(FeedState.ENDED, str(error))
            raise
        finally:
            status.listening = False
            if self._listens:
                with contextlib.suppress(Exception):
                    await within(self._time, self._renew(key), RENEW_PATIENCE)

    async def keep_time(self) -> None:
        """Keep the exchange's clock known, without end."""
        await self._clock.keep_measuring()

    async def quote(self, pair: str) -> Quote:
        """Where the pair trades now."""
        await self._load_markets()
        with exchange_errors(self._client):
            ticker = await self._client.fetch_ticker(pair)
        return quote_of(pair, ticker, self._clock.now())

    async def order_book(self, pair: str, count: int) -> Depth:
        """The best `count` levels of both sides now."""
        await self._load_markets()
        return await self._books.best(pair, count)

    async def trades(self, pair: str, count: int) -> Sequence[PublicTrade]:
        """The latest `count` trades, the oldest first."""
        await self._load_markets()
        with exchange_errors(self._client):
            answer = await self._client.fetch_trades(pair, None, count)
        trades = [trade for trade in map(trade_of, answer) if trade is not None]
        return sorted(trades, key=lambda trade: trade.time)[-count:]

    def health(self) -> FeedHealth:
        """How the feed does now."""
        streams = {key: status.health for key, status in self._status.items()}
        return FeedHealth(self.exchange, self._clock.skew, streams, self._books.health())

    async def close(self) -> None:
        """Let go of every connection."""
        await self._books.close()
        await self._client.close()

    def _stream(self, key: StreamKey, since: int) -> CandleStream:
        status, listener = self._status[key], None
        if self._listens:
            listener = CandleListener(key, self._client, self._time, status, self._backoff(), self._renew)
        return CandleStream(key, since, self._pages, self._clock, self._time, status, self._backoff(), listener)

    def _backoff(self) -> Backoff:
        return Backoff(jitter=self._random.random)

    async def _renew(self, key: StreamKey) -> None:
        """Make the next `watch` of a silent stream subscribe anew; connections that others listen to stay."""
        if not any(status.listening for status in self._status.values()):
            await self._client.close_ws_clients()
        elif self._client.has.get("unWatchOHLCV"):
            await self._client.un_watch_ohlcv(key.pair, key.timeframe)

    async def _load_markets(self, *, reload: bool = False) -> None:
        with exchange_errors(self._client):
            await self._client.load_markets(reload)

    async def _check_patiently(self, wanted: Mapping[StreamKey, StreamStatus]) -> None:
        """`_check`, waiting for an exchange that cannot be reached at the start."""
        backoff = self._backoff()
        while True:
            try:
                await self._check(list(wanted))
                with contextlib.suppress(PermanentError):
                    await self._clock.measure()
            except TemporaryError as error:
                for status in wanted.values():
                    await status.failed(f"REST: {error}")
                await self._time.sleep(max(error.retry_after, backoff.pause()))
            else:
                return

    async def _check(self, keys: Sequence[StreamKey]) -> None:
        await self._load_markets()
        client = self._client
        spot = {pair for pair, market in client.markets.items() if market.get("spot")}
        timeframes = [name for name in TIMEFRAMES if name in (client.timeframes or {})]
        for pair, timeframe in keys:
            if pair not in spot:
                fix = f"choose a pair that {self.exchange} lists as a spot market, written BASE/QUOTE"
                raise ConfigError("pair", pair, f"one of the {len(spot)} spot pairs of {self.exchange}", fix)
            if timeframe not in timeframes:
                allowed = ", ".join(timeframes)
                raise ConfigError("timeframe", timeframe, allowed, f"choose one that {self.exchange} has")

    async def _end(self, reason: str) -> None:
        # The failure that ends the feed may be that nobody can be told any more.
        with contextlib.suppress(Exception):
            for status in self._status.values():
                await status.enter(FeedState.ENDED, reason)
