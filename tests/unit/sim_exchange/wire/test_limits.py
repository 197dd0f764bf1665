"""Weights and counts: what a client may do, when it must wait, and when it has asked too often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire.limits import DAY, FIRST_BAN, MINUTE, PATIENCE, Allowance, Clocks, Limiter

START = 1_700_000_040_000  # the beginning of a minute


class Venue:
    """A limiter with a clock to turn."""

    def __init__(self, *, enforced=True, speed=1.0, **allowance):
        self.time = START
        allowance = {"weight": 100, "orders_10_seconds": 5, "orders_day": 8, **allowance}
        clocks = Clocks(lambda: self.time, lambda: self.time, speed)
        self.limiter = Limiter(Allowance(**allowance), clocks, enforced=enforced)

    def refused(self, weight=1, address="a"):
        with pytest.raises(RefusalError) as caught:
            self.limiter.used(address, weight)
        return caught.value


def test_a_minute_holds_its_weight_and_the_next_begins_at_zero():
    """Up to the limit is allowed, one more is 429 and says when to come back."""
    venue = Venue()
    assert 100 == venue.limiter.used("a", 100)
    venue.time += 45_000
    refusal = venue.refused()
    assert (429, -1003, "15") == (refusal.status, refusal.code, refusal.headers["retry-after"])
    venue.time += 15_000
    assert 1 == venue.limiter.used("a", 1)


def test_addresses_have_weights_of_their_own():
    """One client's haste is not another's."""
    venue = Venue()
    venue.limiter.used("a", 100)
    assert 1 == venue.limiter.used("b", 1)


def test_who_does_not_stop_is_banned_each_time_for_longer():
    """After so many 429 in one minute comes 418, and then every request is 418 until the ban is over."""
    venue = Venue()
    lengths = []
    for _ in range(2):
        venue.limiter.used("a", 100)
        assert [429] * PATIENCE == [venue.refused().status for _ in range(PATIENCE)]
        banned = venue.refused()
        lengths.append(int(banned.headers["retry-after"]) * 1000)
        assert (418, -1003) == (banned.status, banned.code)
        assert str(venue.time + lengths[-1]) in banned.message
        venue.time += lengths[-1] - 1
        assert 418 == venue.refused().status
        venue.time += 1 + MINUTE
    assert [FIRST_BAN, 2 * FIRST_BAN] == lengths
    assert 1 == venue.limiter.used("a", 1)


def test_waiting_is_told_in_seconds_of_the_wall():
    """At 60 simulated seconds in one of the wall, a whole minute is a second."""
    venue = Venue(speed=60.0)
    venue.limiter.used("a", 100)
    assert "1" == venue.refused().headers["retry-after"]


def test_orders_are_counted_in_ten_seconds_and_in_a_day():
    """-1015 with 429, by whichever window is full; a refused order counts in neither."""
    venue = Venue()
    assert (5, 5) == venue.limiter.ordered(5)
    for wait in (10_000, 10_000):
        with pytest.raises(RefusalError, match="5 orders per 10 SECOND") as caught:
            venue.limiter.ordered(6)
        assert (429, -1015) == (caught.value.status, caught.value.code)
        venue.time += wait
    assert (2, 7) == venue.limiter.ordered(2)
    with pytest.raises(RefusalError, match="8 orders per DAY"):
        venue.limiter.ordered(2)
    assert (0, 2, 7) == venue.limiter.counts("a")
    venue.time += DAY
    assert (0, 0, 0) == venue.limiter.counts("a")


@given(st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 60)), max_size=40))
def test_no_minute_ever_holds_more_than_its_weight(steps):
    """Whatever is asked and when, what was let through within one minute of the clock is at most the limit."""
    venue = Venue()
    passed: dict[int, int] = {}
    for wait, weight in steps:
        venue.time += wait
        try:
            venue.limiter.used("a", weight)
        except RefusalError:
            continue
        minute = venue.time // MINUTE
        passed[minute] = passed.get(minute, 0) + weight
    assert all(weight <= 100 for weight in passed.values())


def test_limits_that_are_off_still_count():
    """The headers go on telling how much was used; nobody is refused."""
    venue = Venue(enforced=False)
    assert 1000 == venue.limiter.used("a", 1000)
    venue.limiter.ordered(1000)
    assert (1000, 1000, 1000) == venue.limiter.counts("a")
