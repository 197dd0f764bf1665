"""Growing pauses between attempts at what fails: each twice the one before, up to a longest one.

Each is shortened at random by up to a half, so that many who failed of one cause do not come back at one moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable

_MOST_DOUBLINGS = 30


class Backoff:
    """The pauses of one who tries, in seconds; `jitter` gives 0 to 1."""

    def __init__(self, first: float = 1.0, longest: float = 60.0, jitter: Callable[[], float] = random.random) -> None:
        self._first, self._longest, self._jitter = first, longest, jitter
        self.failures = 0

    def pause(self) -> float:
        """Seconds until the next attempt, after one more failure."""
        whole = min(self._longest, self._first * float(1 << min(self.failures, _MOST_DOUBLINGS)))
        self.failures += 1
        return whole * (0.5 + self._jitter() / 2)

    def reset(self) -> None:
        """It worked."""
        self.failures = 0
