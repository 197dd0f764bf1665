"""Keeps the processes of a bot running, and ends them in order.

They are started in the order in which they depend on each other, without waiting: each waits by itself for whom it
needs. They are ended the other way round, each after the one before it is gone, so that whoever decides is gone before
whoever carries out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tradewind.domain.errors import NotFoundError, TemporaryError, TradewindError
from tradewind.topology.child import INVALID, Backoff, Child, ProcessState, Program, ended, how, launch
from tradewind.topology.process_logs import ProcessLog

TEMPORARY = 6
"""The exit code of what may succeed later."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before an ended process is started again."""

    first: float = 1.0
    longest: float = 60.0
    forgets_after: float = 60.0
    longest_of_preparation: float = 5.0


class Supervisor:
    """Supervises `programs`, which are in the order of their start. `run`; `end` makes it return."""

    def __init__(
        self,
        programs: Sequence[Program],
        open_log: Callable[[str], ProcessLog],
        own_log: Any,
        *,
        first: Callable[[], Awaitable[None]] | None = None,
        preparation: Program | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        """`first`, then `preparation` come to their good end before all; `own_log` takes the supervisor's own lines."""
        self.pauses = pauses or Pauses()
        self._own_log, self._open_log = own_log, open_log
        self._first, self._preparation, self._begun = first, preparation, False
        self.children = [self._child(program) for program in programs]
        self._ending, self._hurry = asyncio.Event(), asyncio.Event()
        self._lock = asyncio.Lock()

    def end(self) -> None:
        """End everything in order; a second call ends it at once."""
        if self._ending.is_set():
            self._hurry.set()
        self._ending.set()

    async def run(self) -> int:
        """Until `end`; the exit code: that of an invalid manifest where every process was refused because of it."""
        try:
            if await self._prepared():
                self._begun = True
                for child in self.children:
                    child.start()
                await self._ending.wait()
            refused = bool(self.children) and all(one.state is ProcessState.REFUSED for one in self.children)
            async with self._lock:
                self._own_log.info("stopping")
                await self._stop(self.children)
            return INVALID if refused else 0
        finally:
            for child in self.children:
                child.log.close()

    async def stop(self, names: Sequence[str]) -> list[Child]:
        """End the processes that `names` mean, which stay ended; raises `NotFoundError` for a name of none."""
        chosen = self._chosen(names)
        async with self._lock:
            await self._stop(chosen)
        return chosen

    async def restart(self, names: Sequence[str]) -> list[Child]:
        """End the processes that `names` mean, all without names, and start them, also those that were stopped."""
        chosen = self._chosen(names) if names else self._chosen([child.program.name for child in self.children])
        async with self._lock:
            await self._stop(chosen)
            if not self._ending.is_set():
                for child in chosen:
                    child.start()
        return chosen

    def named(self, names: Sequence[str]) -> list[Child]:
        """The processes that `names` mean, in the order of their start; raises `NotFoundError` for a name of none."""
        for name in names:
            if not any(child.program.known_as(name) for child in self.children):
                known = dict.fromkeys(
                    one for child in self.children for one in (child.program.name, *child.program.services)
                )
                raise NotFoundError(f"no service or process {name}; there are: {', '.join(known)}")
        return [child for child in self.children if any(child.program.known_as(name) for name in names)]

    # ------------------------------------------------------------------------------------------------------ internals

    def _chosen(self, names: Sequence[str]) -> list[Child]:
        if not self._begun:
            raise TemporaryError("nothing is started yet: tradewind logs BOT supervisor says what is waited for")
        return self.named(names)

    def _child(self, program: Program) -> Child:
        backoff = Backoff(self.pauses.first, self.pauses.longest, self.pauses.forgets_after)
        return Child(program, self._open_log(program.name), self._own_log, backoff, self._look)

    def _look(self) -> None:
        """Nothing is left to supervise where nothing may be tried again."""
        if all(child.state is ProcessState.REFUSED for child in self.children):
            self._ending.set()

    async def _stop(self, children: Sequence[Child]) -> None:
        groups: dict[str, list[Child]] = {}
        for child in reversed(children):
            groups.setdefault(child.program.replica_of, []).append(child)
        for group in groups.values():
            await asyncio.gather(*(child.stop(self._hurry) for child in group))

    async def _prepared(self) -> bool:
        """Whether the preparation came to its good end before it was all over; raises what it failed with."""
        working = asyncio.create_task(self._prepare())
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
            return working.done() and not self._ending.is_set()
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)

    async def _prepare(self) -> None:
        if self._first is not None:
            await self._first()
        if self._preparation is not None:
            await self._run_to_its_end(self._preparation)

    async def _run_to_its_end(self, program: Program) -> None:
        log, told = self._open_log(program.name), ""
        backoff = Backoff(self.pauses.first, self.pauses.longest_of_preparation)
        try:
            while True:
                code = await ended(await launch(program), log)
                if code == 0:
                    return
                reason = log.last.removeprefix("error: ")
                if code != TEMPORARY:
                    raise TradewindError(f"{program.name} {how(code)}: {reason}")
                if reason != told:
                    self._own_log.warning("start waits", what=program.name, reason=reason)
                told = reason
                await asyncio.sleep(backoff.pause(0))
        finally:
            log.close()
