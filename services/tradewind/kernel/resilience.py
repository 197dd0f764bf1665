"""What is outside of this process, and how calls to it go: a circuit, a bound on calls at once, a budget of retries.

Each thing outside (the venue, the database, the broker, another service) is one `Dependency`. Failures in a row open
its circuit: whoever asks then hears at once that it is not asked, in place of waiting for it once more. After a pause
that grows the circuit is half-open: one call goes out, and its end closes the circuit or opens it again. Retries are
paid for by calls, so that a dependency in trouble is not asked several times as much as one that is well.

A refusal from here is certain: nothing was sent. It is a `TemporaryError`, like any other failure that may pass.
What must be tried whatever happened before (a cancellation, an emergency stop) is done inside `vital`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, TypedDict

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.backoff import Backoff
from tradewind.kernel.telemetry.metrics import Metrics

_VITAL: ContextVar[bool] = ContextVar("vital", default=False)


@contextlib.contextmanager
def vital() -> Iterator[None]:
    """Calls that are made inside are tried, whatever is known of who is called."""
    token = _VITAL.set(True)
    try:
        yield
    finally:
        _VITAL.reset(token)


def is_vital() -> bool:
    """Whether this is inside `vital`."""
    return _VITAL.get()


class Circuit(StrEnum):
    """Closed: calls go out. Open: none but vital ones. Half-open: one, to see."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


_NUMBERS = {Circuit.CLOSED: 0, Circuit.HALF_OPEN: 1, Circuit.OPEN: 2}


class RefusedError(TemporaryError):
    """Not asked, so nothing was sent and nothing happened."""


