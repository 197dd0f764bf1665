"""Calls to what is outside: refused while they are hopeless, and always tried where money hangs on them."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import generate_latest

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.resilience import Circuit, Dependencies, Dependency, Limits, RefusedError, vital
from tradewind.kernel.telemetry.metrics import Metrics

LIMITS = Limits(failures=3, pause=1.0, longest_pause=4.0)


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def venue(time):
    return Dependency("venue", LIMITS, time)


def silence(error):
    return isinstance(error, OSError)


def call(dependency, error=None, **options):
    with dependency.attempt(silence, **options):
        if error is not None:
            raise error


def fail(dependency, times=1, **options):
    for _ in range(times):
        with pytest.raises(OSError, match="away"):
            call(dependency, OSError("away"), **options)


def test_after_failures_in_a_row_nothing_is_asked_until_one_call_has_shown_that_it_answers(venue, time):
    """Open, half-open, closed; a refusal is one that may pass, and says how long, how often and why."""
    fail(venue, 3)
    assert venue.circuit is Circuit.OPEN
    with pytest.raises(
        RefusedError, match=r"venue has not answered 3 times in a row: away; not asked for 1\.0 s"
    ) as no:
        call(venue)
    assert isinstance(no.value, TemporaryError)
    assert no.value.retry_after == 1.0

    time.now += 1.0
    assert venue.circuit is Circuit.HALF_OPEN
    with venue.attempt(silence), pytest.raises(RefusedError):
        call(venue)  # beside the one that is to show it
    assert (venue.circuit, venue.trouble(), venue.failures) == (Circuit.CLOSED, "", 0)
    call(venue)


def test_each_vain_try_doubles_the_pause_up_to_the_longest(venue, time):
    """Who is away for long is asked seldom, and never given up."""
    fail(venue, 3)
    pauses = []
    for _ in range(4):
        began = time.now
        while venue.circuit is Circuit.OPEN:
            time.now += 0.5
        pauses.append(time.now - began)
        fail(venue)
    assert pauses == [1.0, 2.0, 4.0, 4.0]
    time.now += 4.0
    call(venue)
    fail(venue, 3)
    time.now += 1.0
    assert venue.circuit is Circuit.HALF_OPEN, "after it worked, pauses begin again"


def test_a_no_is_an_answer(venue):
    """Who refuses is there: any number of refusals closes nothing down, and ends a row of failures."""
    fail(venue, 2)
    for _ in range(5):
        with pytest.raises(ValueError, match="no"):
            call(venue, ValueError("no"))
    fail(venue, 2)
    assert venue.circuit is Circuit.CLOSED


def test_what_must_be_tried_is_tried(venue):
    """A cancellation goes out while the circuit is open, and its answer closes it for everybody."""
    fail(venue, 3)
    fail(venue, always=True)
    with vital():
        fail(venue)
    with pytest.raises(RefusedError):
        call(venue)
    with vital():
        call(venue)
    assert venue.circuit is Circuit.CLOSED


def test_calls_from_before_say_nothing_new_when_they_fail_too(venue, time):
    """Ten that were on their way when it went down do not make the pause ten times as long."""
    fail(venue, 3)
    fail(venue, 10, always=True)
    time.now += 1.0
    assert venue.circuit is Circuit.HALF_OPEN


async def test_a_call_that_was_given_up_says_nothing(venue, time):
    """A stop in the middle of a try is no failure, and the next one may try."""
    fail(venue, 3)
    time.now += 1.0

    async def hang():
        with venue.attempt(silence):
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    assert venue.in_flight == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (venue.in_flight, venue.circuit, venue.failures) == (0, Circuit.HALF_OPEN, 3)
    call(venue)
    assert venue.circuit is Circuit.CLOSED


def test_more_calls_at_once_than_allowed_are_refused_but_for_vital_ones(time):
    """So one that hangs holds only so much of this process; where a pool lets callers wait they may."""
    portfolio = Dependency("portfolio", Limits(at_once=1), time)
    with portfolio.attempt(silence):
        with pytest.raises(RefusedError, match="1 calls are on their way"):
            call(portfolio)
        with vital():
            call(portfolio)
    call(portfolio)
    pool = Dependency("postgresql", Limits(at_once=1, queued=True), time)
    with pool.attempt(silence):
        call(pool)
    assert pool.describe()["at_once"] == 1


def test_retries_are_a_share_of_the_calls(time):
    """What is saved is used up, then every tenth call may be repeated: no storm on a database in trouble."""
    postgresql = Dependency("postgresql", Limits(failures=10**6, share=0.1, reserve=3.0), time)
    allowed = 0
    for _ in range(200):
        fail(postgresql)
        allowed += postgresql.may_retry()
    assert 20 <= allowed <= 23
    assert postgresql.describe()["retries"] == 0


def test_each_is_measured_by_its_name():
    """State, calls by outcome and bounds are what an alert is made of."""
    metrics = Metrics()
    dependencies = Dependencies("a/b", metrics)
    venue = dependencies.of("venue", Limits(failures=1, at_once=4))
    assert dependencies.of("venue") is venue

    async def use():
        call(venue)
        fail(venue)
        with pytest.raises(RefusedError):
            call(venue)
        venue.may_retry()
        with venue.attempt(silence, always=True):
            return generate_latest(metrics.registry).decode(), dependencies.describe()

    told, described = asyncio.run(use())
    who = 'bot="a/b",dependency="venue"'
    for line in (
        f"tradewind_circuit_state{{{who}}} 2.0",
        f"tradewind_dependency_in_flight_calls{{{who}}} 1.0",
        f"tradewind_dependency_at_once_calls{{{who}}} 4.0",
        f"tradewind_dependency_retry_calls{{{who}}} 9.0",
        *(
            f'tradewind_dependency_calls_total{{{who},outcome="{outcome}"}} 1.0'
            for outcome in ("succeeded", "failed", "refused", "retried")
        ),
    ):
        assert line in told, line
    assert described["venue"]["circuit"] == "open"
    assert described["venue"]["reason"] == "away"
