"""The stop of a trade: where it begins, what raises it, whether a candle hits it, and at what price that fills.

Inside a candle the high is assumed to come before the low: a stop is raised from the high first and tested then.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.market import rounded_price
from tradewind.domain.freqtrade.trade import Trade, profit_ratio


class StopRules(NamedTuple):
    """`stoploss` as strategies have it, a negative ratio; the `trailing_*` settings by freqtrade's names.

    `trailing_stop_positive` is 0 where there is none.
    """

    stoploss: float
    trailing_stop: bool = False
    trailing_stop_positive: float = 0.0
    trailing_stop_positive_offset: float = 0.0
    trailing_only_offset_is_reached: bool = False
    use_custom_stoploss: bool = False


def trailing_distance(rules: StopRules, profit: float) -> float:
    """How far below the high the stop trails at that `profit` (a ratio); 0 where it does not trail yet."""
    if rules.trailing_only_offset_is_reached and profit < rules.trailing_stop_positive_offset:
        return 0.0
    if rules.trailing_stop_positive and profit > rules.trailing_stop_positive_offset:
        return rules.trailing_stop_positive
    return abs(rules.stoploss)


def begin_stop(trade: Trade, stoploss: float) -> None:
    """The stop that a trade has from its first fill on, rounded up to the tick."""
    trade.stop_loss = trade.initial_stop_loss = _stop_at(trade, trade.open_rate, abs(stoploss))
    trade.stop_loss_pct = -abs(stoploss)


def raise_stop(trade: Trade, rate: float, distance: float) -> None:
    """Let the stop be `distance` (a ratio) below `rate`, where that is higher than it is."""
    stop = _stop_at(trade, rate, distance)
    if stop > trade.stop_loss:
        trade.stop_loss, trade.stop_loss_pct = stop, -distance
        trade.is_stop_loss_trailing = True


def place_stop_after_fill(trade: Trade, rate: float, answer: float | None) -> None:
    """What `custom_stoploss` answers after a fill is the stop, even where it is lower; that is no trailing."""
    distance = asked_distance(answer)
    if distance is not None:
        trade.stop_loss, trade.stop_loss_pct = _stop_at(trade, rate, distance), -distance


def asked_distance(answer: float | None) -> float | None:
    """The distance that `custom_stoploss` asks for; None where None, 0 or not-a-number leaves the stop."""
    if answer is None or math.isnan(answer) or not answer:
        return None
    return abs(answer)


def trail(trade: Trade, rules: StopRules, high: float) -> None:
    """Raise a trailing stop from the high of a candle."""
    distance = trailing_distance(rules, profit_ratio(trade, high))
    if distance:
        raise_stop(trade, high, distance)


def stop_price(trade: Trade, rules: StopRules, candle: Candle, age: int) -> float:
    """At what price a stop that is hit fills; `age` in minutes.

    At the stop, even above the candle's own open; at the open if the whole candle is below it. A trailing stop that is
    hit in the candle of the entry fills at a worse price: as if the high had been no higher than what raised it.
    """
    if trade.stop_loss > candle.high:
        return candle.open
    if not trade.is_stop_loss_trailing or age:
        return trade.stop_loss
    positive, offset = rules.trailing_stop_positive, rules.trailing_stop_positive_offset
    if not rules.use_custom_stoploss and rules.trailing_only_offset_is_reached and offset and positive:
        return max(candle.low, candle.open * (1 + offset - positive))
    return max(candle.low, candle.open * (1 - abs(trade.stop_loss_pct)))


def _stop_at(trade: Trade, rate: float, distance: float) -> float:
    return rounded_price(rate * (1 - distance), trade.tick, up=True)
