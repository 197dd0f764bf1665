"""Ticks out of the streams of an exchange: which candles go out together, and how long one waits for another.

Every stream delivers its candles in order and each once, but no two at the same moment. A tick is whole when every
pair has told its candle, or a later one, which says that there is none. It goes without the pairs that keep it
waiting for too long; what they tell later of that tick is a gap, as it would be in a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tradewind.domain.candle import Candle

GRACE = 20.0
"""Seconds for which the first candle of a tick waits for the others.

A candle that nothing follows is taken as closed ten seconds after its end, and asked for up to seventeen seconds after
it (`adapters.ccxt.candle_stream`): with less, the quiet pairs of an exchange would have gaps that it does not have.
"""

PATIENCE = 90.0
"""The same for pairs whose stream is known to be broken: longer than the longest pause between attempts to mend it."""


class Gathered(NamedTuple):
    """A tick to be sent: the open time of its candles, and these by pair."""

    time: int
    candles: dict[str, Candle]


class Gathering:
    """The candles of `pairs` that wait to go out; nothing opened before `since` (milliseconds UTC) is one of them.

    `broken` says whether a pair's stream is known not to deliver. Moments are seconds of any one clock.
    """

    def __init__(self, pairs: Iterable[str], since: int, broken: Callable[[str], bool]) -> None:
        self._pairs, self._since, self._broken = tuple(pairs), since, broken
        self._waiting: dict[int, dict[str, Candle]] = {}
        self._arrived: dict[int, float] = {}
        self._reached = dict.fromkeys(self._pairs, since - 1)

    def take(self, pair: str, candles: Sequence[Candle], now: float) -> list[Candle]:
        """Candles of a pair, ascending, told at `now`; returns those whose tick has gone out without them."""
        late = []
        for candle in candles:
            self._reached[pair] = max(self._reached[pair], candle.open_time)
            if candle.open_time < self._since:
                late.append(candle)
            else:
                self._waiting.setdefault(candle.open_time, {})[pair] = candle
                self._arrived.setdefault(candle.open_time, now)
        return late

    def gone_on(self, time: int) -> bool:
        """Whether a candle that opened after `time` is known: what is decided on the tick `time` now comes too late."""
        return max(self._reached.values()) > time

    def due(self) -> float | None:
        """The moment at which the next tick goes out in any case; None while there is no candle of one."""
        if not self._waiting:
            return None
        time = min(self._waiting)
        missing = [pair for pair in self._pairs if self._reached[pair] < time]
        if not missing:
            return self._arrived[time]
        return self._arrived[time] + max(PATIENCE if self._broken(pair) else GRACE for pair in missing)

    def next(self, now: float) -> Gathered | None:
        """The next tick, when it is due at `now`."""
        due = self.due()
        if due is None or due > now:
            return None
        time = min(self._waiting)
        self._since = time + 1
        del self._arrived[time]
        found = self._waiting.pop(time)
        return Gathered(time, {pair: found[pair] for pair in self._pairs if pair in found})
