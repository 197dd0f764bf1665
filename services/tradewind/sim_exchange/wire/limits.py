"""Request weights and order counts, and what happens to a client that does not mind them.

Weight is counted by address in windows of a minute, orders by account in windows of ten seconds and of a day. Above
the limit the answer is 429; whoever goes on asking is banned (418), each time for longer. The clock of the windows is
given: simulated time by default, so that a bot in fast time may do per simulated minute what it may do in reality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.refusals import HttpRefusalError

MINUTE = 60_000
TEN_SECONDS = 10_000
DAY = 86_400_000
PATIENCE = 10
"""Requests that may be refused with 429 in one window before the address is banned."""
FIRST_BAN = 120_000
LONGEST_BAN = 3 * DAY
_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits: weight in a minute, orders in ten seconds and in a day."""

    weight: int = 6_000
    orders_10_seconds: int = 100
    orders_day: int = 200_000


@dataclass(slots=True)
class _Window:
    """A count in the present window of `length` milliseconds."""

    length: int
    start: int = -1
    count: int = 0

    def at(self, now: int) -> int:
        """The count so far."""
        start = now - now % self.length
        if start != self.start:
            self.start, self.count = start, 0
        return self.count


@dataclass(slots=True)
class _Address:
    window: _Window
    refused: int = 0
    refused_in: int = -1
    banned_until: int = 0
    bans: int = 0


@dataclass(frozen=True, slots=True)
class Clocks:
    """The times of a venue, in milliseconds: that of the windows, and that of the client's wall.

    `speed` is how many milliseconds of the windows pass in one of the wall, None where they do not pass by themselves.
    """

    window: Callable[[], int]
    wall: Callable[[], int]
    speed: float | None = 1.0

    def wall_milliseconds(self, milliseconds: int) -> int:
        """How long a client has to wait, on its wall, for time in the windows to pass."""
        return max(1, round(milliseconds / (self.speed or 1.0)))


class Limiter:
    """Counts what the clients use; with `enforced` false it only counts."""

    def __init__(self, allowance: Allowance, clocks: Clocks, *, enforced: bool) -> None:
        self.allowance = allowance
        self._clocks, self._now, self._enforced = clocks, clocks.window, enforced
        self._addresses: dict[str, _Address] = {}
        self._orders_10_seconds, self._orders_day = _Window(TEN_SECONDS), _Window(DAY)

    def used(self, address: str, weight: int) -> int:
        """Count `weight`; the sum of the present minute. Raises 429 above the limit, 418 for who does not stop."""
        now = self._now()
        one = self._addresses.get(address)
        if one is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses.clear()
            one = self._addresses[address] = _Address(_Window(MINUTE))
        if one.banned_until > now:
            raise self._banned(one.banned_until - now)
        count = one.window.at(now) + weight
        if count > self.allowance.weight and self._enforced:
            raise self._exceeded(one, now)
        one.window.count = count
        return count

    def ordered(self, orders: int) -> tuple[int, int]:
        """Count new orders; the sums of the present ten seconds and day. Raises 429 (-1015) above the limit."""
        now = self._now()
        windows = (
            (self._orders_10_seconds, self.allowance.orders_10_seconds, "10 SECOND"),
            (self._orders_day, self.allowance.orders_day, "DAY"),
        )
        for window, most, name in windows:
            if window.at(now) + orders > most and self._enforced:
                message = f"Too many new orders; current limit is {most} orders per {name}."
                headers = self._retry_after(window.length - now % window.length)
                raise HttpRefusalError(-1015, message, refusals.TOO_MANY, headers)
        for window, _, _ in windows:
            window.count += orders
        return self._orders_10_seconds.count, self._orders_day.count

    def counts(self, address: str) -> tuple[int, int, int]:
        """Weight of the minute, orders of the ten seconds and of the day, so far."""
        now = self._now()
        one = self._addresses.get(address)
        weight = one.window.at(now) if one else 0
        return weight, self._orders_10_seconds.at(now), self._orders_day.at(now)

    def _exceeded(self, one: _Address, now: int) -> HttpRefusalError:
        window = one.window
        one.refused = one.refused + 1 if one.refused_in == window.start else 1
        one.refused_in = window.start
        if one.refused > PATIENCE:
            length = min(FIRST_BAN * 2**one.bans, LONGEST_BAN)
            one.bans += 1
            one.banned_until = now + length
            return self._banned(length)
        message = (
            f"Too much request weight used; current limit is {self.allowance.weight} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        headers = self._retry_after(window.length - now % window.length)
        return HttpRefusalError(-1003, message, refusals.TOO_MANY, headers)

    def _banned(self, remaining: int) -> HttpRefusalError:
        return ban(self._clocks.wall_milliseconds(remaining), self._clocks.wall())

    def _retry_after(self, milliseconds: int) -> dict[str, str]:
        return retry_after(self._clocks.wall_milliseconds(milliseconds))


def ban(milliseconds: int, wall: int) -> HttpRefusalError:
    """The refusal of an address that is banned for `milliseconds` more, said at `wall`."""
    message = (
        f"Way too much request weight used; IP banned until {wall + milliseconds}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return HttpRefusalError(-1003, message, refusals.BANNED, retry_after(milliseconds))


def retry_after(milliseconds: int) -> dict[str, str]:
    """The header that says when to come back, in whole seconds, rounded up."""
    return {"retry-after": str(max(1, -(-milliseconds // 1000)))}
