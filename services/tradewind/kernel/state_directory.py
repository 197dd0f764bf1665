"""The state directory of a bot: its database, its report, and the lock that keeps a second instance out.

The lock is the kernel's (`flock`), so it goes with the process however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from tradewind.domain.errors import MachineError

FIELD = "state directory"
MANIFEST = "bot.yaml"
"""The manifest that the state in the directory rests on."""


class StateDirectory:
    """An existing, writable directory that belongs to this process until `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.created = False
        self._lock: IO[str] | None = None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "tradewind.sqlite3"

    def acquire(self) -> None:
        """Make it, and take the lock; raises `MachineError` when it cannot be written or somebody else has it."""
        try:
            self.created = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise MachineError(
                FIELD,
                str(self.path),
                f"a directory that this user can write ({error.strerror})",
                "make it writable, or set TRADEWIND_STATE_DIRECTORY to another one",
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise MachineError(
                FIELD,
                str(self.path),
                f"one instance at a time (process {holder} has it)",
                "stop that instance first, or use another directory",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        unfinished = self.path / f".{name}"
        unfinished.write_text(text)
        unfinished.replace(self.path / name)

    def discard(self) -> None:
        """Remove what this process made; a directory that was there before, or is somebody else's, is left alone."""
        if self._lock is not None and self.created:
            shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
