"""What does a strategy start from? The last value of every column, by how many candles there were before it.

An exponential average never forgets its first candle, and a live bot begins with `startup_candle_count` of them. So
the same last candle is looked at with several lengths of warm-up: what differs from the longest is what would differ
between a backtest, which begins long before, and a bot that was restarted just now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tradewind.domain.errors import ConfigError
from tradewind.research.analyses.columns import RELATIVE, Role, value_at
from tradewind.research.analyses.subject import Subject

LENGTHS = (199, 399, 499, 999, 1999)
"""Lengths of warm-up, in candles, where none are asked for; one less than what exchanges give in so many calls."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """A column's last value by length of warm-up, the longest last; `differences` are ratios of that last one.

    A value is None where it is not a number. A difference is None where one of both is, and infinite from a 0.
    """

    column: str
    role: Role
    values: tuple[float | None, ...]
    differences: tuple[float | None, ...]

    def steady_from(self, lengths: Sequence[int], tolerance: float) -> int | None:
        """The shortest of `lengths` from which on it differs by no more than `tolerance`; None where it has no value.

        `tolerance` is a ratio.
        """
        steady = None
        for length, difference in zip(reversed(lengths), reversed(self.differences), strict=True):
            if difference is None or abs(difference) > tolerance:
                break
            steady = length
        return steady

    def depends(self, tolerance: float = RELATIVE) -> bool:
        """Whether any length gives another value than the longest, or none, by more than `tolerance` (a ratio)."""
        return any(difference is None or abs(difference) > tolerance for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Recursive:
    """What was found in one pair: `lengths` ascending, the last candle's open time in milliseconds UTC."""

    pair: str
    candle: int
    lengths: tuple[int, ...]
    warm_up: int
    columns: tuple[Dependence, ...]
    never: tuple[str, ...]
    """Columns that have no value at the last candle even with the longest warm-up."""


def lengths_of(subject: Subject, asked: Sequence[int]) -> tuple[int, ...]:
    """The lengths to try, ascending: those asked for, or the strategy's own and the usual ones that there are.

    Raises `ConfigError` for one that is longer than the candles, or where fewer than two are left.
    """
    most = len(subject.times) - 1
    for length in asked:
        if not 1 <= length <= most:
            allowed = f"from 1 to {most} candles before the last one of {subject.pair}"
            raise ConfigError("--startup", length, allowed, "choose a shorter one, or a longer timerange")
    usual = [length for length in LENGTHS if length <= most]
    own = [subject.warm_up] if 1 <= subject.warm_up <= most else []
    lengths = tuple(sorted(set(asked or [*own, *usual])))
    if len(lengths) < 2:
        told = f"{', '.join(map(str, lengths)) or 'no length'} ({most + 1} candles of {subject.pair})"
        raise ConfigError("--startup", told, "two lengths or more", "add --startup, or choose a longer timerange")
    return lengths


def recursive(
    subject: Subject, lengths: Sequence[int], on_length: Callable[[int], object] = lambda _count: None
) -> Recursive:
    """Ask for the last candle with each of `lengths` (ascending) before it; `on_length` hears of each."""
    last = len(subject.times) - 1
    rows: list[dict[str, tuple[Role, float | None]]] = []
    for length in lengths:
        columns = subject.begun_before(last, length)
        rows.append({name: (one.role, _number(value_at(one, -1))) for name, one in columns.items()})
        on_length(1)
    found = []
    never = []
    for name, (role, reference) in rows[-1].items():
        if role is Role.TAG:
            continue
        values = tuple(row.get(name, (role, None))[1] for row in rows)
        if reference is None:
            never.append(name)
            continue
        found.append(Dependence(name, role, values, tuple(_difference(value, reference) for value in values)))
    return Recursive(
        subject.pair, int(subject.times[last]), tuple(lengths), subject.warm_up, tuple(found), tuple(never)
    )


def _number(value: float | str | None) -> float | None:
    return value if isinstance(value, float) else None


def _difference(value: float | None, reference: float) -> float | None:
    if value is None:
        return None
    if value == reference:
        return 0.0
    return (value - reference) / abs(reference) if reference else math.copysign(math.inf, value)
