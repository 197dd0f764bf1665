"""A limit on requests: at most so many in any stretch of time, counted exactly, for each caller by itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST_CALLERS = 4096


class SlidingWindow:
    """Admits `limit` requests of a caller in any `seconds`. One that is refused is not counted.

    Callers are remembered while they have requests in the window, 4096 at most: then the one that was silent longest
    is forgotten, so that a flood of addresses costs no memory.
    """

    def __init__(self, limit: int, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._seconds, self._clock = limit, seconds, clock
        self._callers: dict[str, deque[float]] = {}

    def take(self, caller: str) -> float:
        """0 when the request is admitted, else the seconds until one would be."""
        now = self._clock()
        times = self._callers.pop(caller, None) or deque()
        while times and times[0] <= now - self._seconds:
            times.popleft()
        self._callers[caller] = times  # the latest to ask stands last
        if len(self._callers) > MOST_CALLERS:
            del self._callers[next(iter(self._callers))]
        if len(times) >= self._limit:
            return times[0] + self._seconds - now
        times.append(now)
        return 0.0
