"""One supervised process: started, watched, started again with growing pauses, ended in order.

What it prints goes to its log. Its standard input is the read end of a pipe of which only the supervisor has the other:
it ends with the supervisor (`kernel.supervised`). It has a session of its own, so that Ctrl-C at the terminal reaches
the supervisor alone, which ends everything in the right order.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tradewind.topology.process_logs import ProcessLog

INVALID = 3
"""The exit code of an invalid manifest: trying again would end the same way."""
LAST_WORDS = 2.0
"""Seconds for what an ended process has still in its pipe; whoever inherited that may keep it open for ever."""


class ProcessState(StrEnum):
    """What a supervised process does."""

    WAITING = "Waiting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: `replica_of` is the workload's name, `grace` the seconds from SIGTERM to SIGKILL.

    `environment` is all that the process gets. `watched` says that it watches its standard input.
    """

    name: str
    replica_of: str
    services: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    grace: float = 30.0
    watched: bool = True

    def known_as(self, name: str) -> bool:
        """Whether `name` means it: its own name, its workload's, or that of a service in it."""
        return name in (self.name, self.replica_of, *self.services)


@dataclass(slots=True)
class Backoff:
    """Pauses before a process is started again, in seconds: each twice the last, until it worked for a while."""

    first: float = 1.0
    longest: float = 60.0
    forgets_after: float = 60.0
    _next: float = 0.0

    def pause(self, worked: float) -> float:
        """The pause after a process that worked for `worked` seconds."""
        if worked >= self.forgets_after or not self._next:
            self._next = self.first
        pause, self._next = self._next, min(self._next * 2, self.longest)
        return pause


async def launch(program: Program) -> Process:
    """Start it; raises `OSError` where the machine cannot."""
    return await asyncio.create_subprocess_exec(
        *program.command,
        stdin=PIPE if program.watched else DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=dict(program.environment),
        start_new_session=True,
    )


async def ended(process: Process, log: ProcessLog) -> int:
    """The exit code, when it has ended and its last words are in the log; negative for a signal.

    Raises what the log raises: a process whose lines nobody takes would stand still.
    """
    assert process.stdout is not None
    reading, waiting = asyncio.create_task(log.read(process.stdout)), asyncio.create_task(process.wait())
    try:
        await asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            await reading
        code = await waiting
        await asyncio.wait({reading}, timeout=LAST_WORDS)
        return code
    finally:
        for task in (reading, waiting):
            task.cancel()
        await asyncio.gather(reading, waiting, return_exceptions=True)
        if process.returncode is None:
            await _killed(process)


async def _killed(process: Process) -> None:
    """End what nobody watches any more, and let go of its pipes."""
    assert process.stdout is not None
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            while await process.stdout.read(65_536):
                """What it said is of no use to anybody."""


def how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


class Child:
    """A process that is kept running from `start` to `stop`."""

    def __init__(
        self, program: Program, log: ProcessLog, own_log: Any, backoff: Backoff, changed: Callable[[], None]
    ) -> None:
        """`own_log` is the supervisor's; `changed` is called at each change of `state`."""
        self.program, self.log = program, log
        self.state = ProcessState.WAITING
        self.since = datetime.now(UTC)
        self.restarts = 0
        self.reason = "it has not been started yet"
        self._own_log, self._backoff, self._changed = own_log, backoff, changed
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def process(self) -> int | None:
        """Its number, None where none runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Keep it running from now on; one that waits for its next try is not tried sooner."""
        if self._task is None or self._task.done():
            self._stopping.clear()
            self._task = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")
            self._task.add_done_callback(self._over)

    async def stop(self, hurry: asyncio.Event) -> None:
        """End it: SIGTERM, and SIGKILL when the grace is over or `hurry` is set. Returns when it is gone."""
        if self._task is None:
            return
        self._stopping.set()
        if self._process is not None:
            self._enter(ProcessState.STOPPING)
            self._signal(signal.SIGTERM)
        hurried = asyncio.create_task(hurry.wait())
        try:
            wait = {self._task, hurried}
            await asyncio.wait(wait, timeout=self.program.grace, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurried.cancel()
        if not self._task.done():
            self._own_log.warning("process killed", process=self.program.name, reason="it did not end in time")
        while not self._task.done():
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._task}, timeout=1)

    # ------------------------------------------------------------------------------------------------------ internals

    async def _keep(self) -> None:
        loop, name = asyncio.get_running_loop(), self.program.name
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._once()
            if self._stopping.is_set():
                break
            self.reason = "it could not be started" if code is None else f"it {how(code)}"
            if code == INVALID:
                self._own_log.error("process is not tried again", process=name, reason=self.log.last)
                self._enter(ProcessState.REFUSED)
                return
            pause = self._backoff.pause(loop.time() - began)
            self._own_log.warning("process ended", process=name, reason=self.reason, again_in=f"{pause:g}s")
            self._enter(ProcessState.WAITING)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            self.restarts += not self._stopping.is_set()
        self.reason = ""
        self._enter(ProcessState.STOPPED)

    async def _once(self) -> int | None:
        """Start it and wait for its end; the exit code, None where it could not be started."""
        try:
            self._process = await launch(self.program)
        except OSError as error:
            self._own_log.warning("process not started", process=self.program.name, reason=str(error))
            return None
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        self.reason = ""
        self._own_log.info("process started", process=self.program.name, pid=self._process.pid)
        self._enter(ProcessState.RUNNING)
        try:
            return await ended(self._process, self.log)
        finally:
            self._process = None

    def _over(self, task: asyncio.Task[None]) -> None:
        """A process that nobody watches any more is told of, whatever the reason."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.reason = f"it is not watched any more: {error!r}"
            self._own_log.error("process is not tried again", process=self.program.name, reason=self.reason)
            self._enter(ProcessState.REFUSED)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(which)

    def _enter(self, state: ProcessState) -> None:
        self.state, self.since = state, datetime.now(UTC)
        self._changed()
