"""Long series as short paths: what can be seen of a hundred thousand points on a thousand columns of pixels.

A column is drawn from its lowest to its highest value, so the spike of one minute in a year stays visible, which
taking every n-th point or an average would lose. Coordinates are whole numbers in a box of `WIDTH` by ten times the
height in pixels, and the browser stretches that box to the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.series import Floats, Integers

WIDTH = 2000
"""Units of a drawing box from left to right."""

_COLUMN = 2
_UNITS_PER_PIXEL = 10


@dataclass(frozen=True, slots=True)
class Plane:
    """Time (ms, left to right) and value (upward) on a panel of `height` pixels and any width."""

    start: int
    end: int
    low: float
    high: float
    height: int

    @property
    def box(self) -> str:
        """The `viewBox` in which `x` and `y` count."""
        return f"0 0 {WIDTH} {self.height * _UNITS_PER_PIXEL}"

    def x(self, times: Integers | Sequence[int]) -> Integers:
        """Units from the left, cut off at the edges."""
        shares = (np.asarray(times, dtype=np.float64) - self.start) / (self.end - self.start)
        return np.rint(np.clip(shares, 0.0, 1.0) * WIDTH).astype(np.int64)

    def y(self, values: Floats | Sequence[float]) -> Integers:
        """Units from the top, cut off at the edges."""
        shares = (self.high - np.asarray(values, dtype=np.float64)) / (self.high - self.low)
        return np.rint(np.clip(shares, 0.0, 1.0) * self.height * _UNITS_PER_PIXEL).astype(np.int64)

    def columns(self, times: Integers) -> Integers:
        """The column of pixels each of `times` falls into."""
        return self.x(times) // _COLUMN

    def percent(self, time: int) -> float:
        """Where `time` is, in percent of the width."""
        return round(min(max((time - self.start) / (self.end - self.start), 0.0), 1.0) * 100, 2)

    def pixel(self, value: float) -> float:
        """Where `value` is, in pixels from the top."""
        return round(min(max((self.high - value) / (self.high - self.low), 0.0), 1.0) * self.height, 1)


def column_starts(columns: Integers) -> Integers:
    """Index of the first point of each column; `columns` ascend."""
    return np.flatnonzero(np.diff(columns, prepend=-1)).astype(np.int64)


def spikes(columns: Integers, values: Floats) -> Integers:
    """Indexes of the first, lowest, highest and last point of each column, ascending; `columns` ascend."""
    if not len(columns):
        return columns
    starts = column_starts(columns)
    lasts = np.append(starts[1:], len(columns)) - 1
    by_value = np.lexsort((values, columns))
    return np.unique(np.concatenate([starts, lasts, by_value[starts], by_value[lasts]]))


def line(plane: Plane, times: Integers, values: Floats) -> str:
    """Path data of a line through the points; what no pixel could show is left out."""
    kept = spikes(plane.columns(times), values)
    return stroke(plane.x(times[kept]), plane.y(values[kept]))


def stroke(xs: Integers, ys: Integers) -> str:
    """Path data through the points; one point alone is a line of no length, which a round cap turns into a dot."""
    points = [f"{x} {y}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    return "M" + " ".join(points if len(points) != 1 else points * 2) if points else ""


def area(plane: Plane, times: Integers, values: Floats, base: float) -> str:
    """Path data of the surface between the line through the points and `base`."""
    if not len(times):
        return ""
    kept = spikes(plane.columns(times), values)
    xs, floor = plane.x(times[kept]), int(plane.y([base])[0])
    return f"{stroke(xs, plane.y(values[kept]))} {xs[-1]} {floor} {xs[0]} {floor}Z"


def band(xs: Integers, tops: Integers, bottoms: Integers) -> str:
    """Path data of the surface between two lines over the same `xs`; a single column is one column wide."""
    if len(xs) == 1:
        left = min(int(xs[0]), WIDTH - _COLUMN)
        xs, tops, bottoms = np.array([left, left + _COLUMN]), tops.repeat(2), bottoms.repeat(2)
    return f"{stroke(np.append(xs, xs[::-1]), np.append(tops, bottoms[::-1]))}Z"


def unbroken(times: Integers, columns: Integers, interval: int) -> list[NDArray[np.int64]]:
    """Indexes of the runs of candles without a gap that could be seen; `columns` are those of `times`."""
    gaps = (np.diff(times) > interval * 1.5) & (np.diff(columns) >= 2)
    return np.split(np.arange(len(times), dtype=np.int64), np.flatnonzero(gaps) + 1)
