"""The addresses of Redis and Postgres that the chart mounted into the operator, a file each.

Every look at a bot asks for them several times, so they are read only when a file is another one than before; the
kubelet replaces the files when the Secret behind them changes.
"""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[tuple[str, int, int, int], ...]
"""Of each file: its name, and by what it is known to be the same as before."""


class StorageAddresses:
    """What lies in `directory`; nothing where that is None, or cannot be read."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._stamp: Stamp = ()
        self._contents: dict[str, bytes] = {}

    def read(self) -> dict[str, bytes]:
        """The contents of each file, without the space around them, by the name of the file."""
        if self._directory is None:
            return {}
        try:
            files = sorted(one for one in self._directory.iterdir() if one.is_file() and not one.name.startswith("."))
            # Taken before they are read, so that what is replaced meanwhile is read once more.
            stamp = tuple(_stamp(one) for one in files)
            if stamp != self._stamp:
                self._contents = {one.name: one.read_bytes().strip() for one in files}
                self._stamp = stamp
        except OSError:
            return {}
        return self._contents


def _stamp(file: Path) -> tuple[str, int, int, int]:
    found = file.stat()
    return file.name, found.st_ino, found.st_mtime_ns, found.st_size
