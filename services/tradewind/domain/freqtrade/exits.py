"""Which exits a candle offers a trade, in the order in which they are tried, and the price of each.

First a signal or what `custom_exit` answers, then a stop that was never raised, then the ROI table, then a trailing
stop: whatever is refused, by its own price rule or by the strategy, makes way for the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tradewind.domain.freqtrade.signals import Callbacks, Row, Settings
from tradewind.domain.freqtrade.stop import asked_distance, raise_stop, stop_price, trail
from tradewind.domain.freqtrade.trade import Reason, Trade


class Exit(NamedTuple):
    """An exit on offer: `reason` as it is shown, the kind it is of, and the price before it is rounded."""

    kind: Reason
    reason: str
    price: float


def offered_exits(trade: Trade, row: Row, settings: Settings, callbacks: Callbacks) -> Iterator[Exit]:
    """The exits that `row` offers, best claim first. Raises the stop on the way."""
    candle = row.candle
    age = trade.age(candle.open_time)
    trade.adjust_min_max_rates(candle.high, candle.low)
    stopped = _stopped(trade, row, settings, callbacks)
    earned = not (row.enter and settings.ignore_roi_if_entry_signal) and settings.roi.reached(trade, age, candle.high)
    signal = _signal(trade, row, settings, callbacks)
    if signal is not None:
        yield signal
    if stopped is Reason.STOP_LOSS:
        yield Exit(stopped, stopped, stop_price(trade, settings.stop, candle, age))
    price = settings.roi.price(trade, age, candle) if earned else None
    if price is not None:
        yield Exit(Reason.ROI, Reason.ROI, price)
    if stopped is Reason.TRAILING_STOP_LOSS:
        yield Exit(stopped, stopped, stop_price(trade, settings.stop, candle, age))


def _stopped(trade: Trade, row: Row, settings: Settings, callbacks: Callbacks) -> Reason | None:
    candle = row.candle
    if trade.stop_loss < candle.low:
        if settings.stop.use_custom_stoploss and callbacks.custom_stoploss is not None:
            profit = trade.calc_profit_ratio(candle.high)
            answer = callbacks.custom_stoploss(trade, candle.open_time, candle.high, profit, after_fill=False)
            distance = asked_distance(answer)
            if distance is not None:
                raise_stop(trade, candle.high, distance)
        if settings.stop.trailing_stop:
            trail(trade, settings.stop, candle.high)
    if trade.stop_loss < candle.low:
        return None
    return Reason.TRAILING_STOP_LOSS if trade.is_stop_loss_trailing else Reason.STOP_LOSS


def _signal(trade: Trade, row: Row, settings: Settings, callbacks: Callbacks) -> Exit | None:
    if not settings.use_exit_signal:
        return None
    rate = row.candle.open
    if row.exit and not row.enter:
        if settings.exit_profit_only and trade.calc_profit_ratio(rate) <= settings.exit_profit_offset:
            return None
        return Exit(Reason.EXIT_SIGNAL, row.exit_tag or Reason.EXIT_SIGNAL, rate)
    if callbacks.custom_exit is None:
        return None
    answer = callbacks.custom_exit(trade, row.candle.open_time, rate, trade.calc_profit_ratio(rate))
    if not answer:
        return None
    return Exit(Reason.CUSTOM_EXIT, answer if isinstance(answer, str) else Reason.CUSTOM_EXIT, rate)
