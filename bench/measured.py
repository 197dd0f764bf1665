"""What was measured beside what was to be reached: the table that a bench prints, and how it ends.

The two sides of a ratio are measured in one run, in turns, so that a machine that is busy is busy for both. The ratio
is the median of the ratios of the turns; each side alone is shown by its best turn, because noise only ever slows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured. Without a goal it is there to be looked at; `at_most` says that less is better."""

    name: str
    value: float
    unit: str = ""
    goal: float | None = None
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is as good as it has to be."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True, slots=True)
class Sides:
    """What one turn after the other measured of ours and of the bare one, both as a rate: more is better."""

    ours: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Ours as a part of the bare one."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.ours, self.bare, strict=True))


async def in_turns(rounds: int, ours: Callable[[], Awaitable[float]], bare: Callable[[], Awaitable[float]]) -> Sides:
    """Measure both sides `rounds` times; who begins changes, and a first turn of each is for warming up."""
    await ours()
    await bare()
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        for side, found in ((ours, mine), (bare, theirs))[:: 1 if number % 2 else -1]:
            found.append(await side())
    return Sides(tuple(mine), tuple(theirs))


def sides(name: str, unit: str, found: Sides, goal: float) -> list[Figure]:
    """The three lines of a ratio."""
    return [
        Figure(f"{name}: ours", max(found.ours), unit),
        Figure(f"{name}: bare", max(found.bare), unit),
        Figure(f"{name}: ratio", found.ratio, "", goal),
    ]


def options(description: str | None) -> argparse.ArgumentParser:
    """What every bench understands."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    return parser


def on_one_core() -> None:
    """Stay on one core from here on: what is measured is told for each."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def report(title: str, figures: Sequence[Figure], output: str) -> int:
    """Print it; the exit code: 1 where a goal was not reached."""
    if output == "json":
        print(json.dumps({"title": title, "machine": machine(), "figures": [_plain(one) for one in figures]}))
    else:
        print("\n".join([title, *_lines(figures), f"  {machine()}"]))
    missed = [one.name for one in figures if not one.reached]
    if missed:
        print(f"error: not reached: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def machine() -> str:
    """Where it was measured."""
    load = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def _lines(figures: Sequence[Figure]) -> Iterator[str]:
    width = max(len(one.name) for one in figures)
    for one in figures:
        line = f"  {one.name:<{width}}  {_text(one.value):>10} {one.unit}"
        if one.goal is not None:
            way, end = "at most" if one.at_most else "at least", "reached" if one.reached else "NOT REACHED"
            line = f"{line:<{width + 26}}  {way} {_text(one.goal)}: {end}"
        yield line.rstrip()


def _text(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}" if abs(number) >= 10 else f"{number:.2f}"


def _plain(one: Figure) -> dict[str, Any]:
    return {"name": one.name, "value": one.value, "unit": one.unit, "goal": one.goal, "reached": one.reached}
