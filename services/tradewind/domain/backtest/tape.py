"""A pair's candles with what the voters say after each, and the search for the next candle that may matter.

The search is on floats and may only err towards a candle that turns out not to matter. A price on a candle is the
float nearest to its decimal, and rounding keeps order: where the float of one price is below that of another, so is
its decimal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.consensus import Consensus, Vote, Voter, stance_name
from tradewind.domain.money import decimal_of
from tradewind.domain.series import CandleSeries, Floats, Integers

SILENT = 2
"""The side of a voter none of whose candles is complete yet."""

_FIRST_STRETCH, _LONGEST_STRETCH = 64, 4096


@dataclass(frozen=True, slots=True)
class Told:
    """What one voter says after each candle of a pair, all arrays of one length.

    `side` is 1 Long, -1 Short, 0 Flat, `SILENT` where it has said nothing yet; `confidence` is 0 to 1; `since` the open
    time of the candle at which the stance began.
    """

    voter: Voter
    side: NDArray[np.int8]
    confidence: Floats
    since: Integers

    def vote(self, index: int) -> Vote:
        """Its vote after the candle at `index`."""
        side = int(self.side[index])
        if side == SILENT:
            return Vote(self.voter.name, self.voter.weight, None)
        confidence = decimal_of(self.confidence[index])
        return Vote(self.voter.name, self.voter.weight, stance_name(side), confidence, int(self.since[index]))


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
        self.told = tuple(told)
        self.ticks: list[int] = ticks.tolist()
        enter, leave = _asked(self.told, agree, len(series))
        self.enter: list[bool] = enter.tolist()
        self.leave: list[bool] = leave.tolist()
        self._entries: list[int] = np.flatnonzero(enter).tolist()
        self._exits: list[int] = np.flatnonzero(leave).tolist()

    def __len__(self) -> int:
        return len(self.ticks)

    def index_at(self, tick: int) -> int:
        """The latest candle at a tick; -1 before the first."""
        return bisect_right(self.ticks, tick) - 1

    def votes(self, index: int) -> list[Vote]:
        """What every voter says after the candle at `index`."""
        return [one.vote(index) for one in self.told]

    def next_entry(self, index: int) -> int:
        """The first candle after `index` at which the voters ask to enter; the length where there is none."""
        return self._following(self._entries, index)

    def next_touch(self, index: int, below: Decimal | None, above: Decimal | None, high: float | None) -> int:
        """The first candle after `index` at which the voters ask to leave or that reaches one of these prices.

        `below` is reached by a low, `above` and `high` by a high. The length where there is none.
        """
        stop = self._following(self._exits, index)
        floor = float(below) if below is not None else None
        ceiling = min((float(one) for one in (above, high) if one is not None), default=None)
        start, stretch = index + 1, _FIRST_STRETCH
        while start < stop:
            end = min(start + stretch, stop)
            found = self._reached(start, end, floor, ceiling)
            if found is not None:
                return found
            start, stretch = end, min(stretch * 4, _LONGEST_STRETCH)
        return stop

    def _reached(self, start: int, end: int, floor: float | None, ceiling: float | None) -> int | None:
        found = len(self)
        if floor is not None:
            lows = self.series.low[start:end] <= floor
            place = int(lows.argmax())
            found = start + place if lows[place] else found
        if ceiling is not None:
            highs = self.series.high[start : min(end, found)] >= ceiling
            place = int(highs.argmax()) if len(highs) else 0
            found = start + place if len(highs) and highs[place] else found
        return found if found < len(self) else None

    def _following(self, places: list[int], index: int) -> int:
        following = bisect_right(places, index)
        return places[following] if following < len(places) else len(self)


def _asked(
    told: Sequence[Told], agree: Callable[[Sequence[Vote]], Consensus], candles: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """After which candles the voters ask to enter, and after which to leave.

    What they say is looked at once for each thing that they say, however many candles it holds.
    """
    if not candles:
        return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    changed = np.zeros(candles, dtype=bool)
    changed[0] = True
    for one in told:
        changed[1:] |= (one.side[1:] != one.side[:-1]) | (one.confidence[1:] != one.confidence[:-1])
    begins = np.flatnonzero(changed)
    known: dict[tuple[tuple[int, float], ...], tuple[bool, bool]] = {}
    columns = [(one.side[begins].tolist(), one.confidence[begins].tolist()) for one in told]
    answers = []
    for place, begin in enumerate(begins.tolist()):
        said = tuple((sides[place], confidences[place]) for sides, confidences in columns)
        if said not in known:
            answer = agree([one.vote(begin) for one in told])
            known[said] = answer.enter, answer.leave
        answers.append(known[said])
    lengths = np.diff(np.append(begins, candles))
    enter, leave = (np.repeat([answer[side] for answer in answers], lengths) for side in (0, 1))
    return enter, leave
