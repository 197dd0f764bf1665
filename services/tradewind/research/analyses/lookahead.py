"""Does a strategy look ahead? Cut later candles away, and see whether what it said of earlier ones stays.

What depends on nothing but candles that have closed is the same however many follow. So for a number of moments the
strategy is asked again with what was known then (of other pairs and timeframes too), and all its rows up to there are
compared with those that it makes of everything. The moments are spread over the candles, and over those on which a
signal begins, where a peek has its consequence, or is about to begin or over, where one may have been filtered by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.errors import ConfigError
from tradewind.research.analyses.columns import Column, Columns, Role, differing, value_at
from tradewind.research.analyses.subject import Subject

_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """A candle of which something else was said once more was known. Times in milliseconds UTC, by opening.

    `known` is the last candle that was known when `value` was said; `later` is what is said with all candles.
    """

    candle: int
    known: int
    value: float | str | None
    later: float | str | None


@dataclass(frozen=True, slots=True)
class Bias:
    """A column that looks ahead: at how many moments it showed, how many candles ahead at least, where first."""

    pair: str
    column: str
    role: Role
    moments: int
    ahead: int
    first: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Lookahead:
    """What was found in one pair: `columns` were compared at `moments`, `candles` in all."""

    pair: str
    candles: int
    moments: int
    columns: tuple[str, ...]
    biases: tuple[Bias, ...]


@dataclass(slots=True)
class _Found:
    """What a column did so far."""

    role: Role
    moments: int = 0
    ahead: int = 0
    faults: list[Fault] = field(default_factory=list)


def lookahead(subject: Subject, moments: int, on_moment: Callable[[int], object] = lambda _count: None) -> Lookahead:
    """Ask at `moments` moments spread evenly and as many at, before and after signals; `on_moment` hears of each.

    Raises `ConfigError` where there are too few candles, or for a strategy that says two things of the same candles.
    """
    whole = subject.all()
    _check_steady(subject, whole)
    count = len(subject.times)
    first = max(subject.warm_up, subject.earliest, count // 20, 1)
    if first >= count:
        allowed = f"more than {first} candles of {subject.pair}, which are its warm-up"
        raise ConfigError("timerange", f"{count} candles", allowed, "choose a longer one")
    found: dict[str, _Found] = {}
    chosen = _moments(whole, first, count, moments)
    for known in chosen:
        _compare(subject.times.tolist(), whole, subject.known_after(known), known, found)
        on_moment(1)
    biases = [_bias(subject.pair, name, one) for name, one in found.items()]
    ranked = sorted(biases, key=lambda bias: list(Role).index(bias.role))
    return Lookahead(subject.pair, count, len(chosen), tuple(whole), tuple(ranked))


def _moments(whole: Columns, first: int, count: int, wanted: int) -> list[int]:
    """How many candles are known at each moment, from `first` to one fewer than there are, ascending."""
    chosen = set(_spread(range(first, count), wanted))
    for column in whole.values():
        if column.role is Role.SIGNAL:
            change = np.diff((column.values != 0).astype(np.int8), prepend=np.int8(0))
            begins, ends = np.flatnonzero(change > 0), np.flatnonzero(change < 0)
            for moments in (begins + 1, begins, ends + 1):
                chosen |= set(_spread([known for known in moments.tolist() if first <= known < count], wanted))
    return sorted(chosen)


def _spread(values: Iterable[int], wanted: int) -> list[int]:
    """At most `wanted` of `values`, evenly, the first and the last among them."""
    have = list(values)
    places = np.linspace(0, len(have) - 1, min(wanted, len(have))).round().astype(int)
    return [have[place] for place in places.tolist()]


def _check_steady(subject: Subject, whole: Columns) -> None:
    again = subject.all()
    unlike = [name for name, column in whole.items() if _rows(column, again.get(name)).any()]
    if unlike:
        told = f"other values of {', '.join(unlike)} each time it is asked about {subject.pair}"
        raise ConfigError("strategy", told, "the same of the same candles", "seed its random numbers")


def _compare(times: list[int], whole: Columns, cut: Columns, known: int, found: dict[str, _Found]) -> None:
    for name, column in {**cut, **whole}.items():
        complete = whole.get(name)
        shortened = None if complete is None else Column(complete.role, complete.values[:known])
        rows = np.flatnonzero(_rows(cut.get(name), shortened))
        if not len(rows):
            continue
        one = found.setdefault(name, _Found(column.role))
        one.moments += 1
        one.ahead = max(one.ahead, known - int(rows[0]))
        one.faults += [
            Fault(times[row], times[known - 1], value_at(cut.get(name), row), value_at(shortened, row))
            for row in rows[:_MOST_TOLD].tolist()
        ]


def _rows(one: Column | None, other: Column | None) -> NDArray[np.bool_]:
    """Where two columns differ; everywhere, if one of them is not there."""
    if one is None or other is None:
        there = one or other
        return np.ones(0 if there is None else len(there.values), dtype=bool)
    return differing(one.values, other.values)


def _bias(pair: str, name: str, found: _Found) -> Bias:
    earliest = {fault.candle: fault for fault in sorted(found.faults, key=lambda one: (one.candle, -one.known))}
    first = tuple(earliest.values())[:_MOST_TOLD]
    return Bias(pair, name, found.role, found.moments, found.ahead, first)
