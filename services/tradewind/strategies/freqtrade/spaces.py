"""Dimensions of an optimiser's search, which strategies name in a nested class `HyperOpt`. A backtest reads none."""

from __future__ import annotations

from typing import Any


class Dimension:
    """A range or a choice, kept as it was given."""

    def __init__(self, *bounds: Any, **options: Any) -> None:
        self.bounds, self.options = bounds, options


class Integer(Dimension):
    """Whole numbers."""


class Real(Dimension):
    """Numbers."""


class SKDecimal(Dimension):
    """Numbers of so many decimals."""


class Categorical(Dimension):
    """One of several values."""
