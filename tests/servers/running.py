"""A Redis and a PostgreSQL on the loopback interface that a test may pause, kill and start again.

Each has a folder of its own beneath the system's temporary folder, which goes with it. PostgreSQL refuses to run as
root; where the tests do, it runs as the user that owns nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from tests.cluster.processes import LOOPBACK, Process, reserved_ports

NOBODY = 65_534
PATIENCE = 150.0


class Server:
    """A program with a port and a folder; `start` returns when it answers."""

    name = ""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.port = 0
        self.folder = Path()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            (self.port,) = self._stack.enter_context(reserved_ports(1))
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=f"tradewind-{self.name}-")))
            self._process = self.prepare()
            self._stack.callback(self.kill)
            self.start()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def process(self) -> Process:
        """The program."""
        assert self._process is not None, "use it as a context"
        return self._process

    def prepare(self) -> Process:
        """Make the folder ready and say what is to be started."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it does its work now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers; the leftovers of a kill may take a moment to go."""
        deadline = time.monotonic() + PATIENCE
        self.process.start()
        while not self.answers():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer: {self.process.tail()}")
            self.process.start()
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut would, except that what it gave to the kernel is on the disk."""
        family = self._family()
        self.process.stop(signal.SIGKILL)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        while any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family):
            time.sleep(0.001)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Stop it in its tracks: connections stay open and nobody answers on them."""
        self.process.pause()
        family = [psutil.Process(self.process.pid), *self._family()]
        for member in family:
            member.suspend()
        # A signal is on its way for a moment; who returned here would still be answered.
        while any(member.status() != psutil.STATUS_STOPPED for member in family):
            time.sleep(0.001)

    def resume(self) -> None:
        """Let it go on."""
        for child in self._family():
            child.resume()
        self.process.resume()

    def _family(self) -> list[psutil.Process]:
        """What it has started; PostgreSQL is a process per connection."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.process.pid is not None:
                return psutil.Process(self.process.pid).children(recursive=True)
        return []


class RedisServer(Server):
    """A Redis that keeps an append-only file, every command on the disk before its answer, as the chart sets it up."""

    name = "redis"

    def __init__(self, program: Path) -> None:
        super().__init__()
        self._program = program

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def prepare(self) -> Process:
        """No configuration file: what matters stands in the command."""
        command = [str(self._program), "--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"]
        return Process(self.name, command, self.folder / "log")

    def empty(self) -> None:
        """Kill it and start it again without anything of what it had, as one without a disk comes back."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        self.start()

    def answers(self) -> bool:
        """It says so."""
        return self.command("PING").startswith("+PONG")

    def command(self, *words: str) -> str:
        """The raw answer to a command; empty when there is none."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
                connection.sendall((" ".join(words) + "\r\n").encode())
                return connection.recv(65_536).decode()
        except OSError:
            return ""


class PostgresServer(Server):
    """A PostgreSQL with an empty cluster; each test makes a database of its own in it."""

    name = "postgres"
    settings = (
        "max_connections=60",
        "shared_buffers=32MB",
        "unix_socket_directories=",
        "log_min_messages=warning",
        "dynamic_shared_memory_type=mmap",  # among its data: elsewhere a server that is killed leaves some for ever
    )
    initdb: tuple[str, ...] = ()
    """More words for `initdb`."""

    def __init__(self, programs: Path) -> None:
        super().__init__()
        self._programs = programs
        self._user = NOBODY if os.getuid() == 0 else None

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://tradewind@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> Process:
        """Make the cluster."""
        self._make_reachable()
        data = self.folder / "data"
        if self._user is not None:
            os.chown(self.folder, self._user, self._user)
        command = [self._programs / "initdb", "-D", data, "-U", "tradewind", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C", "--no-sync", *self.initdb]
        owner = {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False, **owner
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")
        words = [str(self._programs / "postgres"), "-D", str(data), "-p", str(self.port), "-h", LOOPBACK]
        words += [word for setting in self.settings for word in ("-c", setting)]
        return Process(self.name, words, self.folder / "log", self._user)

    def _make_reachable(self) -> None:
        """Programs in a home that is closed to others are copied to where the other user can read them."""
        homes = [self._programs, *self._programs.parents]
        if self._user is None or all(path.stat().st_mode & 0o001 for path in homes):
            return
        copy = self.folder / "programs"
        shutil.copytree(self._programs.parent, copy, symlinks=True)
        self._programs = copy / self._programs.name

    def answers(self) -> bool:
        """It takes connections: a start packet is answered by anything but an error."""
        start = b"\x00\x03\x00\x00user\x00tradewind\x00database\x00postgres\x00\x00"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
                connection.sendall((len(start) + 4).to_bytes(4, "big") + start)
                return connection.recv(1) == b"R"
        except OSError:
            return False
