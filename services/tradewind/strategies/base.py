"""What a strategy gives, and what it is asked for.

A stance is a standing opinion on a pair: Long, Short or Flat, from the candle that began it until a later candle
changes it. Two strategies that turn on different candles can therefore still agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.consensus import FLAT, LONG, SHORT, StanceName, stance_name
from tradewind.domain.series import CandleSeries, Floats, Integers

Sides = NDArray[np.int8]
__all__ = [
    "FLAT",
    "LONG",
    "SHORT",
    "LatestSeries",
    "Sides",
    "StanceName",
    "Stances",
    "VectorisedStrategy",
    "carried",
    "figure",
    "stance_name",
    "warming_up",
]

Computed = TypeVar("Computed")


@dataclass(frozen=True, slots=True)
class Stances:
    """One stance per candle, all arrays of one length.

    `side` is 1 Long, -1 Short, 0 Flat; `confidence` is 0 to 1; `since` is the index of the candle at which the present
    stance began (0 for one that stood from the first candle on).
    """

    side: Sides
    confidence: Floats
    since: Integers

    def __len__(self) -> int:
        return len(self.side)

    def name(self, index: int) -> StanceName:
        """The stance at `index` as messages have it."""
        return stance_name(int(self.side[index]))

    @classmethod
    def held(cls, side: NDArray[np.integer], confidence: Floats | None = None) -> Stances:
        """Stances from a side per candle; confidence is 1 throughout unless given.

        Raises `ValueError` for another side than 1, -1 or 0, for a confidence outside 0 to 1 (NaN included), or for
        arrays of unlike length.
        """
        if np.any(np.abs(side) > 1):
            raise ValueError("a side is 1 (Long), -1 (Short) or 0 (Flat)")
        if confidence is None:
            confidence = np.ones(len(side))
        elif len(confidence) != len(side) or not np.all((confidence >= 0.0) & (confidence <= 1.0)):
            raise ValueError("confidence is one number from 0 to 1 for every candle")
        began = np.zeros(len(side), dtype=np.int64)
        began[1:] = np.where(side[1:] != side[:-1], np.arange(1, len(side)), 0)
        return cls(side.astype(np.int8), confidence, np.maximum.accumulate(began))


class VectorisedStrategy(Protocol):
    """A strategy computed over whole series.

    Causal: a stance at i depends on candles 0..i alone, so the stances of a prefix are a prefix of the stances.
    """

    @property
    def kind(self) -> str:
        """Name in `contracts.strategies.STRATEGY_KINDS`."""

    @property
    def warm_up(self) -> int:
        """Candles before the first meaningful stance; the stance is Flat on all of them."""

    def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle."""

    def reasons(self, candles: CandleSeries, index: int) -> tuple[str, ...]:
        """Short facts behind the stance at `index`: `EMA(20) 101.2 above EMA(50) 99.8`."""


class LatestSeries(Generic[Computed]):
    """What was computed for the latest series of each pair and timeframe.

    A strategy is asked for all stances of a series at once and, seldom, for the reasons of single ones: both read the
    same arrays. A series is recognised by identity, since a live window is a new object at every candle; so this holds
    one series for each pair and timeframe, never more.
    """

    def __init__(self, compute: Callable[[CandleSeries], Computed]) -> None:
        self._compute = compute
        self._held: dict[tuple[str, str], tuple[CandleSeries, Computed]] = {}

    def of(self, candles: CandleSeries) -> Computed:
        """The value for `candles`, computed when it is not the one asked for last."""
        key = (candles.pair, candles.timeframe)
        held = self._held.get(key)
        if held is None or held[0] is not candles:
            held = (candles, self._compute(candles))
            self._held[key] = held
        return held[1]


def carried(marks: NDArray[np.integer]) -> NDArray[np.integer]:
    """Each mark carried forward over the zeros after it: `0 1 0 0 -1 0` becomes `0 1 1 1 -1 -1`."""
    places = np.arange(len(marks))
    return marks[np.maximum.accumulate(np.where(marks != 0, places, 0))]


def figure(value: float) -> str:
    """An indicator value for people: six significant digits, never an exponent."""
    return np.format_float_positional(value, precision=6, fractional=False, trim="-")


def warming_up(index: int, warm_up: int) -> tuple[str, ...]:
    """The reason of every stance before the first meaningful one."""
    return (f"warming up: candle {index + 1} of {warm_up}",)
