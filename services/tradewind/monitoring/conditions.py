"""Conditions: what is true of the bot, as Kubernetes resources say it; the time of each moves only when it flips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tradewind.domain.health import HEALTHY_FROM, HealthFacts, HealthPart, health_score

Status = Literal["True", "False", "Unknown"]
Kind = Literal["Ready", "Trading", "ExchangeConnected", "Degraded", "Paused"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`reason` is one word in CamelCase, `message` a sentence for a person; `since` is wall time in seconds."""

    type: Kind
    status: Status
    reason: str
    message: str
    since: float = 0.0


def conditions_of(facts: HealthFacts, parts: Iterable[HealthPart]) -> tuple[Condition, ...]:
    """Every condition, without its time."""
    return (_ready(facts), _trading(facts), _exchange(facts), _degraded(tuple(parts)), _paused(facts))


class ConditionLog:
    """Remembers when each condition last changed its status."""

    def __init__(self) -> None:
        self.current: tuple[Condition, ...] = ()

    def update(self, found: Iterable[Condition], now: float) -> None:
        """Take over what was found at `now`; a condition of the same status keeps its time."""
        known = {one.type: one for one in self.current}
        self.current = tuple(
            Condition(
                one.type,
                one.status,
                one.reason,
                one.message,
                known[one.type].since if one.type in known and known[one.type].status == one.status else now,
            )
            for one in found
        )


def _ready(facts: HealthFacts) -> Condition:
    waiting = [f"{name}: {reason}" for name, reason in facts.services.items() if reason]
    if waiting:
        return Condition("Ready", "False", "ServicesNotReady", "; ".join(waiting))
    return Condition("Ready", "True", "AllServicesReady", f"all {len(facts.services)} services do their work")


def _trading(facts: HealthFacts) -> Condition:
    if facts.trading is None:
        return Condition("Trading", "Unknown", "EngineSilent", "the engine does not answer")
    if facts.trading == "Running":
        return Condition("Trading", "True", "Running", "entries and exits are decided")
    messages = {
        "Paused": "no entries are made; exits go on",
        "Stopped": "nothing is decided; stops that rest at the venue stay",
        "EmergencyStopped": "stopped by emergency, until a person clears it",
    }
    return Condition("Trading", "False", facts.trading, messages.get(facts.trading, ""))


def _exchange(facts: HealthFacts) -> Condition:
    reason = facts.services.get("execution")
    if reason is None or "execution" in facts.down:
        return Condition("ExchangeConnected", "Unknown", "ExecutionSilent", "execution does not answer")
    if reason:
        return Condition("ExchangeConnected", "False", "NotReconciled", reason)
    if facts.feed_trouble:
        message = "; ".join(f"{pair}: {wrong}" for pair, wrong in sorted(facts.feed_trouble.items()))
        return Condition("ExchangeConnected", "False", "CandlesDisturbed", message)
    return Condition("ExchangeConnected", "True", "Reconciled", "orders, fills and balances are those of the venue")


def _degraded(parts: tuple[HealthPart, ...]) -> Condition:
    score = health_score(parts)
    if score >= HEALTHY_FROM:
        return Condition("Degraded", "False", "Healthy", f"the health score is {score}")
    worst = sorted(parts, key=lambda part: part.weight * (100 - part.score), reverse=True)[:2]
    reasons = "; ".join(f"{part.name}: {part.detail}" for part in worst if part.score < 100)
    return Condition("Degraded", "True", "HealthScoreLow", f"the health score is {score}: {reasons}")


def _paused(facts: HealthFacts) -> Condition:
    if facts.trading is None:
        return Condition("Paused", "Unknown", "EngineSilent", "the engine does not answer")
    paused = facts.trading == "Paused"
    message = "a person paused trading" if paused else "trading is not paused"
    return Condition("Paused", "True" if paused else "False", "Paused" if paused else "NotPaused", message)
