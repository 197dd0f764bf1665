"""What can be asked of the simulated exchange: the account's records and the market at this moment.

Nothing here waits or changes anything, so several questions in a row show one moment.
"""

from __future__ import annotations

from decimal import Decimal

from tradewind.domain.order import Side
from tradewind.domain.timeframe import MINUTE
from tradewind.sim_exchange.book import OrderBook
from tradewind.sim_exchange.bookkeeping import Bookkeeping
from tradewind.sim_exchange.klines import Klines
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.market_events import MarketEvents
from tradewind.sim_exchange.models import (
    AccountView,
    AveragePrice,
    BookTicker,
    Depth,
    ExchangeOrder,
    Kline,
    OrderList,
    PriceTicker,
    PublicTrade,
    Ticker,
    Trade,
)
from tradewind.sim_exchange.tickers import ticker_of, weighted_average

AVERAGE_MINUTES = 5
"""Minutes that an average price is of, as Binance's filters have it."""


class Queries:
    """The questions. Whoever asks for what is not known gets a `RefusalError` with Binance's code."""

    def __init__(self, market: Market, books: Bookkeeping, seed: int) -> None:
        self._market, self._books = market, books
        self._order_book = OrderBook(market, self._resting, seed)
        self._klines = Klines(market)
        self._market_events = MarketEvents(market, self._klines, self._order_book)

    @property
    def time(self) -> int:
        """The simulated time."""
        return self._books.time

    # --------------------------------------------------------------------------------------------------------- account

    def order(self, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None) -> ExchangeOrder:
        """One order by either id, whatever became of it; the latest of a client order id that was used again."""
        return self._books.records.order(symbol, order_id, client_order_id)

    def open_orders(self, symbol: str | None = None) -> list[ExchangeOrder]:
        """Open orders, of one symbol or all, by order of arrival."""
        return self._books.records.open_orders(symbol)

    def all_orders(
        self,
        symbol: str,
        *,
        order_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
        limit: int = 500,
    ) -> list[ExchangeOrder]:
        """Orders by id, ascending: from `order_id` on, made from `start_time` to `end_time`, else the latest."""
        return self._books.records.orders(symbol, order_id, (start_time, end_time), limit)

    def my_trades(
        self,
        symbol: str,
        *,
        order_id: int | None = None,
        from_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
        limit: int = 500,
    ) -> list[Trade]:
        """Trades of the account by trade id, ascending: of one order, from an id on, of a time, else the latest."""
        return self._books.records.trades(symbol, order_id, from_id, (start_time, end_time), limit)

    def order_list(self, *, order_list_id: int | None = None, list_client_order_id: str | None = None) -> OrderList:
        """One order list by either id."""
        return self._books.records.order_list(order_list_id, list_client_order_id)

    def order_lists(
        self,
        *,
        from_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
        limit: int = 500,
    ) -> list[OrderList]:
        """Order lists by id, ascending: from an id on, of a time, else the latest."""
        return self._books.records.order_lists(from_id, (start_time, end_time), limit)

    def open_order_lists(self) -> list[OrderList]:
        """Order lists with an open leg."""
        return self._books.records.open_order_lists()

    def account(self) -> AccountView:
        """Fees and balances, by the name of the currency."""
        account = self._books.account
        return AccountView(
            maker_fee=account.rules.maker_fee,
            taker_fee=account.rules.taker_fee,
            update_time=self._books.update_time,
            balances=tuple(self._books.balance(currency) for currency in sorted(account.balances)),
        )

    # ---------------------------------------------------------------------------------------------------------- market

    @property
    def intervals(self) -> tuple[str, ...]:
        """The intervals that are made of whole base candles."""
        return self._klines.intervals

    def klines(
        self,
        symbol: str,
        interval: str,
        *,
        start_time: int | None = None,
        end_time: int | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """Candles that opened up to now, ascending; the present one as it stands. Without a start the latest.

        Intervals shorter than the base timeframe, or not made of whole ones, are refused as invalid.
        """
        window = (start_time, end_time)
        return self._klines.klines(self._books.records.symbol(symbol), interval, window, limit, self.time)

    def depth(self, symbol: str, limit: int = 100) -> Depth:
        """The order book at this moment, own resting orders included."""
        self._look(symbol)
        return self._order_book.depth(symbol, limit)

    def trades(self, symbol: str, *, from_id: int | None = None, limit: int = 500) -> list[PublicTrade]:
        """Trades of the market by id, ascending: from an id on, else the latest."""
        trades = self._market.trades[self._books.records.symbol(symbol)]
        known = trades.known(self.time)
        first = max(known - limit, 0) if from_id is None else from_id
        return trades.from_id(first, min(first + limit, known))

    def aggregate_trades(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
        limit: int = 500,
    ) -> list[PublicTrade]:
        """Aggregate trades; here each is one trade, of the same id."""
        trades = self._market.trades[self._books.records.symbol(symbol)]
        known = trades.known(self.time)
        if end_time is not None:
            known = min(known, trades.id_at(end_time + 1))
        if from_id is not None:
            first = from_id
        elif start_time is not None:
            first = trades.id_at(start_time)
        else:
            first = max(known - limit, 0)
        return trades.from_id(first, min(first + limit, known))

    def ticker(self, symbol: str) -> Ticker:
        """The last 24 hours."""
        self._look(symbol)
        return ticker_of(self._market, self._klines, self._order_book, symbol, self.time)

    def price(self, symbol: str) -> PriceTicker:
        """The last price."""
        price = self._market.last_price(self._books.records.symbol(symbol), self.time)
        return PriceTicker(symbol=symbol, price=price)

    def average_price(self, symbol: str) -> AveragePrice:
        """The average of the last five minutes; the last price where nothing was traded in them."""
        trades = self._market.trades[self._books.records.symbol(symbol)]
        known, start = trades.known(self.time), self.time - AVERAGE_MINUTES * MINUTE
        found = [one for one in trades.from_id(trades.id_at(start), known) if one.quantity]
        if found:
            price, time = weighted_average((one.price, one.quantity) for one in found), found[-1].time
        else:
            last = trades.from_id(known - 1, known)
            price, time = self._market.last_price(symbol, self.time), last[0].time if last else start
        return AveragePrice(minutes=AVERAGE_MINUTES, price=price, time=time)

    def book_ticker(self, symbol: str) -> BookTicker:
        """The best bid and ask."""
        self._look(symbol)
        return self._order_book.ticker(symbol)

    # ------------------------------------------------------------------------------------------------------- internals

    def _look(self, symbol: str) -> None:
        update = self._order_book.refresh(self._books.records.symbol(symbol), self.time)
        self._market_events.tell_depth(update)

    def _resting(self, symbol: str) -> list[tuple[Side, Decimal, Decimal]]:
        return [
            (order.side, order.price, order.quantity - order.executed_quantity)
            for order in self._books.records.open_orders(symbol)
            if order.is_working and order.price
        ]
