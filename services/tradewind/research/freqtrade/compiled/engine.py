"""Puts columns and settings in the form of the compiled loop, and its records in the form of every backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.signals import Callbacks, PairColumns, Result, Settings
from tradewind.domain.freqtrade.trade import Reason, Trade
from tradewind.domain.series import Integers
from tradewind.domain.timeframe import MILLISECONDS, close_time
from tradewind.research.freqtrade.compiled import records
from tradewind.research.freqtrade.compiled.loop import play
from tradewind.research.freqtrade.compiled.records import Booleans, Candles, Desk, Markets, Roi, Rules

_REASONS = {
    records.SIGNAL: Reason.EXIT_SIGNAL,
    records.STOP: Reason.STOP_LOSS,
    records.ROI: Reason.ROI,
    records.TRAILING: Reason.TRAILING_STOP_LOSS,
    records.FORCED: Reason.FORCE_EXIT,
}


class EntryWaitsError(Exception):
    """An entry would have to wait for its price, as only the event engine does: a candle opens outside its range."""

    def __init__(self, pair: str, time: int) -> None:
        super().__init__(pair, time)
        self.pair, self.time = pair, time


class Run(NamedTuple):
    """A whole run: `desk` by `times`; the rows of a pair begin at its `first`."""

    span: tuple[int, int]
    times: Integers
    first: Integers
    desk: Desk


def run_compiled(pairs: Mapping[str, PairColumns], settings: Settings, span: tuple[int, int]) -> Run:
    """Trade `pairs` (in whitelist order) over the candles opened at `span`, its first one excluded.

    Raises `EntryWaitsError` for candles that need the event engine.
    """
    times = _times(list(pairs.values()), settings.timeframe, *span)
    candles, wanted = _candles(list(pairs.values()), times)
    desk = Desk(
        trades=np.zeros(len(pairs), records.TRADE),
        # As many as there can be; memory that is not written to is not taken.
        closed=np.empty(np.count_nonzero(wanted), records.TRADE),
        balances=np.empty(len(times)),
        held=np.empty(len(pairs), np.int64),
        coming=np.empty(len(pairs), np.int64),
        state=np.array([(0, 0, 0, 0, -1, 0, 0.0, 0.0, 0.0)], records.STATE),
    )
    roi = Roi(
        np.array([minutes for minutes, _ in settings.roi.steps], np.int64),
        np.array([ratio for _, ratio in settings.roi.steps], np.float64),
    )
    play(candles, wanted, _markets(list(pairs.values())), _rules(settings), roi, desk)
    state = desk.state[0]
    if state["unfit_pair"] >= 0:
        raise EntryWaitsError(list(pairs)[state["unfit_pair"]], int(times[state["unfit_at"]]))
    return Run(span, times, candles.first, desk._replace(closed=desk.closed[: state["closed"]].copy()))


def result_of(
    run: Run, pairs: Mapping[str, PairColumns], settings: Settings, callbacks: Callbacks, book: Book
) -> Result:
    """The outcome as the event engine tells it; `book` holds it from then on."""
    tell = _Teller(run, list(pairs.values()), settings, callbacks)
    desk, state = run.desk, run.desk.state[0]
    for record in desk.closed.tolist():
        trade = tell.closed(_named(record))
        book.closed.append(trade)
        book.wallet.closed_profit += trade.close_profit_abs or 0.0
    for pair in desk.held[: state["holds"]].tolist():
        trade = tell.opened(_named(desk.trades[pair].item()))
        trade.exit_reason = Reason.FORCE_EXIT
        book.open[trade.pair] = trade
    # Profits are booked twice, by records and by trades: a difference of one bit is a defect.
    assert book.wallet.closed_profit == state["profit"], "both engines reckon alike"
    book.counts.rejected_signals = int(state["rejected_signals"])
    book.counts.timedout_exit_orders = int(state["timedout_exit_orders"])
    still_open = list(book.open.values())
    start, end = run.span
    return Result(
        start=start,
        end=end,
        closed=book.closed,
        still_open=still_open,
        final_balance=book.wallet.free(still_open),
        balances=list(zip(run.times.tolist(), desk.balances.tolist(), strict=True)),
        counts=book.counts,
    )


class _Teller:
    """Makes the trades of records."""

    def __init__(self, run: Run, pairs: Sequence[PairColumns], settings: Settings, callbacks: Callbacks) -> None:
        self._times, self._first = run.times.tolist(), run.first.tolist()
        self._pairs, self._settings, self._callbacks = pairs, settings, callbacks

    def opened(self, found: Any) -> Trade:
        """A trade, its entry filled."""
        time, columns = self._times[found.entered_at], self._pairs[found.pair]
        tag = self._tag(columns.enter_tags, found.pair, found.entered_at)
        make, placed = self._callbacks, {"price": found.price, "amount": found.amount, "placed_at": time}
        entry = make.order_type(is_entry=True, tag=tag or None, **placed)
        tick = columns.ticks.at(time) or columns.market.price_tick
        trade = make.trade_type(columns.market, tick, self._settings.fee, time=time, tag=tag, entry=entry)
        trade.fill(entry, time)
        trade.stop_loss, trade.stop_loss_pct = found.stop_loss, found.stop_loss_pct
        trade.initial_stop_loss, trade.is_stop_loss_trailing = found.initial_stop_loss, found.is_stop_loss_trailing
        trade.min_rate, trade.max_rate = found.min_rate, found.max_rate
        return trade

    def closed(self, found: Any) -> Trade:
        """A trade, its exit filled too."""
        trade, time = self.opened(found), self._times[found.placed_at]
        tag = self._reason(found.placed_kind, found.pair, found.placed_at)
        order = self._callbacks.order_type(
            is_entry=False, price=found.close_rate, amount=found.amount, placed_at=time, tag=tag
        )
        trade.orders.append(order)
        trade.exit_reason = self._reason(found.kind, found.pair, found.asked_at)
        trade.fill(order, self._times[found.left_at])
        return trade

    def _reason(self, kind: int, pair: int, place: int) -> str:
        tag = self._tag(self._pairs[pair].exit_tags, pair, place) if kind == records.SIGNAL else ""
        return tag or _REASONS[kind]

    def _tag(self, tags: Sequence[str], pair: int, place: int) -> str:
        return tags[place - self._first[pair]] if tags else ""


def _named(record: tuple[Any, ...]) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(records.TRADE.names or (), record, strict=True)))


def _times(pairs: Sequence[PairColumns], timeframe: str, start: int, end: int) -> Integers:
    whole = [columns.open_time for columns in pairs if len(columns)]
    if len(pairs) == 1 and whole and (whole[0][0], whole[0][-1]) == (close_time(timeframe, start), end):
        return np.ascontiguousarray(whole[0])
    if timeframe in MILLISECONDS:
        step = MILLISECONDS[timeframe]
        return np.arange(start + step, end + 1, step, dtype=np.int64)
    times = [close_time(timeframe, start)]
    while close_time(timeframe, times[-1]) <= end:
        times.append(close_time(timeframe, times[-1]))
    return np.array(times, dtype=np.int64)


def _candles(pairs: Sequence[PairColumns], times: Integers) -> tuple[Candles, Booleans]:
    """The candles, and where a pair wants to enter."""
    first = np.array([times.searchsorted(columns.open_time[0]) if len(columns) else 0 for columns in pairs], np.int64)
    last = first + np.array([len(columns) for columns in pairs], np.int64)

    def laid(name: str) -> Any:
        if len(pairs) == 1 and len(pairs[0]) == len(times):
            return np.ascontiguousarray(getattr(pairs[0], name)).reshape(1, -1)
        whole = np.zeros((len(pairs), len(times)), getattr(pairs[0], name).dtype)
        for row, columns, start, stop in zip(whole, pairs, first, last, strict=True):
            row[start:stop] = getattr(columns, name)
        return whole

    enter, leave = laid("enter"), laid("exit")
    candles = Candles(
        times=_read_only(times),
        **{name: _read_only(laid(name)) for name in ("open", "high", "low", "close")},
        enter=_read_only(enter),
        leave=_read_only(np.greater(leave, enter)),  # to leave and not to enter, in one pass
        first=first,
        last=last,
    )
    return candles, _read_only(np.greater(enter, leave))


def _read_only(array: Any) -> Any:
    """A view that may not be written to. Frames give such, and numba compiles for each kind anew: so all are."""
    view = array.view()
    view.flags.writeable = False
    return view


def _markets(pairs: Sequence[PairColumns]) -> Markets:
    names = records.MARKET.names or ()
    filters = [tuple(float(getattr(columns.market, name) or 0) for name in names) for columns in pairs]
    ticks = [[(time, float(tick)) for time, tick in columns.ticks.steps()] for columns in pairs]
    return Markets(
        np.array(filters, records.MARKET),
        np.array([step for steps in ticks for step in steps], records.TICK),
        np.cumsum([0, *map(len, ticks)], dtype=np.int64),
    )


def _rules(settings: Settings) -> Rules:
    timeout = settings.exit_timeout
    return Rules(
        stop=settings.stop,
        stakes=settings.stakes._replace(
            max_open_trades=float(settings.stakes.max_open_trades), stake_amount=float(settings.stakes.stake_amount)
        ),
        fee=float(settings.fee),
        timeframe_minutes=settings.roi.timeframe_minutes,
        exit_timeout=float("inf") if timeout is None else timeout * 1000.0,
        use_exit_signal=settings.use_exit_signal,
        exit_profit_only=settings.exit_profit_only,
        exit_profit_offset=float(settings.exit_profit_offset),
        ignore_roi_if_entry_signal=settings.ignore_roi_if_entry_signal,
    )
