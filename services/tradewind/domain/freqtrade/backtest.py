"""The loop: candle by candle, pair by pair, everything of one pair before the next.

Per pair: orders that waited too long are dropped, then entries, then waiting orders fill, then the position is
adjusted, then exits. What an exit frees, a later pair may use in the same candle.
"""

from __future__ import annotations

from collections.abc import Callable

from tradewind.domain.freqtrade.entries import Entries
from tradewind.domain.freqtrade.exits import Exit, offered_exits
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import cut_amount, maximum_stake, minimum_stake
from tradewind.domain.freqtrade.protections import Protections
from tradewind.domain.freqtrade.signals import Callbacks, Pairs, Result, Row, Settings
from tradewind.domain.freqtrade.trade import Order, Reason, Trade, share_of
from tradewind.domain.freqtrade.wallet import ADJUSTED_TRADE_STOP
from tradewind.domain.timeframe import close_time


def run_backtest(
    pairs: Pairs,
    settings: Settings,
    callbacks: Callbacks,
    span: tuple[int, int],
    *,
    book: Book | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Trade `pairs` (in whitelist order) over the candles opened at `span`, its first one excluded.

    `book` is what the strategy may ask about trades meanwhile; `progress` is told each candle's time.
    """
    return Backtest(pairs, settings, callbacks, span, book or Book(settings)).run(progress)


class Backtest:
    """One run."""

    def __init__(
        self, pairs: Pairs, settings: Settings, callbacks: Callbacks, span: tuple[int, int], book: Book
    ) -> None:
        self._pairs, self._settings, self._callbacks = pairs, settings, callbacks
        self._start, self._end = span
        self._book = book
        self._entries = Entries(settings, callbacks, book)
        capital = book.wallet.total_stake(())
        self._protections = Protections(settings.protections, settings.timeframe, capital, book.locks)
        self._next = dict.fromkeys(pairs, 0)
        self._balances: list[tuple[int, float]] = []

    def run(self, progress: Callable[[int], None] | None = None) -> Result:
        """Every candle, then whatever is open is closed."""
        time = close_time(self._settings.timeframe, self._start)
        while time <= self._end:
            self._balances.append((time, self._balance(time)))
            if self._callbacks.candle is not None:
                self._callbacks.candle(time)
            self._trade(time)
            if progress is not None:
                progress(time)
            time = close_time(self._settings.timeframe, time)
        self._close_all()
        book = self._book
        still_open = list(book.open.values())
        return Result(
            start=self._start,
            end=self._end,
            closed=book.closed,
            still_open=still_open,
            final_balance=book.wallet.free(still_open),
            balances=self._balances,
            counts=book.counts,
            locks=book.locks.all,
        )

    def _trade(self, time: int) -> None:
        """Every pair that has a candle at `time`."""
        for pair in self._order():
            row = self._taken(pair, time)
            if row is not None:
                self._candle(pair, row, may_enter=time != self._end)

    def _taken(self, pair: str, time: int) -> Row | None:
        """The candle of `pair` at `time`, whose turn it is from now on."""
        row = self._row(pair, time)
        if row is not None:
            self._next[pair] += 1
            if self._callbacks.pair is not None:
                self._callbacks.pair(pair, time)
        return row

    def _order(self) -> list[str]:
        held = list(self._book.open)
        return held + [pair for pair in self._pairs if pair not in held] if held else list(self._pairs)

    def _row(self, pair: str, time: int) -> Row | None:
        rows, place = self._pairs[pair].rows, self._next[pair]
        return rows[place] if place < len(rows) and rows[place].candle.open_time == time else None

    def _balance(self, time: int) -> float:
        """Stake currency, also in entries that wait, and what is held at this candle's open."""
        book = self._book
        balance = book.wallet.free(book.open.values())
        for pair, trade in book.open.items():
            if not trade.has_open_position:
                balance += trade.stake_amount
            elif (row := self._row(pair, time)) is not None:
                balance += trade.amount * row.candle.open
        return balance

    def _candle(self, pair: str, row: Row, *, may_enter: bool) -> None:
        time = row.candle.open_time
        book = self._book
        if pair in book.open:
            self._drop_late_orders(book.open[pair], time)
        if may_enter and row.enter and not row.exit and pair not in book.open:
            self._entries.enter(self._pairs[pair], row)
        trade = book.open.get(pair)
        if trade is None:
            return
        for order in [order for order in trade.open_orders if order.is_entry]:
            self._entries.try_fill(trade, order, row)
        if trade.has_open_position and self._settings.position_adjustment_enable:
            self._adjust(trade, row)
        if trade.has_open_position and trade.is_open:
            self._take_exit(trade, row)
        for order in [order for order in trade.open_orders if not order.is_entry]:
            self._try_exit(trade, order, row)

    def _drop_late_orders(self, trade: Trade, time: int) -> None:
        book, callbacks, settings = self._book, self._callbacks, self._settings
        for order in trade.open_orders:
            limit = settings.entry_timeout if order.is_entry else settings.exit_timeout
            ask = callbacks.check_entry_timeout if order.is_entry else callbacks.check_exit_timeout
            late = limit is not None and time - order.placed_at >= limit * 1000
            if not late and not (ask is not None and ask(trade, order, time)):
                continue
            order.canceled = True
            if order.is_entry:
                book.counts.timedout_entry_orders += 1
                if not trade.has_open_position:
                    del book.open[trade.pair]
            else:
                book.counts.timedout_exit_orders += 1

    def _adjust(self, trade: Trade, row: Row) -> None:
        """Ask the strategy whether to buy more or to sell a part, at the open."""
        ask = self._callbacks.adjust_trade_position
        if ask is None:
            return
        rate, book = row.candle.open, self._book
        least = minimum_stake(trade.market, rate, ADJUSTED_TRADE_STOP)
        most = min(maximum_stake(trade.market, rate), book.wallet.available(book.open.values()))
        answer = ask(trade, row.candle.open_time, rate, trade.calc_profit_ratio(rate), least, most)
        stake, tag = answer if isinstance(answer, tuple) else (answer, None)
        if not stake:
            return
        limit = self._settings.max_entry_position_adjustment
        if stake < 0:
            self._sell_part(trade, row, -stake, least, tag)
        elif limit < 0 or trade.nr_of_successful_entries <= limit:
            self._entries.add(trade, row, stake, tag or row.enter_tag)

    def _sell_part(self, trade: Trade, row: Row, stake: float, least: float, tag: str | None) -> None:
        rate = row.candle.open
        amount = cut_amount(share_of(stake, trade.amount, trade.stake_amount), trade.market.amount_step)
        left = (trade.amount - amount) * rate
        if amount <= 0 or left < 0 or (left and left < least):
            return
        order = self._place_exit(trade, row, Exit(Reason.PARTIAL_EXIT, tag or Reason.PARTIAL_EXIT, rate), amount, tag)
        assert order is not None, "a part is sold without asking for a confirmation"
        self._try_exit(trade, order, row)

    def _take_exit(self, trade: Trade, row: Row) -> None:
        """Place the first exit on offer that nobody refuses."""
        for found in offered_exits(trade, row, self._settings, self._callbacks):
            if self._place_exit(trade, row, found, trade.amount, None) is not None:
                return

    def _place_exit(self, trade: Trade, row: Row, found: Exit, amount: float, tag: str | None) -> Order | None:
        """The order of an exit, or the one that waits if it is the same; None where the strategy refuses it."""
        callbacks, time, price = self._callbacks, row.candle.open_time, found.price
        if callbacks.custom_exit_price is not None and found.kind in _PRICED_BY_STRATEGY:
            profit = trade.calc_profit_ratio(price)
            asked = callbacks.custom_exit_price(trade, time, price, profit, found.reason)
            price = max(price if asked is None else float(asked), row.candle.low)
        if (
            found.kind is not Reason.PARTIAL_EXIT
            and callbacks.confirm_trade_exit is not None
            and not callbacks.confirm_trade_exit(trade, amount, price, found.reason, time)
        ):
            return None
        trade.exit_reason = found.reason
        return self._book.place_exit(
            trade, price, amount, time=time, tag=tag or found.reason, order_type=self._callbacks.order_type
        )

    def _try_exit(self, trade: Trade, order: Order, row: Row) -> None:
        if not row.candle.low <= order.price <= row.candle.high:
            return
        time = row.candle.open_time
        self._book.fill(trade, order, time)
        self._entries.after_fill(trade, order, time)
        self._protections.apply(trade, time)

    def _close_all(self) -> None:
        """At the end of the data whatever is held is sold at the open of its pair's last candle, if that fills.

        Entries that still wait come to nothing, and give their money back.
        """
        book = self._book
        held = [book.open[pair] for pair in self._pairs if pair in book.open]
        for trade in held:
            if not trade.has_open_position:
                del book.open[trade.pair]
                continue
            row = self._last_row(trade)
            trade.exit_reason = Reason.FORCE_EXIT
            order = self._book.place_exit(
                trade,
                row.candle.open,
                trade.amount,
                time=row.candle.open_time,
                tag=Reason.FORCE_EXIT,
                order_type=self._callbacks.order_type,
            )
            self._try_exit(trade, order, row)

    def _last_row(self, trade: Trade) -> Row:
        return self._pairs[trade.pair].rows[self._next[trade.pair] - 1]


_PRICED_BY_STRATEGY = (Reason.EXIT_SIGNAL, Reason.CUSTOM_EXIT, Reason.PARTIAL_EXIT)
