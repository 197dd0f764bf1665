"""Since when the API server has been in reach: what tells a deaf part of this process from a server that is gone.

A restart mends a watch that hears nothing while others are answered. It mends nothing where nobody is: all operators of
an installation would end at once, know nothing when the server comes back, and leave their bots alone for longer.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

GAP = 60.0
"""Seconds without any answer after which the server was out of reach; the Lease is asked for every few."""


class Reach:
    """Told of every answer that shows a server at work; `clock` gives seconds and never jumps."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._since = self._last = clock()

    def answered(self) -> None:
        """The server has answered somebody."""
        now = self._clock()
        if now - self._last > GAP:
            self._since = now
        self._last = now

    def unheard(self, heard: float) -> float:
        """For how many seconds the server has answered others since somebody has heard of it, at `heard`.

        Time before it came back does not count: who lost it then needs a moment to find it again.
        """
        return max(0.0, self._last - max(heard, self._since))
