"""The queue of bots to look at: each at most once in it, never by two workers at the same time.

What arrives while a bot is being looked at brings it back once afterwards. A failure brings it back after a pause that
doubles, with a jitter so that many bots that failed of one cause do not come back as one; a success forgets that.
Nothing but a change of the bot itself ends such a pause: what its children do meanwhile is seen at the end of it, and
would otherwise make a storm of each failure. Urgent ones (something changed) go before the others (a look without a
cause); patient keys, which are Backtests, are never urgent: thousands of them may come at once, and bots trade.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic

from tradewind.kernel.backoff import Backoff

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0

Work = Callable[[str], Awaitable[None]]


class WorkQueue:
    """Keys of bots, `namespace/name`, and others. `random_source` is for the jitter alone."""

    def __init__(
        self, random_source: random.Random | None = None, patient: Callable[[str], bool] = lambda _key: False
    ) -> None:
        self._patient = patient
        self._random = random_source or random.Random()  # noqa: S311 - a jitter, no secret
        self._urgent: OrderedDict[str, None] = OrderedDict()
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, float] = {}
        """Keys in the queue, with the time since which they wait."""
        self._working: set[str] = set()
        self._again: dict[str, tuple[bool, bool]] = {}
        """Keys that came while they were worked on: whether it was urgent, and whether it ends a pause."""
        self._later: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        self._failures: dict[str, Backoff] = {}
        self._pausing: set[str] = set()
        """Keys that failed and whose pause is not over."""
        self._arrived = asyncio.Event()
        self.on_wait: Callable[[float], None] = lambda _seconds: None
        """Told how long a key waited."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """How many are being worked on."""
        return len(self._working)

    def add(self, key: str, *, urgent: bool = True, changed: bool = False) -> None:
        """Look at `key` as soon as possible; after a failure at the end of its pause, unless the bot was `changed`."""
        urgent = urgent and not self._patient(key)
        if key in self._working:
            before = self._again.get(key, (False, False))
            self._again[key] = (before[0] or urgent, before[1] or changed)
            return
        if key in self._pausing:
            if not changed:
                return
            self.forget(key)
        if key in self._waiting:
            if urgent and key in self._idle:
                del self._idle[key]
                self._urgent[key] = None
            return
        self._waiting[key] = monotonic()
        (self._urgent if urgent else self._idle)[key] = None
        self._arrived.set()

    def add_after(self, key: str, seconds: float) -> None:
        """Look at `key` in a while, at the latest; an earlier appointment stays."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        if key in self._later:
            earlier, handle = self._later[key]
            if earlier <= due:
                return
            handle.cancel()
        self._later[key] = (due, loop.call_at(due, self._come, key))

    def failed(self, key: str, at_least: float | None = None) -> float:
        """Bring `key` back after its pause, and no sooner than `at_least` seconds; the pause."""
        if key not in self._failures:
            self._failures[key] = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._random.random)
        pause = max(self._failures[key].pause(), at_least or 0.0)
        self._cancel(key)
        self.add_after(key, pause)
        self._pausing.add(key)
        return pause

    def failures(self, key: str) -> int:
        """How often `key` has failed since it last succeeded."""
        known = self._failures.get(key)
        return known.failures if known is not None else 0

    def succeeded(self, key: str) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)
        self._pausing.discard(key)

    def forget(self, key: str) -> None:
        """Nothing is known of `key` any more."""
        self._failures.pop(key, None)
        self._pausing.discard(key)
        self._cancel(key)

    async def run(self, work: Work) -> None:
        """One worker: takes keys until it is cancelled. `work` must not raise."""
        while True:
            key = await self._take()
            try:
                await work(key)
            finally:
                self._working.discard(key)
                if (again := self._again.pop(key, None)) is not None:
                    self.add(key, urgent=again[0], changed=again[1])

    def close(self) -> None:
        """Drop every appointment."""
        for _, handle in self._later.values():
            handle.cancel()
        self._later.clear()

    def _cancel(self, key: str) -> None:
        if (later := self._later.pop(key, None)) is not None:
            later[1].cancel()

    def _come(self, key: str) -> None:
        self._later.pop(key, None)
        self._pausing.discard(key)
        self.add(key)

    async def _take(self) -> str:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        key, _ = (self._urgent or self._idle).popitem(last=False)
        self.on_wait(monotonic() - self._waiting.pop(key))
        self._working.add(key)
        return key
