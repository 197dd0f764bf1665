"""Programs that end with the tests, whatever happens to the tests.

A control plane that outlives its test run eats a core for ever. So each program is started by a small Python program
that first asks the kernel to kill it as soon as its parent is gone (Linux: PR_SET_PDEATHSIG) and then becomes the
program. The kernel takes the *thread* that started it for its parent; all are therefore started by one thread that
lives as long as this process. Elsewhere than on Linux a killed test run leaves them behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")

_BECOME = """
import ctypes, os, signal, sys
if sys.argv[2] != "-":
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that started this one has ended")
os.execv(sys.argv[3], sys.argv[3:])
"""

LOOPBACK = "127.0.0.1"
_PORTS = range(20_000, 30_000)
"""Below those that the kernel gives to whoever connects somewhere."""


class Process:
    """A program with a log file. It can be started again after it has ended; the log then goes on.

    `user` is the number of the user (and group) that it runs as, where that is another one; only root can say so.
    """

    def __init__(self, name: str, command: list[str], log: Path, user: int | None = None) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._user = user
        self._process: Any = None

    @property
    def pid(self) -> int | None:
        """Its process id, or None when it is not running."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def start(self) -> None:
        """Starts the program, unless it is running."""
        if self.pid is None:
            self._process = _STARTER.submit(self._start).result()

    def stop(self, how: signal.Signals = signal.SIGKILL, patience: float = 30.0) -> None:
        """Ends the program by the signal `how`, and by SIGKILL when that has not helped for `patience` seconds."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
            process.kill()
        process.wait()
        self._process = None

    def pause(self) -> None:
        """Stops the program in its tracks: its connections stay open and nobody answers on them."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused program go on."""
        self._signal(signal.SIGCONT)

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, which: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} is not running")
        self._process.send_signal(which)

    def _start(self) -> Any:
        with self.log.open("ab") as log:
            return _ending_with_us(
                self._command, self._user, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )


def start_with_us(command: list[str], **streams: Any) -> subprocess.Popen[bytes]:
    """Starts a program that ends with this process; `streams` as `subprocess.Popen` has them."""
    return _STARTER.submit(_ending_with_us, command, None, **streams).result()


def _ending_with_us(command: list[str], user: int | None, **streams: Any) -> subprocess.Popen[bytes]:
    # The kernel forgets what it was asked at a change of the user, so that comes first.
    first = [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), "-" if user is None else str(user)]
    # A session of its own: Ctrl-C is for the tests, which then end what they have started in order.
    return subprocess.Popen([*first, *command], start_new_session=True, **streams)


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """`count` free ports of the loopback interface that no other holder of reserved ports is given meanwhile.

    A port that was only found free may be taken by a neighbour before a program has come up on it; a lock file per
    block of ports keeps test runs of the same machine apart.
    """
    locks = Path(tempfile.gettempdir()) / f"tradewind-ports-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    blocks = list(range(_PORTS.start, _PORTS.stop - count, 10))
    random.shuffle(blocks)
    for first in blocks:
        with (locks / str(first)).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            ports = list(range(first, first + count))
            if all(map(_is_free, ports)):
                yield ports
                return
    raise RuntimeError(f"no {count} ports in a row are free between {_PORTS.start} and {_PORTS.stop}")


_KEPT = contextlib.ExitStack()


def own_ports(count: int) -> list[int]:
    """`count` reserved ports, kept for as long as this process runs: for whoever starts a program and forgets it."""
    return _KEPT.enter_context(reserved_ports(count))


def is_listening(port: int) -> bool:
    """Whether somebody listens on that port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
