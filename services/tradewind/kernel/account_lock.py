"""The lock on an account at an exchange: of the bots of one user on one machine, one at a time trades there.

Two bots on one account would spend the same money twice and cancel each other's stops, whatever their state
directories are; so this lock goes by what the account is known by (its API key, its number at the exchange) and lies
where all of them look. What it cannot see is a bot on another machine: see `docs/adr`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tradewind.domain.errors import MachineError
from tradewind.kernel.lock_file import LockFile, LockTakenError
from tradewind.kernel.settings import state_home


class AccountLock:
    """The account at `exchange` that is known by `identity`, for the bot `holder`, until `release`."""

    def __init__(self, exchange: str, identity: str, holder: str) -> None:
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self.path: Path = state_home() / "accounts" / f"{exchange}-{digest}.lock"
        self._exchange, self._holder = exchange, holder
        self._lock = LockFile(self.path)

    def acquire(self) -> None:
        """Take it, once; raises `MachineError` when another bot has it or it cannot be written."""
        if self._lock.held:
            return
        try:
            self._lock.acquire(f"{self._holder}, process {os.getpid()}")
        except LockTakenError as error:
            raise MachineError(
                f"account at {self._exchange}",
                f"{self._holder} on an account that another bot trades on",
                f"one bot for each account ({error.holder} has it)",
                "stop that bot first, or give this one an account (a sub-account) of its own",
            ) from error
        except OSError as error:
            allowed = f"a file that this user can write ({error.strerror})"
            raise MachineError("lock of the account", str(self.path), allowed, "make its folder writable") from error

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()
