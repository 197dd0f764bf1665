"""One call to the venue, whatever it came in by: who may make it, what it costs, and how it may go wrong.

REST and the WebSocket API are two spellings of the same calls; both bring a `Call` here and get the answer as plain
JSON values, or a `RefusalError`. The order of the checks is Binance's: weight, key, signature and time, parameters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tradewind.contracts.api.faults import FaultKind
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.fields import RECEIVE_WINDOW, SIGNATURE, TIMESTAMP, Field, Schema, names_of
from tradewind.sim_exchange.wire.limits import Allowance, Clocks, Limiter, ban, retry_after
from tradewind.sim_exchange.wire.listen_keys import ListenKeys
from tradewind.sim_exchange.wire.parameters import Parameters, refuse_unread
from tradewind.sim_exchange.wire.refusals import HttpRefusalError
from tradewind.sim_exchange.wire.signature import Credentials, check_window

SIGNED_NEEDS, SIGNED_TAKES = (TIMESTAMP, SIGNATURE), (RECEIVE_WINDOW,)
_SIGNED = names_of(SIGNED_NEEDS + SIGNED_TAKES)


class Security(Enum):
    """What a caller must show."""

    NONE = "nothing"
    KEY = "the API key"
    SIGNED = "the API key and a signature"


class SilenceError(Exception):
    """The call was accepted and nobody will ever hear of it: the answer is not to be sent."""


def wall_clock() -> int:
    """Milliseconds on the wall."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class WireSettings:
    """What the wire needs to know beside the exchange.

    `speed` is simulated milliseconds in one of the wall, None where the clock moves only on request. Limits are
    counted in simulated time, or on the wall with `simulated_limits` false; with `rate_limits` false they only count.
    """

    credentials: Credentials
    speed: float | None = None
    rate_limits: bool = True
    simulated_limits: bool = True
    allowance: Allowance = field(default_factory=Allowance)
    wall: Callable[[], int] = wall_clock


