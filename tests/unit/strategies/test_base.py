"""Stances, and the memory of the latest series."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.series import CandleSeries
from tradewind.strategies.base import LatestSeries, Stances, carried, figure, warming_up


def series(pair: str = "BTC/EUR", timeframe: str = "1h") -> CandleSeries:
    return CandleSeries.of(pair, timeframe, [])


@given(side=st.lists(st.sampled_from([-1, 0, 1])))
def test_since_is_the_candle_that_began_the_stance(side: list[int]) -> None:
    """Told for every candle by walking back while the stance is the same."""
    stances = Stances.held(np.array(side, dtype=np.int8))
    for index, began in enumerate(stances.since.tolist()):
        assert len(set(side[began : index + 1])) == 1
        assert began == 0 or side[began - 1] != side[index]
    dtypes = [column.dtype.name for column in (stances.side, stances.confidence, stances.since)]
    assert dtypes == ["int8", "float64", "int64"]
    assert len(stances) == len(stances.confidence) == len(stances.since) == len(side)


def test_a_held_stance_is_certain_unless_graded() -> None:
    """Rule strategies have confidence 1; a model gives its own."""
    side = np.array([0, 1, -1])
    assert Stances.held(side).confidence.tolist() == [1.0, 1.0, 1.0]
    graded = Stances.held(side, np.array([0.0, 0.4, 1.0]))
    assert graded.confidence.tolist() == [0.0, 0.4, 1.0]
    assert [graded.name(index) for index in range(3)] == ["Flat", "Long", "Short"]


@pytest.mark.parametrize("confidence", [[0.5, np.nan], [0.5, 1.1], [-0.1, 0.5], [0.5]])
def test_a_confidence_that_is_none_is_refused(confidence: list[float]) -> None:
    """A NaN would silently drop out of every vote, a number above 1 outvote everybody."""
    with pytest.raises(ValueError, match="confidence is one number from 0 to 1"):
        Stances.held(np.array([1, 1]), np.array(confidence))


def test_a_side_that_is_none_is_refused() -> None:
    """An amount or a score is not a side."""
    with pytest.raises(ValueError, match="a side is 1"):
        Stances.held(np.array([0, 2]))


@given(marks=st.lists(st.sampled_from([-1, 0, 1])))
def test_marks_are_carried_until_the_next(marks: list[int]) -> None:
    """Zeros take the last mark before them, and stay zero where there is none."""
    expected, last = [], 0
    for mark in marks:
        last = mark or last
        expected.append(last)
    assert carried(np.array(marks, dtype=np.int8)).tolist() == expected


def test_a_series_is_computed_once_and_a_new_one_again() -> None:
    """Reasons after stances cost nothing more; a live window of the same pair is never taken for the one before."""
    count = itertools.count(1)
    latest = LatestSeries(lambda _: next(count))
    first, other, second = series(), series("ETH/EUR"), series()
    assert [latest.of(candles) for candles in (first, other, first, other, second, second)] == [1, 2, 1, 2, 3, 3]
    assert latest.of(first) == 4


def test_figures_are_readable() -> None:
    """A price of a memecoin is not shown as 1.234e-05, one of bitcoin not with twelve digits."""
    shown = [figure(value) for value in (0.00001234567, 43210.123456, 30.0, 0.0)]
    assert shown == ["0.0000123457", "43210.1", "30", "0"]
    assert warming_up(11, 49) == ("warming up: candle 12 of 49",)
