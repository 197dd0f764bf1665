"""Whether the bot trades: running, paused, stopped, or stopped by emergency. Stored, so it survives restarts.

Paused: no entries, exits go on. Stopped: neither, what rests at the venue stays. EmergencyStopped: open orders were
canceled at the venue; latched until a person clears it. In force is the manifest's `emergencyStop` or the latch.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.contracts.messages import TradingStateChanged
from tradewind.domain.errors import PermanentError
from tradewind.engine.tables import state
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

Trading = Literal["Running", "Paused", "Stopped", "EmergencyStopped"]

_FIELDS = ("trading", "reason", "actor", "decided_time", "decided_final", "version")
_INSERT = insert(state)
_UPDATE = update(state).where(state.c.bot == bindparam("key_bot")).values({name: bindparam(name) for name in _FIELDS})


class TradingState:
    """The stored state of trading, and how far the engine has decided."""

    def __init__(self, context: Context) -> None:
        self.latched: Trading = "Running"
        self.reason, self.actor = "started", "manifest"
        self.decided_time = -1
        self.decided_final = False
        self._version = 0
        self._stored = False
        self._context = context

    @property
    def trading(self) -> Trading:
        """What is in force."""
        return "EmergencyStopped" if self._context.bot.spec.emergency_stop else self.latched

    def load(self, connection: Connection) -> None:
        """Read the row."""
        row = connection.execute(select(state).where(state.c.bot == self._context.key)).one_or_none()
        self._stored = row is not None
        if row is not None:
            self.latched, self.reason, self.actor = row.trading, row.reason, row.actor
            self.decided_time, self.decided_final = row.decided_time, bool(row.decided_final)
            self._version = row.version
        self._show()

    def decided(self, time: int, unit: UnitOfWork, *, final: bool = False) -> None:
        """Note that the tick `time` was decided, in the transaction of its decisions."""
        self.decided_time, self.decided_final = time, final
        self._save(unit)

    def change(self, to: Trading, reason: str, actor: str, time: int, unit: UnitOfWork) -> None:
        """Go to another state; leaving an emergency stop needs `clear`."""
        if self.latched == "EmergencyStopped" and to != "EmergencyStopped":
            raise PermanentError(
                "trading is stopped by emergency; fix: DELETE /api/v1/trading/emergency-stop clears it, then start"
            )
        self._set(to, reason, actor, time, unit)

    def clear(self, reason: str, actor: str, time: int, unit: UnitOfWork) -> None:
        """Clear the emergency stop; trading stays stopped until it is started."""
        if self.latched == "EmergencyStopped":
            self._set("Stopped", reason, actor, time, unit)

    def latch_in_memory(self, reason: str, actor: str) -> None:
        """Stop now, whatever becomes of the store."""
        self.latched, self.reason, self.actor = "EmergencyStopped", reason, actor
        self._show()

    def _set(self, to: Trading, reason: str, actor: str, time: int, unit: UnitOfWork) -> None:
        self.latched, self.reason, self.actor = to, reason, actor
        self._version += 1
        self._save(unit)
        self._show()
        unit.publish(
            TradingStateChanged(id=f"trading:{self._version}", time=max(time, 0), state=to, reason=reason, actor=actor)
        )
        self._context.log.info("trading state changed", state=to, reason=reason, actor=actor)

    def _save(self, unit: UnitOfWork) -> None:
        values = {
            "trading": self.latched,
            "reason": self.reason,
            "actor": self.actor,
            "decided_time": self.decided_time,
            "decided_final": int(self.decided_final),
            "version": self._version,
        }
        if self._stored:
            unit.write(_UPDATE, {**values, "key_bot": self._context.key}, expect=1)
        else:
            self._stored = True
            unit.write(_INSERT, {**values, "bot": self._context.key})

    def _show(self) -> None:
        self._context.metrics.trading_enabled.labels(self._context.key).set(int(self.trading == "Running"))
