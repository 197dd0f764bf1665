"""Exits that the bot decides at a candle's close; resting stops and targets act by the matching rules alone.

A trailing stop needs no memory: the new stop follows from this candle's high, and a stop is never lowered.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ONE

_SLIGHTLY_LESS = 1 - 1e-9


class ExitReason(StrEnum):
    """Why a position closed, in the field's words."""

    STOP_LOSS = "stop_loss"
    TRAILING_STOP_LOSS = "trailing_stop_loss"
    ROI = "roi"
    EXIT_SIGNAL = "exit_signal"
    CUSTOM_EXIT = "custom_exit"
    FORCE_EXIT = "force_exit"
    EMERGENCY_EXIT = "emergency_exit"


@dataclass(frozen=True, slots=True)
class TrailingStop:
    """Trail `distance` below the high once the price was `activation` above the entry; both ratios."""

    distance: Decimal
    activation: Decimal


def initial_stop(instrument: Instrument, entry: Decimal, stop_loss: Decimal) -> Decimal:
    """The stop of a long entry, rounded up: never more risk than was asked for."""
    return instrument.price_up(entry * (ONE - stop_loss))


def target_price(instrument: Instrument, entry: Decimal, take_profit: Decimal) -> Decimal:
    """The target of a long entry, rounded up: never less profit than was asked for."""
    return instrument.price_up(entry * (ONE + take_profit))


def trailed_stop(
    instrument: Instrument, trailing: TrailingStop, entry: Decimal, high: Decimal, current: Decimal | None
) -> Decimal | None:
    """The stop to amend to after a candle with `high`, or None when it stays."""
    if high < entry * (ONE + trailing.activation):
        return None
    stop = instrument.price_up(high * (ONE - trailing.distance))
    return stop if current is None or stop > current else None


def stop_below(instrument: Instrument, close: Decimal, distance: Decimal, current: Decimal) -> Decimal | None:
    """The stop to amend to so that it is `distance` (a ratio) below `close`, or None when it stays."""
    stop = instrument.price_up(close * (ONE - distance))
    return stop if stop > current else None


def unmoved_below(trailing: TrailingStop, entry: Decimal, current: Decimal) -> float:
    """A high below which `trailed_stop` leaves a stop where it is: nearly the least that moves it, never above it."""
    least = max(entry * (ONE + trailing.activation), current / (ONE - trailing.distance))
    return float(least) * _SLIGHTLY_LESS
