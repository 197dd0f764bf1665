"""The state directory of a bot: its database, its report, and the lock that keeps a second instance out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tradewind.domain.errors import MachineError
from tradewind.kernel.lock_file import LockFile, LockTakenError

FIELD = "state directory"
MANIFEST = "bot.yaml"
"""The manifest that the state in the directory rests on."""
LOCK = "lock"
"""Who has the directory: the number of a process, as long as that holds the kernel's lock on the file."""
ADDRESSES = "addresses.json"
"""Where the services of the process listen, while they do: for whoever looks at it from this machine."""


class StateDirectory:
    """An existing, writable directory that belongs to this process until `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.created = False
        self._lock = LockFile(path / LOCK)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "tradewind.sqlite3"

    def acquire(self) -> None:
        """Make it, and take the lock; raises `MachineError` when it cannot be written or somebody else has it."""
        try:
            self.created = not self.path.exists()
            self._lock.acquire(str(os.getpid()))
        except LockTakenError as error:
            raise MachineError(
                FIELD,
                str(self.path),
                f"one instance at a time (process {error.holder} has it)",
                "stop that instance first, or use another directory",
            ) from error
        except OSError as error:
            raise MachineError(
                FIELD,
                str(self.path),
                f"a directory that this user can write ({error.strerror})",
                "make it writable, or set TRADEWIND_STATE_DIRECTORY to another one",
            ) from error

    def holder(self) -> int | None:
        """The number of the process that has it now; None where nobody has it."""
        return int(self._lock.holder() or 0) or None

    def until_free(self, patience: float) -> bool:
        """Wait until nobody has it, for `patience` seconds at most; whether that is so."""
        return self._lock.until_free(patience)

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        unfinished = self.path / f".{name}"
        unfinished.write_text(text)
        unfinished.replace(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a file, if this process has the directory and the file is there."""
        if self._lock.held:
            (self.path / name).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what this process made; a directory that was there before, or is somebody else's, is left alone."""
        if self._lock.held and self.created:
            shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let go of the lock."""
        self._lock.release()
