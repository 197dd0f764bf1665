"""Parameters that an optimiser may vary: `IntParameter` and its kin. Outside of one, they answer one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class BaseParameter:
    """A named value of a strategy; `space` is `buy`, `sell`, `protection` or one of the strategy's own.

    `heard`, where it is set, is told the name of a parameter whose value is read.
    """

    heard: Callable[[str], None] | None = None

    def __init__(
        self, *, default: Any, space: str | None = None, optimize: bool = True, load: bool = True, **_options: Any
    ) -> None:
        """`load=False` keeps the default whatever a parameter file says."""
        self.default = self.value = default
        self.space = self.category = space
        self.optimize, self.load = optimize, load
        self.name = ""
        self.in_space = False

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        if self.space is None:
            prefix = name.partition("_")[0]
            self.space = self.category = prefix if prefix in {"buy", "sell", "enter", "exit", "protection"} else None

    @property
    def value(self) -> Any:
        """What the strategy trades by."""
        if self.heard is not None:
            self.heard(self.name)
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value

    def accept(self, value: Any) -> None:
        """Take a value from a parameter file."""
        self.value = value

    @property
    def range(self) -> Sequence[Any]:
        """The values that an optimiser would try; outside of one, the value alone."""
        return self._tried() if self.in_space else [self.value]

    def _tried(self) -> Sequence[Any]:
        return [self.value]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class NumericParameter(BaseParameter):
    """A number from `low` to `high`, both included."""

    def __init__(self, low: Any, high: Any = None, *, default: Any, **options: Any) -> None:
        """The bounds may also be given as one pair, `low`."""
        if isinstance(low, Sequence) == (high is not None):
            raise ValueError(f"{type(self).__name__} takes low and high, or one pair of them")
        self.low, self.high = (low[0], low[1]) if high is None else (low, high)
        super().__init__(default=default, **options)


class IntParameter(NumericParameter):
    """A whole number."""

    def _tried(self) -> Sequence[int]:
        return range(self.low, self.high + 1)


class RealParameter(NumericParameter):
    """A number of any precision."""


class DecimalParameter(NumericParameter):
    """A number with at most `decimals` decimals."""

    def __init__(self, low: Any, high: Any = None, *, default: float, decimals: int = 3, **options: Any) -> None:
        """`default` is rounded to `decimals`."""
        self.decimals = decimals
        super().__init__(low, high, default=round(default, decimals), **options)

    def accept(self, value: Any) -> None:
        """Take a value from a parameter file, rounded."""
        self.value = round(value, self.decimals)

    def _tried(self) -> Sequence[float]:
        unit = 10**self.decimals
        return [number / unit for number in range(round(self.low * unit), round(self.high * unit) + 1)]


class CategoricalParameter(BaseParameter):
    """One of `categories`."""

    def __init__(self, categories: Sequence[Any], *, default: Any = None, **options: Any) -> None:
        """Without a default it is the first category."""
        if len(categories) < 2:
            raise ValueError(f"{type(self).__name__} takes at least two categories")
        self.categories = self.opt_range = list(categories)
        super().__init__(default=categories[0] if default is None else default, **options)

    def _tried(self) -> Sequence[Any]:
        return list(self.categories)


class BooleanParameter(CategoricalParameter):
    """True or False."""

    def __init__(self, *, default: Any = None, **options: Any) -> None:
        """Without a default it is True."""
        super().__init__([True, False], default=default, **options)
