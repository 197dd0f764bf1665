"""Lines of several processes on standard error, each with the name of its process, coloured at a terminal.

They are written by a thread: somebody who scrolls back, or holds the terminal with Ctrl-S, must not keep the supervisor
from its work. What cannot be shown in time is left out and counted; the logs have all of it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import threading
from typing import TextIO

import typer

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")
_WAITING = 10_000
_OWN_LABEL = re.compile(r"^(\d\d:\d\d:\d\d) \[([\w-]+)\] ")
"""The label that a process gives to its lines by itself, which says nothing where it is the same."""


class Terminal:
    """Shows lines until `close`."""

    def __init__(self, stream: TextIO, *, json_lines: bool = False) -> None:
        """With `json_lines` lines that are JSON stay so, and get the name as the field `process`."""
        self._stream, self._json = stream, json_lines
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._names: list[str] = []
        self._left_out = 0
        self._queue: queue.Queue[str | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def show(self, name: str, line: str) -> None:
        """Show a line of the process `name`, soon."""
        try:
            if self._left_out:
                self._queue.put_nowait(f"({self._left_out} lines are left out here; tradewind logs has them)")
                self._left_out = 0
            self._queue.put_nowait(self._labelled(name, line))
        except queue.Full:
            self._left_out += 1

    def close(self, patience: float = 2.0) -> None:
        """Show what is left, unless nobody takes it."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=patience)
        self._thread.join(patience)

    def _labelled(self, name: str, line: str) -> str:
        if self._json and line.startswith("{") and len(line) > 2:
            return f'{{"process": "{name}", {line[1:]}'
        own = _OWN_LABEL.match(line)
        if own is not None and own[2] == name:
            line = f"{own[1]} {line[own.end() :]}"
        return f"{self._label(name)} {line}"

    def _label(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        colour = _COLOURS[self._names.index(name) % len(_COLOURS)]
        return typer.style(f"[{name}]", fg=colour) if self._coloured else f"[{name}]"

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            # A terminal that has gone away takes nothing more, and that is no reason to stop.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(f"{line}\n")
                self._stream.flush()
