"""What the voters say after each candle, and which candle may matter next."""

from __future__ import annotations

from decimal import Decimal
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.backtest.market import rules, series_of, told

from tradewind.domain.backtest.tape import Tape
from tradewind.domain.consensus import Voter
from tradewind.domain.decision import answer_of

D = Decimal
RULES = rules().decision


def tape(closes, *words):
    series = series_of(closes)
    return Tape(series, np.arange(len(series)), words, lambda votes: answer_of(votes, RULES))


def test_an_entry_is_asked_for_where_the_voters_agree():
    """From a candle on, not at it; where there is no other, beyond the end."""
    made = tape([100] * 6, told("..LL.L"))

    assert [2, 3, 5, 6] == [made.next_entry(index) for index in (-1, 2, 3, 5)]
    assert made.said(2).answer.enter
    assert "cross" == made.said(2).tag


def test_voters_that_have_not_spoken_block_entries_and_cause_no_exit():
    """As in a decision."""
    other = told("??LLL.", Voter("slow", "4h", D(1)))
    made = tape([100] * 6, told("LLLLL."), other)

    assert 2 == made.next_entry(-1)
    assert ["slow/4h"] == list(made.said(0).answer.missing)
    assert 5 == made.next_touch(0, -inf, inf)
    assert "cross+slow" == made.said(3).tag


def test_what_is_said_is_worked_out_once_for_all_its_candles():
    """However often they come back to it; another confidence is another thing."""
    asked = []
    series = series_of([100] * 6)
    words = told("L.L.L.")
    words.confidence[4] = 0.5
    Tape(series, np.arange(6), [words], lambda votes: asked.append(votes) or answer_of(votes, RULES))

    assert 3 == len(asked)


def test_a_touch_is_the_first_candle_that_reaches_a_price():
    """Lows reach down, highs reach up, and the voters may be quicker."""
    made = tape([100, 99, 98, 104, 97, 108, 90], told("LLLLLL."))

    assert 2 == made.next_touch(0, 98, inf)
    assert 3 == made.next_touch(0, -inf, 103)
    assert 5 == made.next_touch(0, -inf, 107)
    assert 4 == made.next_touch(2, 97, 105)
    assert 3 == made.next_touch(2, 97, 104)
    assert 6 == made.next_touch(4, 80, 150)
    assert 5 == made.next_touch(4, 90, 108)
    assert 5 == made.next_touch(4, 108, 200)
    assert 7 == made.next_touch(6, 1, 1)


@given(
    st.lists(st.integers(50, 150), min_size=1, max_size=300),
    st.integers(-1, 300),
    st.one_of(st.just(-inf), st.integers(40, 160)),
    st.one_of(st.just(inf), st.integers(40, 160)),
)
def test_the_search_finds_what_a_walk_finds(closes, start, below, above):
    """Whatever the prices are, and wherever it starts."""
    made = tape(closes, told("L" * len(closes)))
    candles = made.series.candles()
    reached = [
        index for index, candle in enumerate(candles) if index > start and (candle.low <= below or candle.high >= above)
    ]

    assert next(iter(reached), len(candles)) == made.next_touch(start, below, above)


def test_a_pair_with_holes_stands_at_its_latest_candle():
    """Before its first it has none."""
    series = series_of([100, 101])
    made = Tape(series, np.array([2, 5]), [told("..")], lambda votes: answer_of(votes, RULES))

    assert [-1, 0, 0, 1, 1] == [made.index_at(tick) for tick in (1, 2, 4, 5, 9)]
    assert 2 == len(made)


@pytest.mark.parametrize("words", [[], ["L"]])
def test_a_pair_without_candles_is_never_looked_at(words):
    """There is nothing to say."""
    made = tape([], *(told("") for _ in words))

    assert 0 == made.next_entry(-1) == len(made)
