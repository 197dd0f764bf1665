"""What a strategy says of its candles, as columns of one length, and where two of them differ.

Indicators of the same candles are the same to the last bits only: some are summed in another order when there are more
of them. So numbers are alike within `RELATIVE`, and a value that is missing is like another that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

RELATIVE = 1e-9
"""Differences of numbers, as a ratio of the larger, that are none."""

_OF_SCALE = 1e-12
"""The same, as a ratio of the largest number of the column: what is left where much has canceled out."""


class Role(StrEnum):
    """What a column is for."""

    SIGNAL = "signal"
    TAG = "tag"
    INDICATOR = "indicator"


@dataclass(frozen=True, slots=True)
class Column:
    """One value for each candle: numbers as float64, NaN where there is none; texts as objects, None where none is."""

    role: Role
    values: NDArray[Any]


Columns = Mapping[str, Column]


def differing(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns of one length are not alike; shape of both."""
    if one.dtype == np.float64 and other.dtype == np.float64:
        both_missing = np.isnan(one) & np.isnan(other)
        finite = np.abs(other[np.isfinite(other)])
        scale = float(finite.max()) if len(finite) else 0.0
        with np.errstate(invalid="ignore"):
            far = np.abs(one - other) > RELATIVE * np.maximum(np.abs(one), np.abs(other)) + _OF_SCALE * scale
        unlike: NDArray[np.bool_] = (one != other) & ~both_missing & (far | (np.isnan(one) != np.isnan(other)))
        infinite = np.isinf(one) | np.isinf(other)
        return np.where(infinite, one != other, unlike)
    return np.asarray(one != other, dtype=bool)


def value_at(column: Column | None, row: int) -> float | str | None:
    """The value of a row for people and documents: a number, a text, or None where there is none."""
    if column is None:
        return None
    value = column.values[row]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None if np.isnan(value) else str(value)
    return None if value is None else str(value)
