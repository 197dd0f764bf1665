"""Whoever fails comes back later each time, within bounds, and not together with the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradewind.kernel.backoff import Backoff


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_success():
    backoff = Backoff(0.5, 3.0, jitter=lambda: 1.0)
    assert [backoff.pause() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.failures == 5
    backoff.reset()
    assert (backoff.failures, backoff.pause()) == (0, 0.5)


@given(st.integers(0, 2000), st.floats(0, 1))
def test_chance_takes_up_to_a_half_however_often_it_failed(failures, chance):
    backoff = Backoff(0.25, 30.0, jitter=lambda: chance)
    backoff.failures = failures
    assert 0.125 <= backoff.pause() <= 30.0


def test_two_that_failed_together_do_not_come_back_together():
    assert len({Backoff().pause() for _ in range(20)}) > 1
