"""From a stop that is meant, relative to the entry or as a price, to what `custom_stoploss` has to answer."""

from __future__ import annotations


def stoploss_from_open(
    open_relative_stop: float, current_profit: float, is_short: bool = False, leverage: float = 1.0
) -> float:
    """The distance below the current rate (a ratio, at least 0) of a stop at `open_relative_stop` from the entry.

    0, which leaves the stop where it is, for a stop above the current rate.
    """
    profit, stop = current_profit / leverage, open_relative_stop / leverage
    if is_short:
        return _not_below_zero(-1 + (1 - stop) / (1 - profit)) * leverage if profit < 1 else leverage
    return _not_below_zero(1 - (1 + stop) / (1 + profit)) * leverage if profit > -1 else leverage


def stoploss_from_absolute(
    stop_rate: float, current_rate: float, is_short: bool = False, leverage: float = 1.0
) -> float:
    """The distance below `current_rate` (a ratio, at least 0) of a stop at the price `stop_rate`.

    0, which leaves the stop where it is, for a stop above the current rate.
    """
    if not current_rate:
        return leverage
    distance = stop_rate / current_rate - 1 if is_short else 1 - stop_rate / current_rate
    return _not_below_zero(distance) * leverage


def _not_below_zero(distance: float) -> float:
    # Not-a-number goes through: it leaves the stop as well, and hides no missing indicator.
    return 0.0 if distance < 0 else distance
