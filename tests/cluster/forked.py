"""Operators that need not import what they are made of: forks of one process that has done so.

A third of what a test of the operator costs is its start, and that is importing. So one process for each pytest worker
imports once, and each operator is a fork of it that runs the command line of the product with its own environment and
log, as a program would. Where the start itself is looked at (`test_steady_state.py`, `test_install.py`, the bench) it
is a program.

    python -m tests.cluster.forked        the process that is forked: a request is a line of JSON, an answer a line
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.processes import Process, start_with_us

PRELOADED = ("tradewind.cli.main", "tradewind.cli.operator", "tradewind_operator.main", "tradewind_operator.settings")


class Fork:
    """A forked process, with what `Process` asks of one; how it ended is not known."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """0 when it has ended."""
        return 0 if select.select([self._ended], [], [], 0)[0] else None

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended."""
        if not select.select([self._ended], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("fork", timeout or 0.0)
        return 0

    def send_signal(self, which: int) -> None:
        """Also where it has just ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._ended, which)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkedProcess(Process):
    """`tradewind ARGUMENTS` with variables of its own, as a fork."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        super().__init__(name, arguments, log)
        self._environment = dict(environment)

    def start(self) -> None:
        """Starts it, unless it is running."""
        if self.pid is None:
            self._process = self._fork()

    def _fork(self) -> Fork:
        request = {"arguments": self._command, "environment": self._environment, "log": str(self.log)}
        forking = _forking()
        assert forking.stdin is not None
        assert forking.stdout is not None
        forking.stdin.write(json.dumps(request).encode() + b"\n")
        forking.stdin.flush()
        return Fork(int(forking.stdout.readline()))


@functools.cache
def _forking() -> subprocess.Popen[bytes]:
    return start_with_us([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def main() -> None:
    """Import, then fork at each request, until nobody can ask any more."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each fork looks through all of it for garbage, and so copies it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(**request)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _become(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """Be `tradewind ARGUMENTS`, and end as it does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with the process that forked it; Linux only
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.update(environment)
    sys.argv = ["tradewind", *arguments]
    from tradewind.cli.main import main as tradewind  # noqa: PLC0415 - it is there already

    code = 1
    try:
        tradewind()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
