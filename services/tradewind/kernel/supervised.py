"""A process that ends with the one that supervises it, however that ends.

The supervisor keeps the other end of this process's standard input and never writes. When it ends, of itself or by
`kill -9`, the kernel closes that end, on Linux as on macOS, and the process stops as after SIGTERM: a bot that nobody
watches shall not go on trading. From then on it logs to its file, because nobody reads what it prints any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

GRACE = 60.0
"""Seconds until a process that does not stop is killed."""


def end_with_supervisor(log: Path, grace: float = GRACE) -> None:
    """Watch standard input from now on, beside everything else; `log` is where this process's lines are kept."""
    # A thread, because an event loop that hangs is one of the reasons to be ended.
    threading.Thread(target=_watch, args=(log, grace), name="supervised", daemon=True).start()


def _watch(log: Path, grace: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            """Nothing is said there; only its end means something."""
    _log_to(log)
    os.write(2, b"the supervisor has ended; so does this process\n")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os.kill(os.getpid(), signal.SIGKILL)


def _log_to(log: Path) -> None:
    try:
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        file = os.open(os.devnull, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
