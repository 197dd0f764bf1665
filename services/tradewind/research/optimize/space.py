"""What may be varied: dimensions, each with the values that it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradewind.domain.money import decimal_of, plain


@dataclass(frozen=True, slots=True)
class Steps:
    """`count` numbers from `low` on, each `step` above the one before. Whole ones are ints, others floats."""

    low: Decimal
    step: Decimal
    count: int

    @classmethod
    def between(cls, low: Decimal, high: Decimal, step: Decimal) -> Steps:
        """From `low` to `high`, or as near below it as steps lead."""
        return cls(low, step, int((high - low) / step) + 1)

    @classmethod
    def rounded(cls, low: float, high: float, decimals: int) -> Steps:
        """All numbers of so many decimals from `low` to `high`, both rounded to them."""
        step = Decimal(1).scaleb(-decimals)
        return cls.between(decimal_of(low).quantize(step), decimal_of(high).quantize(step), step)

    @property
    def high(self) -> Decimal:
        """The last number."""
        return self.low + self.step * (self.count - 1)

    @property
    def whole(self) -> bool:
        """Whether all are whole numbers."""
        return self.low == self.low.to_integral_value() and self.step == self.step.to_integral_value()

    def at(self, place: int) -> int | float:
        """The number at `place`, from 0."""
        value = self.low + self.step * place
        return int(value) if self.whole else float(value)

    def nearest(self, value: float) -> int | float:
        """The number next to `value`, which is off by what floats are."""
        return self.at(round((decimal_of(value) - self.low) / self.step))

    def __str__(self) -> str:
        return f"{plain(self.low)} to {plain(self.high)} by {plain(self.step)}"


@dataclass(frozen=True, slots=True)
class Span:
    """Any number from `low` to `high`."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `values`, which are told apart by their places."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(map(repr, self.values))}"


Dimension = Steps | Span | Choice
Space = Mapping[str, Dimension]
"""Dimensions by name, in the order in which they are told."""

Values = Mapping[str, Any]
"""A value for each dimension, by name."""


def size(space: Space) -> int | None:
    """How many sets of values there are; None where they cannot be counted."""
    found = 1
    for dimension in space.values():
        if isinstance(dimension, Span):
            return None
        found *= dimension.count if isinstance(dimension, Steps) else len(dimension.values)
    return found


def numbered(space: Space, number: int) -> dict[str, Any]:
    """The set of that number, from 0, in the order of an odometer; for a space that can be counted."""
    found: dict[str, Any] = {}
    for name, dimension in reversed(list(space.items())):
        assert not isinstance(dimension, Span), "nobody counts the numbers of a span"
        count = dimension.count if isinstance(dimension, Steps) else len(dimension.values)
        number, place = divmod(number, count)
        found[name] = dimension.at(place) if isinstance(dimension, Steps) else dimension.values[place]
    return {name: found[name] for name in space}
