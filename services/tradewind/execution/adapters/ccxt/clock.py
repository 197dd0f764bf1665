"""The venue's clock: how far ours is from it, and how far off that measure may be.

A request is signed with the venue's time as we reckon it. What is left of error adds to the time for which a create
that nobody saw may still be accepted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

DRIFT = 1.0
"""Seconds that two clocks may drift apart between two measures."""


class VenueClock:
    """Measures the venue's clock and has the client sign by it. `now` gives wall clock seconds."""

    def __init__(self, client: Any, now: Callable[[], float] = time.time) -> None:
        self._client, self._now = client, now
        self.offset = 0.0
        self.uncertainty = 0.0

    @property
    def allowance(self) -> float:
        """Seconds by which the venue's clock may differ from what we reckon."""
        return self.uncertainty + DRIFT

    async def measure(self) -> None:
        """Ask the venue's time; the answer was true somewhere between question and answer."""
        before = self._now()
        told = await self._client.fetch_time()
        after = self._now()
        if told is None:
            raise ValueError(f"{self._client.id} does not tell its time")
        self.uncertainty = max(0.0, (after - before) / 2)
        self.offset = (before + after) / 2 - int(told) / 1000
        self._client.options["timeDifference"] = round(self.offset * 1000)
