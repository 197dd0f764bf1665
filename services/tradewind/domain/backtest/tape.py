"""A pair's candles with what the voters say after each, and the search for the next candle that may matter.

The search is on floats and may only err towards a candle that turns out not to matter. A price on a candle is the
float nearest to its decimal, and rounding keeps order: where the float of one price is below that of another, so is
its decimal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.consensus import Consensus, Vote, Voter, entry_tag, stance_name
from tradewind.domain.money import decimal_of
from tradewind.domain.series import CandleSeries, Floats, Integers

SILENT = 2
"""The side of a voter none of whose candles is complete yet."""

_FIRST_STRETCH, _LONGEST_STRETCH = 64, 4096


@dataclass(frozen=True, slots=True)
class Told:
    """What one voter says after each candle of a pair, both arrays of one length.

    `side` is 1 Long, -1 Short, 0 Flat, `SILENT` where it has said nothing yet; `confidence` is 0 to 1.
    """

    voter: Voter
    side: NDArray[np.int8]
    confidence: Floats

    def vote(self, index: int) -> Vote:
        """Its vote after the candle at `index`; since when it says so decides nothing, and is not told."""
        side = int(self.side[index])
        if side == SILENT:
            return Vote(self.voter.name, self.voter.weight, None)
        return Vote(self.voter.name, self.voter.weight, stance_name(side), decimal_of(self.confidence[index]))


@dataclass(frozen=True, slots=True)
class Said:
    """What the voters together say, and the tag of an entry that follows it."""

    answer: Consensus
    tag: str


class Tape:
    """One pair. `ticks` are the places of its candles among the ticks of the run, ascending."""

    def __init__(
        self,
        series: CandleSeries,
        ticks: Integers,
        told: Sequence[Told],
        agree: Callable[[Sequence[Vote]], Consensus],
    ) -> None:
        self.series = series
        self.ticks: list[int] = ticks.tolist()
        self._said, place = _said(told, agree, len(series))
        self._place: list[int] = place.tolist()
        self._entries = _where(place, [said.answer.enter for said in self._said])
        self._exits = _where(place, [said.answer.leave for said in self._said])

    def __len__(self) -> int:
        return len(self.ticks)

    def index_at(self, tick: int) -> int:
        """The latest candle at a tick; -1 before the first."""
        return bisect_right(self.ticks, tick) - 1

    def said(self, index: int) -> Said:
        """What the voters say after the candle at `index`."""
        return self._said[self._place[index]]

    def next_entry(self, index: int) -> int:
        """The first candle after `index` at which the voters ask to enter; the length where there is none."""
        return self._following(self._entries, index)

    def next_touch(self, index: int, below: float, above: float) -> int:
        """The first candle after `index` at which the voters ask to leave, or whose low or high reaches these prices.

        Infinite where there is none to reach. The length where there is no such candle.
        """
        stop = self._following(self._exits, index)
        start, stretch = index + 1, _FIRST_STRETCH
        while start < stop:
            end = min(start + stretch, stop)
            found = self._reached(start, end, below, above)
            if found < end:
                return found
            start, stretch = end, min(stretch * 4, _LONGEST_STRETCH)
        return stop

    def _reached(self, start: int, end: int, below: float, above: float) -> int:
        """The first candle from `start` on that reaches a price; `end` where none before it does."""
        if below > -inf:
            lows = self.series.low[start:end] <= below
            place = int(lows.argmax())
            end = start + place if lows[place] else end
        if above < inf and start < end:
            highs = self.series.high[start:end] >= above
            place = int(highs.argmax())
            end = start + place if highs[place] else end
        return end

    def _following(self, places: list[int], index: int) -> int:
        following = bisect_right(places, index)
        return places[following] if following < len(places) else len(self)


def _said(
    told: Sequence[Told], agree: Callable[[Sequence[Vote]], Consensus], candles: int
) -> tuple[list[Said], Integers]:
    """Everything that the voters say, each once however many candles it holds, and its place for every candle."""
    begins = _beginnings(told, candles)
    columns = [(one.side[begins].tolist(), one.confidence[begins].tolist()) for one in told]
    places: dict[tuple[tuple[int, float], ...], int] = {}
    said: list[Said] = []
    found = []
    for number, begin in enumerate(begins.tolist()):
        key = tuple([(sides[number], confidences[number]) for sides, confidences in columns])
        place = places.get(key)
        if place is None:
            votes = [one.vote(begin) for one in told]
            place = places[key] = len(said)
            said.append(Said(agree(votes), entry_tag([one.voter for one in told], votes)))
        found.append(place)
    return said, np.repeat(np.array(found, dtype=np.int64), np.diff(np.append(begins, candles)))


def _beginnings(told: Sequence[Told], candles: int) -> Integers:
    """The candles at which some voter says something else than at the one before."""
    changed = np.arange(candles) == 0
    for one in told:
        changed[1:] |= (one.side[1:] != one.side[:-1]) | (one.confidence[1:] != one.confidence[:-1])
    return np.flatnonzero(changed)


def _where(place: Integers, wanted: Sequence[bool]) -> list[int]:
    """The candles at which what is said is among the wanted."""
    found: list[int] = np.flatnonzero(np.array(wanted, dtype=bool)[place]).tolist()
    return found