class DependencyState(TypedDict):
    """How it stands with a dependency. `failures` are those in a row, `timeout` seconds, `retries` those allowed now.

    `reason` is that of the last failure, empty where the last call was answered; `at_once` None: not bounded.
    """

    circuit: str
    reason: str
    failures: int
    in_flight: int
    at_once: int | None
    timeout: float | None
    retries: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts and seconds.

    After `failures` in a row nothing is asked for `pause`, twice that after the next, up to `longest_pause`. More than
    `at_once` calls are refused, or wait for a connection in the client's own pool where they are `queued`. `timeout`
    is what the client allows one call; it is kept there and told here. Each call earns `share` of a retry, and
    `reserve` of them can be saved.
    """

    failures: int = 5
    pause: float = 0.5
    longest_pause: float = 2.0
    at_once: int | None = None
    queued: bool = False
    timeout: float | None = None
    share: float = 0.1
    reserve: float = 10.0


class Dependency:
    """One thing outside. `now` gives seconds that only grow: those of the event loop."""

    def __init__(self, name: str, limits: Limits | None = None, now: Callable[[], float] | None = None) -> None:
        self.name, self.limits = name, limits or Limits()
        self.in_flight = 0
        self.failures = 0
        self.reason = ""
        self.counted: Callable[[str], None] = lambda _outcome: None
        """Called with what came of each call: succeeded, failed, refused; and of each wish to retry."""
        self._now = now or (lambda: asyncio.get_running_loop().time())
        # Without chance: it is one call of one process that comes back, and a simulation is to be repeatable.
        self._pauses = Backoff(self.limits.pause, self.limits.longest_pause, jitter=lambda: 1.0)
        self._open_until: float | None = None
        self._probed = False
        self._retries = self.limits.reserve

    @property
    def circuit(self) -> Circuit:
        """Whether calls go out."""
        if self._open_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self._now() < self._open_until else Circuit.HALF_OPEN

    @property
    def retries(self) -> int:
        """How many are allowed now."""
        return int(self._retries)

    def attempt(self, is_failure: Callable[[Exception], bool], *, always: bool = False) -> Attempt:
        """Around one call: raises `RefusedError` where it is not to be made, and learns from how it ended.

        `is_failure` says of an exception whether who was called failed to answer; any other is an answer. With
        `always` it is made whatever is known, as inside `vital`.
        """
        return Attempt(self, is_failure, always=always)

    def may_retry(self) -> bool:
        """Whether a call that failed may be made again at once; counts as done."""
        allowed = self._retries >= 1
        self._retries -= 1 if allowed else 0
        self.counted("retried" if allowed else "not retried")
        return allowed

    def succeeded(self) -> None:
        """It answered."""
        self.counted("succeeded")
        self._retries = min(self._retries + self.limits.share, self.limits.reserve)
        self.failures, self.reason, self._open_until = 0, "", None
        self._pauses.reset()

    def failed(self, reason: str) -> None:
        """It did not answer."""
        self.counted("failed")
        self._retries = min(self._retries + self.limits.share, self.limits.reserve)
        self.failures, self.reason = self.failures + 1, reason
        # A call from before the circuit opened says nothing new when it fails as well.
        if self.failures >= self.limits.failures and self.circuit is not Circuit.OPEN:
            self._open_until = self._now() + self._pauses.pause()

    def trouble(self) -> str:
        """Why it is not asked now, in words; empty while it is."""
        if self._open_until is None:
            return ""
        return f"{self.name} has not answered {self.failures} times in a row: {self.reason}"

    def describe(self) -> DependencyState:
        """How it stands."""
        return {
            "circuit": self.circuit.value,
            "reason": self.reason,
            "failures": self.failures,
            "in_flight": self.in_flight,
            "at_once": self.limits.at_once,
            "timeout": self.limits.timeout,
            "retries": self.retries,
        }

    def enter(self, *, always: bool) -> bool:
        """Begin a call; whether it is the one that shows if the circuit may close. For `Attempt`."""
        circuit, at_once = self.circuit, self.limits.at_once
        probing = circuit is Circuit.HALF_OPEN and not self._probed
        if not (always or _VITAL.get()):
            if at_once is not None and self.in_flight >= at_once and not self.limits.queued:
                self._refuse(f"{self.name}: {at_once} calls are on their way already", 1.0)
            if circuit is not Circuit.CLOSED and not probing:
                left = max((self._open_until or 0.0) - self._now(), 0.1)
                self._refuse(f"{self.trouble()}; not asked for {left:.1f} s", left)
        self._probed |= probing
        self.in_flight += 1
        return probing

    def leave(self, *, probing: bool) -> None:
        """End a call."""
        self.in_flight -= 1
        if probing:
            self._probed = False

    def _refuse(self, words: str, seconds: float) -> None:
        self.counted("refused")
        raise RefusedError(words, seconds)


class Attempt:
    """One call. A class, because a generator's context costs more than what most calls to a pool do."""

    __slots__ = ("_always", "_dependency", "_is_failure", "_probing")

    def __init__(self, dependency: Dependency, is_failure: Callable[[Exception], bool], *, always: bool) -> None:
        self._dependency, self._is_failure, self._always = dependency, is_failure, always
        self._probing = False

    def __enter__(self) -> None:
        self._probing = self._dependency.enter(always=self._always)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Learn; a call that was given up by its own side says nothing about who was called."""
        self._dependency.leave(probing=self._probing)
        if error is None or (isinstance(error, Exception) and not self._is_failure(error)):
            self._dependency.succeeded()
        elif isinstance(error, Exception):
            self._dependency.failed(str(error) or type(error).__name__)


class Dependencies:
    """What the services of a process call. With `metrics`, each is measured under the name of the bot."""

    def __init__(self, bot: str = "", metrics: Metrics | None = None) -> None:
        self._bot, self._metrics = bot, metrics
        self._known: dict[str, Dependency] = {}

    def of(self, name: str, limits: Limits | None = None) -> Dependency:
        """The dependency of this name; whoever names it first says its limits."""
        if name not in self._known:
            self._known[name] = Dependency(name, limits)
            if self._metrics is not None:
                _measure(self._known[name], self._bot, self._metrics)
        return self._known[name]

    def trouble(self, name: str) -> str:
        """Why one of them is not asked now, in words; empty while it is, and where nobody ever named it."""
        known = self._known.get(name)
        return known.trouble() if known is not None else ""

    def describe(self) -> Mapping[str, DependencyState]:
        """How it stands with each."""
        return {name: one.describe() for name, one in sorted(self._known.items())}


def _measure(dependency: Dependency, bot: str, metrics: Metrics) -> None:
    """Count its calls; what is a state is looked up when Prometheus asks."""
    labels = (bot, dependency.name)
    children: dict[str, Any] = {}

    def count(outcome: str) -> None:
        if outcome not in children:
            children[outcome] = metrics.dependency_calls.labels(*labels, outcome)
        children[outcome].inc()

    dependency.counted = count
    metrics.circuit_state.labels(*labels).set_function(lambda: _NUMBERS[dependency.circuit])
    metrics.dependency_in_flight.labels(*labels).set_function(lambda: dependency.in_flight)
    metrics.dependency_retry_limit.labels(*labels).set_function(lambda: dependency.retries)
    if dependency.limits.at_once is not None:
        metrics.dependency_limit.labels(*labels).set(dependency.limits.at_once)
