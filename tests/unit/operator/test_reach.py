"""A deaf watch is told from a server that is gone."""

from __future__ import annotations

import pytest

from tradewind_operator.reach import GAP, Reach


@pytest.fixture
def passing():
    """A reach, and how to let seconds pass with an answer every two of them, or without any."""

    class Passing:
        now = 0.0

        def __init__(self):
            self.reach = Reach(lambda: self.now)

        def answered(self, seconds):
            for _ in range(seconds // 2):
                self.now += 2
                self.reach.answered()

    return Passing()


def test_who_hears_nothing_while_others_are_answered_is_deaf_for_as_long(passing):
    passing.answered(100)
    heard = passing.now
    passing.answered(300)
    assert passing.reach.unheard(heard) == 300
    assert passing.reach.unheard(passing.now) == 0


def test_while_nobody_is_answered_nobody_is_deaf(passing):
    passing.answered(100)
    heard = passing.now - 30
    passing.now += 10_000
    assert passing.reach.unheard(heard) == 30


def test_who_lost_a_server_that_comes_back_gets_time_to_find_it(passing):
    passing.answered(100)
    heard = passing.now
    passing.now += 10_000
    passing.answered(20)
    assert passing.reach.unheard(heard) == 18
    passing.answered(300)
    assert passing.reach.unheard(heard) == 318


def test_a_short_silence_of_the_server_is_none(passing):
    """Else a server that stalls now and then would hide a deaf watch for ever."""
    passing.answered(100)
    heard = passing.now
    for _ in range(10):
        passing.now += GAP - 2
        passing.answered(2)
    assert passing.reach.unheard(heard) == 10 * GAP
