"""Shortened paths lose nothing that could be seen, and stay in their box."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.research.report.curve import WIDTH, Plane, area, band, line, spikes, stroke, unbroken

PLANE = Plane(0, 10_000, 0.0, 100.0, 200)

columns_of_values = st.lists(st.tuples(st.integers(0, 12), st.floats(-1e6, 1e6)), min_size=1, max_size=200)


def points(path: str) -> list[tuple[int, int]]:
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@given(columns_of_values)
def test_every_column_keeps_its_extremes_and_its_ends(table: list[tuple[int, float]]) -> None:
    """Lowest, highest, first and last point of each column of pixels, at most four of them, in order."""
    table.sort(key=lambda row: row[0])
    columns = np.array([column for column, _ in table])
    values = np.array([value for _, value in table])
    kept = spikes(columns, values)
    assert list(kept) == sorted(set(kept))
    for column in set(columns.tolist()):
        everything, chosen = values[columns == column], values[kept[columns[kept] == column]]
        assert (chosen.min(), chosen.max()) == (everything.min(), everything.max())
        assert (chosen[0], chosen[-1]) == (everything[0], everything[-1])
        assert len(chosen) <= 4


@given(st.lists(st.tuples(st.integers(-5_000, 20_000), st.floats(-1e3, 1e3)), max_size=50))
def test_paths_stay_in_the_box(table: list[tuple[int, float]]) -> None:
    """Whatever lies outside is drawn at the edge."""
    table.sort(key=lambda row: row[0])
    times = np.array([time for time, _ in table], dtype=np.int64)
    values = np.array([value for _, value in table], dtype=np.float64)
    for path in (line(PLANE, times, values), area(PLANE, times, values, 0.0)):
        assert all(0 <= x <= WIDTH and 0 <= y <= 2000 for x, y in points(path))
        assert bool(path) is bool(table)


def test_up_is_up_and_later_is_further_right() -> None:
    """The corners of the plane are the corners of the box."""
    assert points(line(PLANE, np.array([0, 10_000]), np.array([0.0, 100.0]))) == [(0, 2000), (WIDTH, 0)]
    assert (PLANE.percent(2_500), PLANE.pixel(75.0), PLANE.box) == (25.0, 50.0, "0 0 2000 2000")


def test_a_single_point_is_a_dot() -> None:
    """A line of one point would be invisible; a line to itself shows its round cap."""
    assert stroke(np.array([5]), np.array([7])) == "M5 7 5 7"


def test_an_area_returns_along_its_base() -> None:
    """Under the line, not to the first point."""
    path = area(PLANE, np.array([0, 10_000]), np.array([50.0, 100.0]), 0.0)
    assert points(path) == [(0, 1000), (WIDTH, 0), (WIDTH, 2000), (0, 2000)]
    assert path.endswith("Z")


@pytest.mark.parametrize("x", [0, 900, WIDTH])
def test_a_band_of_one_column_has_a_width(x: int) -> None:
    """The only candle between two gaps is not lost, at the right edge neither."""
    corners = points(band(np.array([x]), np.array([100]), np.array([300])))
    lefts = {corner[0] for corner in corners}
    assert max(lefts) - min(lefts) == 2
    assert max(lefts) <= WIDTH


def test_only_gaps_that_can_be_seen_break_a_line() -> None:
    """Candles of 10: one missing within the same column of pixels does not, forty missing do."""
    times = np.array([0, 10, 30, 40, 450])
    runs = unbroken(times, times // 25, 10)
    assert [run.tolist() for run in runs] == [[0, 1, 2, 3], [4]]
