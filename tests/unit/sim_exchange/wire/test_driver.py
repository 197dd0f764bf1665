"""The clock of a venue at a speed: as fast as said, in small steps, and slower rather than in leaps."""

from __future__ import annotations

from tradewind.domain.errors import TemporaryError
from tradewind.sim_exchange.wire.driver import STEP, drive


class Exchange:
    """Notes how its clock is moved; `fails` says at which moves the store does."""

    def __init__(self, end_time=10_000, fails=()):
        self.time, self.end_time, self.fails, self.moves = 0, end_time, set(fails), []

    async def move_clock(self, to):
        self.moves.append(to - self.time)
        if len(self.moves) in self.fails:
            raise TemporaryError("store: disk full")
        self.time = min(to, self.end_time)


class Wall:
    """A wall clock that goes on when somebody sleeps, by so much too long as `late` says."""

    def __init__(self, late=0.0):
        self.time, self.late = 0.0, late

    def monotonic(self):
        return self.time

    async def sleep(self, seconds):
        self.time += seconds + self.late


async def test_time_goes_by_the_speed_until_the_candles_end():
    """Ten simulated seconds at speed 4 take two and a half on the wall, in steps of a tenth."""
    exchange, wall = Exchange(), Wall()
    await drive(exchange, 4.0, monotonic=wall.monotonic, sleep=wall.sleep)

    assert 10_000 == exchange.time
    assert abs(wall.time - 2.5) < 2 * STEP
    assert all(move <= 401 for move in exchange.moves)


async def test_fractions_of_a_millisecond_are_not_lost():
    """At a hundredth of real time a step is a millisecond, at a speed below that it comes every few steps."""
    exchange, wall = Exchange(end_time=10), Wall()
    await drive(exchange, 0.003, monotonic=wall.monotonic, sleep=wall.sleep)
    assert abs(wall.time - 10 / 3) < 4 * STEP


async def test_a_slow_machine_makes_time_slow_not_jump():
    """However late a step comes, it is never longer than a step."""
    exchange, wall = Exchange(), Wall(late=5.0)
    await drive(exchange, 4.0, monotonic=wall.monotonic, sleep=wall.sleep)
    assert all(move <= 401 for move in exchange.moves)


async def test_a_store_that_fails_for_a_moment_is_outlived():
    """The step is made up for by the next one."""
    exchange, wall = Exchange(fails={3, 4}), Wall()
    await drive(exchange, 4.0, monotonic=wall.monotonic, sleep=wall.sleep)
    assert 10_000 == exchange.time