Handler = Callable[["Desk", Parameters], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """A call: who handles it, what it wants, what it weighs. `changes` what the account has; `orders` are counted.

    `needs` and `takes` are the parameters that must and that may be sent, `answer` is the schema of what is answered;
    from these the OpenAPI document is made. Without `strict` other parameters are passed over.
    """

    handler: Handler
    answer: Schema
    name: str = ""
    needs: tuple[Field[Any], ...] = ()
    takes: tuple[Field[Any], ...] = ()
    security: Security = Security.NONE
    weight: int | Callable[[Mapping[str, str]], int] = 1
    orders: int = 0
    changes: bool = False
    strict: bool = True
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        signed = _SIGNED if self.security is Security.SIGNED else frozenset()
        object.__setattr__(self, "known", names_of(self.needs + self.takes) | signed)


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a route. `payload` gives what the signature covers, and is asked only where one is needed."""

    route: Route
    parameters: Parameters
    address: str
    key: bytes | None
    payload: Callable[[], bytes]


class Desk:
    """Where calls are taken. `used` and the order counts are those of the latest call of its address."""

    def __init__(self, exchange: SimulatedExchange, settings: WireSettings, faults: FaultTable) -> None:
        self.exchange, self.settings, self.faults = exchange, settings, faults
        clocks = (
            Clocks(lambda: exchange.time, settings.wall, settings.speed)
            if settings.simulated_limits
            else Clocks(settings.wall, settings.wall)
        )
        self.limiter = Limiter(settings.allowance, clocks, enforced=settings.rate_limits)
        self.listen_keys = ListenKeys()
        self._banned_until = 0

    def now(self) -> int:
        """The venue's wall clock in milliseconds; a `ClockSkew` that waits moves it, once for each use."""
        skew = self.faults.take(FaultKind.CLOCK_SKEW)
        return self.settings.wall() + (skew.milliseconds or 0 if skew else 0)

    def check_key(self, key: bytes | None) -> None:
        """Refuse who does not show the API key."""
        self.settings.credentials.check_key(key)

    async def perform(self, call: Call) -> Any:
        """The answer to `call` as JSON values; raises `RefusalError`, and `SilenceError` where nothing is answered."""
        route, parameters = call.route, call.parameters
        marks = _marks(route, parameters)
        await self._disturb_before(marks)
        weight = route.weight if isinstance(route.weight, int) else route.weight(parameters.values)
        self.limiter.used(call.address, weight)
        self._authorize(call)
        self._disturb_acceptance(route, marks)
        if route.orders:
            self.limiter.ordered(route.orders)
        if not route.changes:
            # What is told must be true after a crash, too.
            await self.exchange.settled()
            return await route.handler(self, parameters)
        answer = await route.handler(self, parameters)
        self._disturb_answer(marks)
        return answer

    def _authorize(self, call: Call) -> None:
        route, parameters = call.route, call.parameters
        signed = route.security is Security.SIGNED
        if route.security is not Security.NONE:
            self.check_key(call.key)
        if signed:
            signature = parameters.need(SIGNATURE)
            check_window(parameters, self.now())
            self.settings.credentials.check_signature(call.payload(), signature)
        if route.strict:
            refuse_unread(parameters, route.known, signed=signed)

    # -------------------------------------------------------------------------------------------------------- faults

    async def _disturb_before(self, marks: Mapping[str, str | None]) -> None:
        """What happens to a request before anybody reads it."""
        if not self.faults.waiting() and not self._banned_until:
            return
        delay = self.faults.take(FaultKind.DELAY_BEYOND_TIMEOUT, **marks)
        if delay is not None:
            await asyncio.sleep(delay.seconds or 0.0)
        banned = self.faults.take(FaultKind.BAN, **marks)
        wall = self.settings.wall()
        if banned is not None:
            self._banned_until = wall + round((banned.seconds or 0.0) * 1000)
        if self._banned_until > wall:
            raise ban(self._banned_until - wall, wall)
        self._banned_until = 0
        if self.faults.take(FaultKind.RATE_LIMIT, **marks):
            raise HttpRefusalError(
                -1003, "Too many requests. Please try again later.", refusals.TOO_MANY, retry_after(1000)
            )

    def _disturb_acceptance(self, route: Route, marks: Mapping[str, str | None]) -> None:
        """What happens to a request that is understood, instead of being carried out."""
        waiting = self.faults.waiting().values()
        if any(fault.kind is FaultKind.SERVER_ERROR and not fault.after_accept for fault in waiting) and (
            self._take_server_error(marks, after_accept=False)
        ):
            raise RefusalError(-1001, "Internal error; unable to process your request. Please try again.", 500)
        if route.changes and self.faults.take(FaultKind.REJECT, **marks):
            raise RefusalError(-2010 if route.orders else -2011, "This action is disabled on this account.")

    def _disturb_answer(self, marks: Mapping[str, str | None]) -> None:
        """What happens to the answer of a request that was carried out."""
        if self.faults.take(FaultKind.TIMEOUT_AFTER_ACCEPT, **marks):
            raise SilenceError
        if self._take_server_error(marks, after_accept=True):
            raise refusals.outcome_unknown()

    def _take_server_error(self, marks: Mapping[str, str | None], *, after_accept: bool) -> bool:
        # The table finds the oldest by kind; one that waits for the other moment must not be used up, so the oldest
        # that matches decides which of the two this is.
        for fault in self.faults.waiting().values():
            if fault.kind is FaultKind.SERVER_ERROR and fault.matches(**marks):
                return fault.after_accept is after_accept and bool(self.faults.take(FaultKind.SERVER_ERROR, **marks))
        return False


def _marks(route: Route, parameters: Parameters) -> dict[str, str | None]:
    """By what faults tell one call from another."""
    values = parameters.values
    return {
        "method": route.name,
        "symbol": values.get("symbol"),
        "client_order_id": values.get("newClientOrderId") or values.get("origClientOrderId"),
    }
