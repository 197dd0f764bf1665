"""Whether the bot trades: running, paused, stopped, or stopped by emergency. Stored, so it survives restarts.

Paused: no entries, exits go on. Stopped: neither, what rests at the venue stays. EmergencyStopped: open orders were
canceled at the venue; latched until a person clears it. In force is the manifest's `emergencyStop` or the latch.

The latch holds from the moment it is asked for. While the store does not take it, it is kept in memory and in a file
beside the store, out of the reach of whatever is loaded again; the next unit of work that commits takes it along.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Literal, get_args

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.contracts.messages import TradingStateChanged
from tradewind.domain.errors import PermanentError
from tradewind.engine.tables import state
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

Trading = Literal["Running", "Paused", "Stopped", "EmergencyStopped"]

LATCH = "emergency-stop.json"

_FIELDS = ("trading", "reason", "actor", "decided_time", "decided_final", "version")
_INSERT = insert(state)
_UPDATE = update(state).where(state.c.bot == bindparam("key_bot")).values({name: bindparam(name) for name in _FIELDS})


class TradingState:
    """The stored state of trading, and how far the engine has decided."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._file = context.data_directory / LATCH
        self._latch: tuple[str, str] | None = None
        self._forget()

    def _forget(self) -> None:
        """As a bot that has never decided anything."""
        self._stored_trading: Trading = "Running"
        self._reason, self._actor = "started", "manifest"
        self.decided_time = -1
        self.decided_final = False
        self.version = 0
        self._stored = False

    @property
    def trading(self) -> Trading:
        """What is in force."""
        return "EmergencyStopped" if self._context.bot.spec.emergency_stop else self.latched

    @property
    def latched(self) -> Trading:
        """What people have asked for last."""
        return "EmergencyStopped" if self._latch else self._stored_trading

    @property
    def reason(self) -> str:
        """Why it is so."""
        return self._latch[0] if self._latch else self._reason

    @property
    def actor(self) -> str:
        """Who asked for it."""
        return self._latch[1] if self._latch else self._actor

    def load(self, connection: Connection) -> None:
        """Read the row; a latch that is not in it yet stays."""
        row = connection.execute(select(state).where(state.c.bot == self._context.key)).one_or_none()
        self._forget()
        if row is not None:
            self._stored = True
            self._stored_trading, self._reason, self._actor = row.trading, row.reason, row.actor
            self.decided_time, self.decided_final = row.decided_time, bool(row.decided_final)
            self.version = row.version
        if self._latch is None and self._file.exists():
            self._latch = _read_latch(self._file.read_bytes())
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
            # Before the commit: a file that could not be removed must not bring the latch back after it.
            self._file.unlink(missing_ok=True)
            self._set("Stopped", reason, actor, time, unit)

    # --------------------------------------------------------------------------------------------- the unstored latch

    def latch(self, reason: str, actor: str) -> None:
        """Stop now, whatever becomes of the store."""
        self._latch = reason, actor
        self._show()

    def keep_latch(self) -> None:
        """The store did not take the latch: keep it over a restart. Raises `OSError` when the disk does not either."""
        if self._latch is not None:
            self._file.write_text(json.dumps({"reason": self._latch[0], "actor": self._latch[1]}))

    def store_latch(self, time: int, unit: UnitOfWork) -> bool:
        """Take a latch that could not be stored along with `unit`; whether there was one."""
        if self._latch is None:
            return False
        reason, actor = self._latch
        self._set("EmergencyStopped", reason, actor, time, unit)
        return True

    def _set(self, to: Trading, reason: str, actor: str, time: int, unit: UnitOfWork) -> None:
        self._stored_trading, self._reason, self._actor = to, reason, actor
        self.version += 1
        self._save(unit)
        unit.publish(
            TradingStateChanged(id=f"trading:{self.version}", time=max(time, 0), state=to, reason=reason, actor=actor)
        )
        unit.on_commit(self._stored_now)

    def _stored_now(self) -> None:
        self._latch = None
        with suppress(OSError):  # what is stored says the same
            self._file.unlink(missing_ok=True)
        self._show()
        self._context.log.info("trading state changed", state=self.latched, reason=self.reason, actor=self.actor)

    def _save(self, unit: UnitOfWork) -> None:
        values = {
            "trading": self._stored_trading,
            "reason": self._reason,
            "actor": self._actor,
            "decided_time": self.decided_time,
            "decided_final": int(self.decided_final),
            "version": self.version,
        }
        if self._stored:
            unit.write(_UPDATE, {**values, "key_bot": self._context.key}, expect=1)
        else:
            self._stored = True
            unit.write(_INSERT, {**values, "bot": self._context.key})

    def _show(self) -> None:
        metrics, key = self._context.metrics, self._context.key
        metrics.trading_enabled.labels(key).set(int(self.trading == "Running"))
        for name in get_args(Trading):
            metrics.trading_state.labels(key, name).set(int(self.trading == name))


def _read_latch(text: bytes) -> tuple[str, str]:
    """A file that was cut short still says that trading is stopped."""
    try:
        told = json.loads(text)
        return str(told["reason"]), str(told["actor"])
    except (ValueError, KeyError, TypeError):
        return "emergency stop, its reason was not written whole", "unknown"
