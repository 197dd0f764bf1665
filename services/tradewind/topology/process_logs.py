"""What a supervised process prints: kept in a file of bounded size, shown, and given to whoever follows it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

LARGEST = 5_000_000
"""Bytes of a file; the one before it is kept as well, so a process has twice as much."""
LONGEST_LINE = 65_536

Follower = asyncio.Queue[tuple[str, str] | None]
"""Lines with the name of their process."""
Show = Callable[[str, str], None]
"""Shows a line of a process: its name, and the line without its end."""


class _File(RotatingFileHandler):
    """The file; a disk that is full must not stop what watches over the bot."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of the standard library
        """Go on without the line."""


class ProcessLog:
    """The log of the process `name`, in the file at `path`. Close it."""

    def __init__(self, name: str, path: Path, show: Show, largest: int = LARGEST) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.path = name, path
        self.last = ""
        self._show = show
        self._file = _File(path, maxBytes=largest, backupCount=1, encoding="utf-8", delay=True)
        self._followers: set[Follower] = set()

    def write(self, line: str) -> None:
        """One more line."""
        self.last = line or self.last
        self._file.handle(logging.LogRecord(self.name, logging.INFO, "", 0, line, None, None))
        self._show(self.name, line)
        for queue in tuple(self._followers):
            try:
                queue.put_nowait((self.name, line))
            except asyncio.QueueFull:
                self._leave(queue)

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Write what comes, line by line, until its end."""
        rest = b""
        while chunk := await stream.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self.write(line.decode(errors="replace"))
        if rest:
            self.write(rest.decode(errors="replace"))

    @contextlib.contextmanager
    def follow(self, queue: Follower) -> Iterator[None]:
        """Put every line from now on into `queue`; None at the end, which comes early where the queue is full."""
        self._followers.add(queue)
        try:
            yield
        finally:
            self._followers.discard(queue)

    def close(self) -> None:
        """Close the file, and end for all who follow."""
        for queue in tuple(self._followers):
            self._leave(queue)
        self._file.close()

    def _leave(self, queue: Follower) -> None:
        self._followers.discard(queue)
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(None)


class LogStream:
    """A log as a stream to write on, for the lines of the supervisor itself."""

    def __init__(self, log: ProcessLog) -> None:
        self._log = log

    def write(self, text: str) -> int:
        """The lines of `text`."""
        for line in text.splitlines():
            self._log.write(line)
        return len(text)

    def flush(self) -> None:
        """Every line is written at once."""

    def isatty(self) -> bool:
        """No colours and no widths of a terminal."""
        return False


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` of the log at `path`; empty where there is none."""
    kept: deque[str] = deque(maxlen=lines)
    for file in (path.with_name(f"{path.name}.1"), path):
        with contextlib.suppress(FileNotFoundError), file.open(encoding="utf-8", errors="replace") as text:
            kept.extend(line.rstrip("\n") for line in text)
    return list(kept)
