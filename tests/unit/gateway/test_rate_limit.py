"""The limit on requests: exact in every stretch of time, for each caller by itself, in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradewind.gateway.rate_limit import MOST_CALLERS, SlidingWindow


class Clock:
    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 8))
def test_no_window_ever_holds_more_than_the_limit(pauses, limit):
    """Not even across the edge of a minute, where counters that begin anew let twice as many through."""
    clock, admitted = Clock(), []
    window = SlidingWindow(limit, 60.0, clock)
    for pause in pauses:
        clock.time += pause
        if window.take("a") == 0:
            admitted.append(clock.time)

    for end in admitted:
        assert sum(end - 60.0 < moment <= end for moment in admitted) <= limit


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 8))
def test_whoever_waits_as_told_is_admitted(pauses, limit):
    """The seconds of Retry-After are enough, and a refusal by itself costs nothing."""
    clock = Clock()
    window = SlidingWindow(limit, 60.0, clock)
    for pause in pauses:
        clock.time += pause
        wait = window.take("a")
        if wait:
            clock.time += wait + 1e-6
            assert window.take("a") == 0


def test_callers_do_not_share_a_limit():
    """One that floods the door does not close it for the others."""
    window = SlidingWindow(2, 60.0, Clock())

    assert [window.take("a") == 0 for _ in range(3)] == [True, True, False]
    assert window.take("b") == 0


def test_a_flood_of_callers_costs_no_memory_and_forgets_the_silent_first():
    """Who asks all the time stays known while thousands of addresses come and go."""
    clock = Clock()
    window = SlidingWindow(1, 60.0, clock)
    window.take("busy")
    for number in range(3 * MOST_CALLERS):
        window.take(f"address {number}")
        if number % 1000 == 0:
            assert window.take("busy") > 0

    assert len(window._callers) == MOST_CALLERS
