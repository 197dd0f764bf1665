"""One trade, from the fill of its entry to the candle on which its exit fills.

Nothing that happens to other pairs changes when a trade leaves, so it is followed at once. Floats decide only whether
a rule may act on a candle, and to the side of asking it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.market import rounded_price
from tradewind.domain.freqtrade.roi import roi_price
from tradewind.domain.freqtrade.stop import StopRules, stop_price, trail
from tradewind.domain.freqtrade.trade import profit_ratio
from tradewind.domain.series import Integers
from tradewind.domain.timeframe import MINUTE
from tradewind.research.freqtrade.compiled.compiling import compiled
from tradewind.research.freqtrade.compiled.records import NOTHING, ROI, SIGNAL, STOP, TRAILING, Candles, Roi, Rules

MARGIN = 1e-7
"""More than eight decimals and the last bits of floats can make up for."""


@compiled
def follow(trade: Any, candles: Candles, roi: Roi, rules: Rules) -> int:  # noqa: C901 - a call counts every array
    """The place at which its exit fills; after the end of the times where it never does."""
    # Once by name, for a look into a tuple counts a reference.
    times, opens, highs, lows, closes = candles.times, candles.open, candles.high, candles.low, candles.close
    enter, leave, minutes, ratios = candles.enter, candles.leave, roi.minutes, roi.ratios
    pair, first, last, step = trade.pair, trade.entered_at, candles.last[trade.pair], -1
    highest, lowest, left_at = trade.max_rate, trade.min_rate, len(times)
    place, earned_per_price = first, trade.earned_per_price
    while place < last:
        while step + 1 < len(minutes) and times[place] - times[first] >= minutes[step + 1] * MINUTE:
            step += 1
        if trade.waiting == NOTHING and not rules.stop.trailing_stop:
            # Candles on which no rule can act, with what they look at in registers.
            stop, enough = trade.stop_loss, ratios[step] - MARGIN if step >= 0 else np.inf
            until = _due(times, first, last, minutes[step + 1]) if step + 1 < len(minutes) else last
            # Without a sign: else each look asks first whether it is meant from the end.
            row, at, end = np.uint64(pair), np.uint64(place), np.uint64(until)
            while at < end:
                high, low = highs[row, at], lows[row, at]
                if stop >= low or leave[row, at] or high * earned_per_price - 1 >= enough:
                    break
                highest, lowest = max(highest, high), min(lowest, low)
                at += np.uint64(1)
            place = np.int64(at)
            if place == until:
                continue
        high, low = highs[pair, place], lows[pair, place]
        if trade.waiting != NOTHING and times[place] - times[trade.placed_at] >= rules.exit_timeout:
            trade.waiting = NOTHING
            trade.timedout += 1
        highest, lowest = max(highest, high), min(lowest, low)
        if rules.stop.trailing_stop and trade.stop_loss < low and _may_trail(trade, rules.stop, high):
            trail(trade, rules.stop, high)
        leaves = rules.use_exit_signal and leave[pair, place] and _may_leave(trade, rules, opens[pair, place])
        earned = step >= 0 and _earned(trade, ratios[step], high)
        if earned and rules.ignore_roi_if_entry_signal and enter[pair, place]:
            earned = False
        if leaves or earned or trade.stop_loss >= low:
            candle = Candle(times[place], opens[pair, place], high, low, closes[pair, place], 0.0)
            reached = (minutes[step], ratios[step]) if earned else (0, 0.0)
            kind, price = _offered(trade, candle, rules, leaves, earned, reached)
            if kind:
                place_exit(trade, kind, price, place)
        if trade.waiting != NOTHING and low <= trade.waiting <= high:
            left_at = place
            break
        place += 1
    trade.max_rate, trade.min_rate = highest, lowest
    return left_at


@compiled
def _due(times: Integers, first: int, last: int, minutes: int) -> int:
    """The place of the candle, from `first` on, that is so many minutes old; `last` where there is none."""
    low, high, time = first, last, times[first] + minutes * MINUTE
    while low < high:
        middle = (low + high) // 2
        if times[middle] < time:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def place_exit(trade: Any, kind: int, price: float, place: int) -> None:
    """An exit order, in place of one that waits at another price."""
    trade.kind, trade.asked_at = kind, place
    price = rounded_price(price, trade.tick)
    if trade.waiting != price:
        trade.waiting, trade.placed_at, trade.placed_kind = price, place, kind


@compiled
def _offered(
    trade: Any, candle: Candle, rules: Rules, leaves: bool, earned: bool, reached: tuple[int, float]
) -> tuple[int, float]:
    """The exit with the best claim, and its price before it is rounded; 0 for none."""
    age = (candle.open_time - trade.opened) // MINUTE
    stopped = trade.stop_loss >= candle.low
    if leaves:
        return SIGNAL, candle.open
    if stopped and not trade.is_stop_loss_trailing:
        return STOP, stop_price(trade, rules.stop, candle, age)
    price = roi_price(trade, reached, rules.timeframe_minutes, age, candle) if earned else 0.0
    if price:
        return ROI, price
    if stopped:
        return TRAILING, stop_price(trade, rules.stop, candle, age)
    return 0, 0.0


@compiled
def _may_trail(trade: Any, rules: StopRules, high: float) -> bool:
    """Whether the nearest that the stop may follow is above it."""
    earned, offset = _about_earned(trade, high), rules.trailing_stop_positive_offset
    if rules.trailing_only_offset_is_reached and earned < offset - MARGIN:
        return False
    distance = abs(rules.stoploss)
    if rules.trailing_stop_positive and earned > offset - MARGIN:
        distance = min(distance, rules.trailing_stop_positive)
    return bool(high * (1 - distance) + 2 * trade.tick >= trade.stop_loss)


@compiled
def _may_leave(trade: Any, rules: Rules, price: float) -> bool:
    return not rules.exit_profit_only or profit_ratio(trade, price) > rules.exit_profit_offset


@compiled
def _earned(trade: Any, ratio: float, high: float) -> bool:
    """Whether the high of a candle earns more than `ratio`."""
    return _about_earned(trade, high) >= ratio - MARGIN and profit_ratio(trade, high) > ratio


@compiled
def _about_earned(trade: Any, price: float) -> float:
    """`profit_ratio` within `MARGIN`."""
    return float(price * trade.earned_per_price - 1)
