"""Entries: whether a signal may be followed, at what price and stake, and what happens when an entry order fills."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import Market, cut_amount, maximum_stake, minimum_stake, rounded_price
from tradewind.domain.freqtrade.signals import Callbacks, PairRows, Row, Settings
from tradewind.domain.freqtrade.stop import begin_stop, place_stop_after_fill, raise_stop
from tradewind.domain.freqtrade.trade import Order, Trade
from tradewind.domain.freqtrade.wallet import NEW_TRADE_STOP, allowed_stake


class _Wanted(NamedTuple):
    """What an entry order is for: a stake of a market, and the trade that it adds to, if any."""

    market: Market
    tick: Decimal | None
    stake: float
    tag: str
    trade: Trade | None = None


class Entries:
    """New trades, and more of those that are open."""

    def __init__(self, settings: Settings, callbacks: Callbacks, book: Book) -> None:
        self._settings, self._callbacks, self._book = settings, callbacks, book

    def enter(self, pair: PairRows, row: Row) -> None:
        """Follow the signal of `row`, unless a lock, full slots, the money or the strategy are against it."""
        book, time = self._book, row.candle.open_time
        if book.locks.is_pair_locked(pair.market.pair, time):
            return
        if len(book.open) >= self._settings.stakes.max_open_trades:
            book.counts.rejected_signals += 1
            return
        proposed = book.wallet.proposed_stake(book.open.values())
        if not proposed:
            return
        tick = pair.ticks.at(time) or pair.market.price_tick
        order = self._order(_Wanted(pair.market, tick, proposed, row.enter_tag), row)
        if order is None or not self._confirmed(pair.market, order, time, row.enter_tag):
            return
        trade = self._callbacks.trade_type(
            pair.market, tick, self._settings.fee, time=time, tag=row.enter_tag, entry=order
        )
        book.open[trade.pair] = trade
        begin_stop(trade, self._settings.stop.stoploss)
        self.try_fill(trade, order, row)

    def add(self, trade: Trade, row: Row, stake: float, tag: str) -> None:
        """Buy more for `trade`, at the open or at the strategy's price."""
        order = self._order(_Wanted(trade.market, trade.tick, stake, tag, trade), row)
        if order is not None:
            trade.orders.append(order)
            self.try_fill(trade, order, row)

    def try_fill(self, trade: Trade, order: Order, row: Row) -> None:
        """Fill an entry order if its price is one of the candle's."""
        if not row.candle.low <= order.price <= row.candle.high:
            return
        time = row.candle.open_time
        first = not trade.has_open_position
        self._book.fill(trade, order, time)
        if first:
            begin_stop(trade, self._settings.stop.stoploss)
        self.after_fill(trade, order, time)

    def after_fill(self, trade: Trade, order: Order, time: int) -> None:
        """What follows a fill: the strategy is told, and where something is held the stop moves with the average."""
        callbacks = self._callbacks
        if trade.is_open:
            raise_stop(trade, trade.open_rate, abs(trade.stop_loss_pct))
        if callbacks.order_filled is not None:
            callbacks.order_filled(trade, order, time)
        if not trade.is_open:
            return
        if self._settings.stop.use_custom_stoploss and callbacks.stoploss_after_fill and callbacks.custom_stoploss:
            profit = trade.calc_profit_ratio(order.price)
            answer = callbacks.custom_stoploss(trade, time, order.price, profit, after_fill=True)
            place_stop_after_fill(trade, order.price, answer)
            # The distance just asked for, below the average: where that is higher, it is raised, and so trails.
            raise_stop(trade, trade.open_rate, abs(trade.stop_loss_pct))

    def _order(self, wanted: _Wanted, row: Row) -> Order | None:
        """The entry order; None where it may not be so small, or there is not enough."""
        book, callbacks, market, time = self._book, self._callbacks, wanted.market, row.candle.open_time
        price = self._price(wanted, row)
        available = book.wallet.available(book.open.values())
        least = minimum_stake(market, price, 0.0 if wanted.trade else NEW_TRADE_STOP)
        stake = wanted.stake
        if wanted.trade is None and callbacks.custom_stake_amount is not None:
            most = min(maximum_stake(market, price), available)
            stake = float(
                callbacks.custom_stake_amount(market.pair, time, price, stake, least, most, wanted.tag) or 0.0
            )
        allowed = allowed_stake(market, stake, least, price, available)
        amount = cut_amount(allowed / price, market.amount_step) if allowed else 0.0
        if amount <= 0:
            return None
        return callbacks.order_type(is_entry=True, price=price, amount=amount, placed_at=time, tag=wanted.tag or None)

    def _price(self, wanted: _Wanted, row: Row) -> float:
        rate, ask = row.candle.open, self._callbacks.custom_entry_price
        if ask is None:
            return rate
        asked = ask(wanted.market.pair, wanted.trade, row.candle.open_time, rate, wanted.tag)
        if asked is None or asked == rate:
            return rate
        return min(rounded_price(float(asked), wanted.tick), row.candle.high)

    def _confirmed(self, market: Market, order: Order, time: int, tag: str) -> bool:
        ask = self._callbacks.confirm_trade_entry
        return ask is None or bool(ask(market.pair, order.amount, order.price, time, tag))
