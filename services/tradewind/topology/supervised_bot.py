"""A bot in several processes, supervised from here: what is put together around the supervisor.

Its directory and the lock on it, the manifest for the processes, their logs, and the socket on which others ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TextIO, cast

from tradewind.contracts.api.document import dump_bot
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import MachineError
from tradewind.kernel.state_directory import FIELD, MANIFEST, StateDirectory
from tradewind.kernel.telemetry.logging import configure_logging, logger_for
from tradewind.topology.child import Child, Program
from tradewind.topology.control import Control
from tradewind.topology.places import Places
from tradewind.topology.process_logs import Follower, LogStream, ProcessLog, Show, tail
from tradewind.topology.supervisor import Pauses, Supervisor

OWN_LOG = "supervisor"
BEHIND = 10_000
"""Lines by which whoever follows a log may be behind before it is left."""
LEFTOVERS_END_WITHIN = 90.0
"""Seconds: longer than the processes of a killed supervisor take to end by themselves."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SupervisedBot:
    """One bot; `acquire`, `run`, `release`. `show` gets every line of every process."""

    def __init__(self, bot: TradingBot, places: Places, show: Show, *, log_style: str, log_level: str) -> None:
        self._bot, self._places, self._show = bot, places, show
        self._directory = StateDirectory(places.supervisor)
        self._style, self._level = log_style, log_level

    def acquire(self) -> None:
        """Be the only supervisor of the bot on this machine; raises `MachineError` where there is another."""
        self._directory.acquire()
        self._directory.write(MANIFEST, dump_bot(self._bot))

    def release(self) -> None:
        """Let another one be."""
        self._directory.release()

    async def run(
        self, programs: Sequence[Program], preparation: Program | None = None, pauses: Pauses | None = None
    ) -> int:
        """Run `programs` until a signal ends it; the exit code."""
        own = self._open_log(OWN_LOG)
        configure_logging(self._level, self._style, cast("TextIO", LogStream(own)))
        log = logger_for(OWN_LOG, self._bot.key)
        try:
            supervisor = Supervisor(
                programs,
                self._open_log,
                log,
                first=lambda: self._wait_for_leftovers(log),
                preparation=preparation,
                pauses=pauses,
            )
            control = Control(self._places.supervisor, _Answers(supervisor, own))
            with _ended_by_signals(supervisor):
                await control.start()
                try:
                    return await supervisor.run()
                finally:
                    # Whoever follows it gets its last line before the talk ends.
                    own.close()
                    await control.close()
        finally:
            own.close()

    def _open_log(self, name: str) -> ProcessLog:
        return ProcessLog(name, self._places.log(name), self._show)

    async def _wait_for_leftovers(self, log: Any) -> None:
        """Those of a supervisor that was killed end by themselves, in order; beside them no other may begin."""
        for running in self._places.running():
            log.info("start waits", what=f"process {running.process}, which still has {running.directory}")
            try:
                async with asyncio.timeout(LEFTOVERS_END_WITHIN):
                    await _until_free(StateDirectory(running.directory))
            except TimeoutError as error:
                raise MachineError(
                    FIELD,
                    str(running.directory),
                    f"no other process of the bot on this machine (process {running.process} runs)",
                    "stop it first: tradewind stop BOT",
                ) from error


async def _until_free(directory: StateDirectory) -> None:
    loop, freed = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        directory.until_free(LEFTOVERS_END_WITHIN)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(freed.set)

    # Not a thread of the loop, whose end would wait for it: Ctrl-C ends the wait.
    threading.Thread(target=wait, daemon=True).start()
    await freed.wait()


class _Answers:
    """What the supervisor answers on its socket: the rows of its processes, or the lines of logs."""

    def __init__(self, supervisor: Supervisor, own: ProcessLog) -> None:
        self._supervisor, self._own = supervisor, own

    def __call__(self, question: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Answer `{"do": ..., "names": [...]}`; raises `ValueError` for another question."""
        names = [str(name) for name in question.get("names", ())]
        match question.get("do"):
            case "status":
                return self._rows(self._supervisor.children)
            case "named":
                return self._rows(self._supervisor.named(names) if names else self._supervisor.children)
            case "stop":
                return self._changed(self._supervisor.stop(names))
            case "restart":
                return self._changed(self._supervisor.restart(names))
            case "follow":
                return self._lines(names, int(question.get("lines", 0)))
        raise ValueError(question.get("do"))

    async def _rows(self, children: Sequence[Child]) -> AsyncIterator[Any]:
        for child in children:
            yield row_of(child)

    async def _changed(self, work: Any) -> AsyncIterator[Any]:
        # Whoever asked may go away; what was begun is brought to its end.
        for child in await asyncio.shield(asyncio.ensure_future(work)):
            yield row_of(child)

    async def _lines(self, names: Sequence[str], lines: int) -> AsyncIterator[Any]:
        logs = [self._own] if names == [OWN_LOG] else [child.log for child in self._supervisor.named(names)]
        queue: Follower = asyncio.Queue(BEHIND)
        with contextlib.ExitStack() as stack:
            for log in logs:
                stack.enter_context(log.follow(queue))
            # Nothing is awaited between the two, so no line comes twice or not at all.
            old = [(log.name, line) for log in logs for line in tail(log.path, lines)]
            for one in old:
                yield one
            while (new := await queue.get()) is not None:
                yield new


def row_of(child: Child) -> dict[str, Any]:
    """What there is to tell of a process, without asking it."""
    program = child.program
    return {
        "process": program.name,
        "services": list(program.services),
        "state": child.state.value,
        "pid": child.process,
        "restarts": child.restarts,
        "since": child.since.isoformat(timespec="seconds"),
        "reason": child.reason,
    }


@contextlib.contextmanager
def _ended_by_signals(supervisor: Supervisor) -> Any:
    loop = asyncio.get_running_loop()
    # Under nohup a terminal that goes away means nothing.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    taken = [one for one in _SIGNALS if one is not signal.SIGHUP or not ignored]
    for one in taken:
        loop.add_signal_handler(one, supervisor.end)
    try:
        yield
    finally:
        for one in taken:
            loop.remove_signal_handler(one)
