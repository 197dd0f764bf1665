"""A file that one process at a time has, and in which stands who that is.

The lock is the kernel's (`flock`), so it goes with the process however that ends; the file itself stays, and means
nothing while nobody has it. Whoever only wants to know who has it (`holder`), or to wait until nobody has
(`until_free`), takes a shared one for a moment; who wants it for good tries again for that long.
"""

from __future__ import annotations

import fcntl
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO

_LOOKS = 5
_LOOK = 0.01
"""How often, and after how many seconds, a lock is tried again that somebody may only have looked at."""


class LockTakenError(Exception):
    """Another process has the file; `holder` is what that one wrote about itself."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class LockFile:
    """The file at `path`, in a folder that is made with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._file is not None

    def acquire(self, holder: str) -> None:
        """Take it and write `holder` into it; `LockTakenError`, or `OSError` where it cannot be written."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            file = undo.enter_context(self.path.open("a+"))
            if not _taken(file):
                file.seek(0)
                raise LockTakenError(file.read().strip() or "unknown")
            file.truncate(0)
            file.write(holder)
            file.flush()
            undo.pop_all()
        self._file = file

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def holder(self) -> str | None:
        """What the process that has it now wrote about itself; None where nobody has it."""
        try:
            file = self.path.open()
        except FileNotFoundError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
            return None

    def until_free(self, patience: float) -> bool:
        """Wait until nobody has it, for `patience` seconds at most; whether that is so."""
        try:
            file = self.path.open()
        except FileNotFoundError:
            return True

        def wait() -> None:
            with file:
                fcntl.flock(file, fcntl.LOCK_SH)

        # The kernel wakes this thread when the holder ends; one that still waits shall not keep the process alive.
        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(patience)
        return not waiting.is_alive()


def _taken(file: IO[str]) -> bool:
    for _ in range(_LOOKS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK)
        else:
            return True
    return False
