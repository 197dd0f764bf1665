"""What this process uses, read from the operating system: processor, memory, disk, open files."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Resources:
    """`cpu_ratio` is the share of one processor since the last look; memory and disk are in bytes."""

    cpu_ratio: float
    memory_bytes: int
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    open_files: int | None
    threads: int
    uptime_seconds: float


class ResourceReader:
    """Looks at the process and at the disk that holds `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started = time.monotonic()
        self._last = (self._started, time.process_time())

    def read(self) -> Resources:
        """How it stands now."""
        before, used_before = self._last
        now, used = self._last = (time.monotonic(), time.process_time())
        free, total = self._disk()
        return Resources(
            cpu_ratio=(used - used_before) / (now - before) if now > before else 0.0,
            memory_bytes=_memory(),
            disk_free_bytes=free,
            disk_total_bytes=total,
            open_files=_open_files(),
            threads=threading.active_count(),
            uptime_seconds=now - self._started,
        )

    def _disk(self) -> tuple[int | None, int | None]:
        try:
            usage = shutil.disk_usage(self._directory)
        except OSError:
            return None, None
        return usage.free, usage.total


def _memory() -> int:
    """Resident bytes; where there is no /proc, the most there ever were."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return pages * os.sysconf("SC_PAGE_SIZE")


def _open_files() -> int | None:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None
