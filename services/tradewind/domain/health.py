"""The health of a bot as one number: parts, each with a weight and a score, so that a low number explains itself.

A part that has no meaning where the bot runs (the age of the data of a recording that has ended) is fine, not absent,
so that scores of different bots compare. Below 80 a person should look, below 60 at once; the gates of the engine use
the same limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradewind.domain.money import ZERO, plain
from tradewind.domain.risk import BALANCE_DRIFT_LIMIT, HEALTH_LIMIT

HEALTHY_FROM = 80

GIGABYTE = 10**9
DISK_CRITICAL = 1 * GIGABYTE
DISK_WARNING = 5 * GIGABYTE

LATE_INTERVALS = 3.0
"""Data is late after so many times its usual distance, and counts for nothing after twice that."""

LEAST_LATE_SECONDS = 5.0
FULL_SPEED_SECONDS = 60.0
"""What is waited for a replay at full speed, where a tick takes milliseconds: longer means that it hangs."""

MOST_FAILURES = 5
_DRIFT_FOR_NOTHING = Decimal("0.01")
_TRADING = {"Running": 1.0, "Paused": 0.5, "Stopped": 0.5, "EmergencyStopped": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFacts:
    """What is known of a bot. None stands for what could not be found out.

    `services` holds, by name, why a service does not do its work, empty where it does; `down` those that do not even
    run. `data_age` is wall seconds since the last candle, `data_interval` those between two (None: full speed);
    `disk_free` is in bytes; `failures` are batches of messages that failed in the last five minutes. `feed_trouble`
    holds, by pair, what is wrong with the feed of an exchange.
    """

    services: Mapping[str, str]
    down: frozenset[str]
    feed_ended: bool
    data_age: float | None
    data_interval: float | None
    trading: str | None
    balance_drift: Decimal | None
    disk_free: int | None
    failures: int
    feed_trouble: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthPart:
    """One part: `score` is 0 to 100, `weight` its share in the whole; all weights together are 100."""

    name: str
    weight: int
    score: float
    detail: str


def health_parts(facts: HealthFacts) -> tuple[HealthPart, ...]:
    """Every part, the heaviest first."""
    return (
        _part("services", 30, _services(facts)),
        _part("data", 25, _data(facts)),
        _part("trading", 15, _trading(facts)),
        _part("balances", 10, _balances(facts)),
        _part("disk", 10, _disk(facts)),
        _part("failures", 10, _failures(facts)),
    )


def health_score(parts: Sequence[HealthPart]) -> int:
    """The weighted mean, 0 to 100, rounded down: 79.9 is not 80."""
    return int(sum(part.weight * part.score for part in parts) / sum(part.weight for part in parts))


def late_after(interval: float | None) -> float:
    """After how many seconds without a candle data is late, where `interval` is between two (None: full speed)."""
    return FULL_SPEED_SECONDS if interval is None else max(LATE_INTERVALS * interval, LEAST_LATE_SECONDS)


def health_status(score: int) -> str:
    """Healthy, Degraded (a person should look) or Critical (at once)."""
    if score >= HEALTHY_FROM:
        return "Healthy"
    return "Degraded" if score >= HEALTH_LIMIT else "Critical"


_Graded = tuple[float, str]
"""A grade from 0 to 1, and why."""


def _part(name: str, weight: int, graded: _Graded) -> HealthPart:
    return HealthPart(name, weight, round(100 * graded[0], 1), graded[1])


def _services(facts: HealthFacts) -> _Graded:
    """A service that is down is worth nothing, whatever the others do: the loop of trading needs each."""
    if facts.down:
        return 0.0, f"down: {', '.join(sorted(facts.down))}"
    waiting = [f"{name} ({reason})" for name, reason in facts.services.items() if reason]
    if waiting:
        return 0.5 * (1 - len(waiting) / max(len(facts.services), 1)), f"not ready: {', '.join(waiting)}"
    return 1.0, f"{len(facts.services)} running"


def _data(facts: HealthFacts) -> _Graded:
    if facts.feed_ended:
        return 1.0, "the recording has been played to its end"
    if facts.data_age is None:
        return 0.0, "no candle yet"
    late = late_after(facts.data_interval)
    detail = f"last candle {facts.data_age:.0f} s ago, late after {late:.0f} s"
    return _falling(facts.data_age, late, 2 * late), detail


def _trading(facts: HealthFacts) -> _Graded:
    return _TRADING.get(facts.trading or "", 0.0), facts.trading or "the engine does not answer"


def _balances(facts: HealthFacts) -> _Graded:
    drift = facts.balance_drift
    if drift is None:
        return 0.0, "portfolio does not answer"
    if drift == ZERO:
        return 1.0, "as the venue says"
    grade = _falling(float(drift), float(BALANCE_DRIFT_LIMIT), float(_DRIFT_FOR_NOTHING))
    return grade, f"a ratio of {plain(drift)} from the venue's; entries stop above {plain(BALANCE_DRIFT_LIMIT)}"


def _disk(facts: HealthFacts) -> _Graded:
    if facts.disk_free is None:
        return 0.0, "the free space is not known"
    grade = 1 - _falling(facts.disk_free, DISK_CRITICAL, DISK_WARNING)
    return grade, f"{facts.disk_free / GIGABYTE:.1f} GB free"


def _failures(facts: HealthFacts) -> _Graded:
    grade = _falling(facts.failures, 0, MOST_FAILURES)
    return grade, f"{facts.failures} batches of messages failed in five minutes"


def _falling(value: float, full: float, nothing: float) -> float:
    """1 up to `full`, 0 from `nothing` on, in between along a line."""
    return min(max((nothing - value) / (nothing - full), 0.0), 1.0)
