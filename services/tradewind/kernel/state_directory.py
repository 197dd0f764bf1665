"""The state directory of a bot: its database, its report, and the lock that keeps a second instance out.

The lock is the kernel's (`flock`), so it goes with the process however that ends. Whoever only wants to know who has it
(`holder`), or to wait until nobody has (`until_free`), takes a shared one for a moment; who wants it for good tries
again for that long.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from pathlib import Path
from typing import IO

from tradewind.domain.errors import MachineError

FIELD = "state directory"
MANIFEST = "bot.yaml"
"""The manifest that the state in the directory rests on."""
LOCK = "lock"
"""Who has the directory: the number of a process, as long as that holds the kernel's lock on the file."""
ADDRESSES = "addresses.json"
"""Where the services of the process listen, while they do: for whoever looks at it from this machine."""
_LOOKS = 5
_LOOK = 0.01
"""How often, and after how many seconds, a lock is tried again that somebody may only have looked at."""


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
            lock = (self.path / LOCK).open("a+")
        except OSError as error:
            raise MachineError(
                FIELD,
                str(self.path),
                f"a directory that this user can write ({error.strerror})",
                "make it writable, or set TRADEWIND_STATE_DIRECTORY to another one",
            ) from error
        if not _taken(lock):
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise MachineError(
                FIELD,
                str(self.path),
                f"one instance at a time (process {holder} has it)",
                "stop that instance first, or use another directory",
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def holder(self) -> int | None:
        """The number of the process that has it now; None where nobody has it."""
        try:
            lock = (self.path / LOCK).open()
        except FileNotFoundError:
            return None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read().strip() or 0) or None
            return None

    def until_free(self, patience: float) -> bool:
        """Wait until nobody has it, for `patience` seconds at most; whether that is so."""
        try:
            lock = (self.path / LOCK).open()
        except FileNotFoundError:
            return True

        def wait() -> None:
            with lock:
                fcntl.flock(lock, fcntl.LOCK_SH)

        # The kernel wakes this thread when the holder ends; one that still waits shall not keep the process alive.
        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(patience)
        return not waiting.is_alive()

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        unfinished = self.path / f".{name}"
        unfinished.write_text(text)
        unfinished.replace(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a file, if this process has the directory and the file is there."""
        if self._lock is not None:
            (self.path / name).unlink(missing_ok=True)

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


def _taken(lock: IO[str]) -> bool:
    for _ in range(_LOOKS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOOK)
        else:
            return True
    return False
