"""The lock on an account at an exchange: of the bots of one user on one machine, one at a time trades there.

Two bots on one account would spend the same money twice and cancel each other's stops, whatever their state
directories are; so this lock goes by what the account is known by (its API key, its number at the exchange) and lies
where all of them look. It is the kernel's (`flock`) and goes with the process however that ends. What it cannot see is
a bot on another machine: see `docs/adr`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import IO

from tradewind.domain.errors import MachineError
from tradewind.kernel.settings import state_home


class AccountLock:
    """The account at `exchange` that is known by `identity`, for the bot `holder`, until `release`."""

    def __init__(self, exchange: str, identity: str, holder: str) -> None:
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self.path: Path = state_home() / "accounts" / f"{exchange}-{digest}.lock"
        self._exchange, self._holder = exchange, holder
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take it, once; raises `MachineError` when another bot has it or it cannot be written."""
        if self._file is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+")
        except OSError as error:
            allowed = f"a file that this user can write ({error.strerror})"
            raise MachineError("lock of the account", str(self.path), allowed, "make its folder writable") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise MachineError(
                f"account at {self._exchange}",
                f"{self._holder} on an account that another bot trades on",
                f"one bot for each account ({holder} has it)",
                "stop that bot first, or give this one an account (a sub-account) of its own",
            ) from error
        file.truncate(0)
        file.write(f"{self._holder}, process {os.getpid()}")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
            self._file = None
