"""What is made once per machine and kept: whole or not there at all, by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.pins import Progress


@contextlib.contextmanager
def made_whole(directory: Path) -> Iterator[Path]:
    """A temporary directory that gets its name when the block has ended well. The caller holds the lock."""
    for left_by_a_killed_build in directory.parent.glob(f"{directory.name}.unfinished-*"):
        shutil.rmtree(left_by_a_killed_build, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{directory.name}.unfinished-", dir=directory.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextlib.contextmanager
def locked(file: Path, name: str, progress: Progress) -> Iterator[None]:
    """Held by one process of this machine at a time; freed by the operating system when that process ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another process is building {name}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
