"""The journal of decisions: each is stored once, with every gate's verdict, and published."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec
from sqlalchemy import Connection, insert, select

from tradewind.contracts.messages import DecisionMade, GateVerdict
from tradewind.domain.risk import Gate
from tradewind.engine.tables import decisions
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

_INSERT = insert(decisions)


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: what, why, and what was looked at. `reasons` are the voters' facts."""

    identity: str
    pair: str
    time: int
    action: Literal["Enter", "Exit"]
    verdict: Literal["GO", "NO-GO"]
    reason: str
    reasons: dict[str, tuple[str, ...]]
    score: float = 0.0
    gates: tuple[Gate, ...] = ()
    amount: Decimal | None = None
    expires_at: int | None = None


class Journal:
    """Knows every decision that was ever made, so that none is made twice."""

    def __init__(self, context: Context) -> None:
        self._context = context
        for action, verdict in (("Enter", "GO"), ("Enter", "NO-GO"), ("Exit", "GO")):
            context.metrics.decisions.labels(context.key, action, verdict)
        self._made: set[str] = set()

    def load(self, connection: Connection) -> None:
        """Read the ids."""
        mine = decisions.c.bot == self._context.key
        self._made = set(connection.scalars(select(decisions.c.decision_id).where(mine)))

    def __contains__(self, identity: str) -> bool:
        return identity in self._made

    def add(self, entry: Entry, unit: UnitOfWork) -> None:
        """Store and publish."""
        self._made.add(entry.identity)
        verdicts = tuple(GateVerdict(gate.name, gate.verdict.value, gate.value, gate.limit) for gate in entry.gates)
        unit.write(
            _INSERT,
            {
                "bot": self._context.key,
                "decision_id": entry.identity,
                "time": entry.time,
                "pair": entry.pair,
                "action": entry.action,
                "verdict": entry.verdict,
                "reason": entry.reason,
                "score": entry.score,
                "amount": entry.amount,
                "gates": msgspec.json.encode(verdicts),
                "reasons": msgspec.json.encode(entry.reasons),
            },
        )
        self._context.metrics.decisions.labels(self._context.key, entry.action, entry.verdict).inc()
        unit.publish(
            DecisionMade(
                id=f"decision:{entry.identity}",
                time=entry.time,
                pair=entry.pair,
                action=entry.action,
                verdict=entry.verdict,
                reason=entry.reason,
                score=entry.score,
                gates=verdicts,
                amount=entry.amount,
                expires_at=entry.expires_at,
            )
        )
