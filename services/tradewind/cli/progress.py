"""The bar of progress on long work."""

from __future__ import annotations

import sys
from typing import Any, Self


class Progress:
    """A bar on stderr, only where stderr is a terminal; a `total` of None has no end."""

    def __init__(self, title: str, total: int | None, unit: str = "ticks", every: int = 50) -> None:
        """The bar moves `every` so many."""
        self._title, self._total, self._unit, self._every = title, total, unit, every
        self._done = self._shown = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
            from rich.progress import Progress as Bar  # noqa: PLC0415

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(self._unit),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tick(self, _time: int) -> None:
        """One more tick is decided."""
        self.reach(self._done + 1)

    def advance(self, count: int) -> None:
        """So many more are done."""
        self.reach(self._done + count)

    def reach(self, done: int) -> None:
        """So many are done."""
        self._done = done
        if self._bar is not None and done - self._shown >= self._every:
            self._shown = done
            speed = self._bar.tasks[0].speed
            self._bar.update(self._task, completed=done, rate=_rate(speed) if speed else "")


def _rate(speed: float) -> str:
    return f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s"
