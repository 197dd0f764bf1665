"""A file that one process at a time has, and in which stands who that is.

The lock is the kernel's (`flock`), so it goes with the process however that ends; the file itself stays, and means
nothing while nobody has it.
"""

from __future__ import annotations

import fcntl
from contextlib import ExitStack
from pathlib import Path
from typing import IO


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
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise LockTakenError(file.read().strip() or "unknown") from error
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
