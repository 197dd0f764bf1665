"""What has been taken of a budget: counts in sliding windows, and the pause that an exchange asked for.

`Counts` is the port; `OwnCounts` keeps it in the memory of a process, `shared_counts` in Redis, by the same rules:

- A window's count is that of the present stretch of its length plus what of the stretch before still lies inside it,
  as if that had been spread evenly.
- What finds room is counted; what does not is told how long to wait, and not counted. What costs more than it may fill
  of a window finds room once that is empty.
- A vital need is counted with or without room.
- A pause whose end the exchange named stops everybody. One of which nobody knows the length (it is guessed) stops all
  but what is vital.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tradewind.kernel.venue_limits import Window

SHORTEST_WAIT = 0.001
"""Seconds; what is taken waits none, so what is not waits some."""


def loop_time() -> float:
    """The seconds of the running event loop."""
    return asyncio.get_running_loop().time()


class Taken(NamedTuple):
    """`wait` seconds until there is room, 0 where it was taken; `used` of each window, with it.

    `pause` is how long nothing may be asked; then `wait` is at least that, and nothing was taken.
    """

    wait: float
    pause: float
    used: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """`cost` in each of the `windows`, that may be filled up to `share` of their limits."""

    windows: tuple[Window, ...]
    cost: float
    share: float = 1.0
    vital: bool = False

    def allowed(self, window: Window) -> float:
        """How far it may fill a window."""
        return max(window.limit * self.share, self.cost)


@dataclass(frozen=True, slots=True)
class Told:
    """What an exchange said: `used` by the windows' places, and for how many seconds it wants to hear nothing.

    Where it did not say for how long, the pause is `guessed`.
    """

    used: tuple[float | None, ...] = ()
    pause: float = 0.0
    guessed: bool = False

    @property
    def says_something(self) -> bool:
        """Whether anything was said."""
        return self.pause > 0 or any(used is not None for used in self.used)


class Counts(Protocol):
    """Where it is counted; `key` names a budget. Never raises, and never takes longer than a fraction of a second."""

    async def take(self, key: str, need: Need) -> Taken:
        """Count `need` if there is room."""
        ...

    async def correct(self, key: str, windows: Sequence[Window], told: Told) -> None:
        """Count at least as much as the exchange does, and pause until it wants to be asked again."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(slots=True)
class _Stretch:
    """The count of the stretch `number` of a window, and of the one before."""

    number: int = -1
    count: float = 0.0
    before: float = 0.0

    def move(self, number: int) -> None:
        if number != self.number:
            self.before = self.count if number == self.number + 1 else 0.0
            self.number, self.count = number, 0.0


@dataclass(slots=True)
class _Budget:
    stretches: dict[Window, _Stretch] = field(default_factory=dict)
    named: float = 0.0
    guessed: float = 0.0


class OwnCounts:
    """Counts of this process alone. `now` gives seconds that only grow."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._budgets: dict[str, _Budget] = {}

    async def take(self, key: str, need: Need) -> Taken:
        """Count `need` if there is room."""
        return self.count(key, need)

    async def correct(self, key: str, windows: Sequence[Window], told: Told) -> None:
        """Count at least as much as the exchange does, and pause until it wants to be asked again."""
        self.hear(key, windows, told)

    async def close(self) -> None:
        """Nothing is open."""

    def count(self, key: str, need: Need) -> Taken:
        """As `take`."""
        now, budget = self._now(), self._budgets.setdefault(key, _Budget())
        pause = max(budget.named - now, 0.0 if need.vital else budget.guessed - now, 0.0)
        stretches = [(window, _at(budget, window, now)) for window in need.windows]
        wait = pause
        if not need.vital:
            wait = max([pause, *(_wait(one, window, need, now) for window, one in stretches)])
        if wait <= 0:
            for _, one in stretches:
                one.count += need.cost
        return Taken(wait, pause, tuple(_used(one, window, now) for window, one in stretches))

    def hear(self, key: str, windows: Sequence[Window], told: Told) -> None:
        """As `correct`."""
        now, budget = self._now(), self._budgets.setdefault(key, _Budget())
        for window, used in zip(windows, told.used, strict=False):
            one = _at(budget, window, now)
            one.count = max(one.count, used or 0.0)
        if told.guessed:
            budget.guessed = max(budget.guessed, now + told.pause)
        elif told.pause:
            budget.named = max(budget.named, now + told.pause)


def _at(budget: _Budget, window: Window, now: float) -> _Stretch:
    one = budget.stretches.setdefault(window, _Stretch())
    one.move(int(now // window.seconds))
    return one


def _used(one: _Stretch, window: Window, now: float) -> float:
    return one.count + one.before * (1 - now % window.seconds / window.seconds)


def _wait(one: _Stretch, window: Window, need: Need, now: float) -> float:
    """Seconds until the need finds room, if nobody else takes anything."""
    room, passed = need.allowed(window) - need.cost, now % window.seconds
    if _used(one, window, now) <= room:
        return 0.0
    if one.count <= room:
        wait = window.seconds * (1 - (room - one.count) / one.before) - passed
    else:
        wait = window.seconds - passed + window.seconds * (1 - room / one.count)
    return max(wait, SHORTEST_WAIT)
