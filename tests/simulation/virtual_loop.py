"""An event loop of several processes in one, with its own time and its own idea of who is next.

Time passes only when nobody has anything left to do, and then at once, up to the next timer. What is ready belongs to
a *process* (or to nobody: the world outside), known by a context variable that every task and callback inherits.
Within a process callbacks run in the order in which they became ready, as asyncio promises; whose turn it is among
processes is drawn. A process can be killed between any two steps, which are what lies between two awaits: nothing of
it runs again, no `finally` and no `except`, as after `kill -9`. And it can be paused, as by SIGSTOP: what becomes
ready meanwhile, timers too, waits until it goes on.

Everything is drawn from the one generator that is given, so the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any

CURRENT: ContextVar[Process | None] = ContextVar("simulated_process", default=None)


class StalledError(Exception):
    """Everybody waits for somebody else, and no timer runs."""


class Process:
    """One process of the simulation. `dies_at` is the step before which it is killed."""

    def __init__(self, name: str, loop: VirtualLoop, on_death: Callable[[Process], None]) -> None:
        self.name, self.loop, self._on_death = name, loop, on_death
        self.alive = True
        self.paused = False
        self.steps = 0
        self.dies_at: int | None = None
        self.context: Context = copy_context()
        self.context.run(CURRENT.set, self)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` in this process."""
        return self.loop.create_task(work, context=self.context)

    def call_later(self, seconds: float, callback: Callable[..., object], *arguments: Any) -> None:
        """Call something in this process, unless it is dead by then."""
        self.loop.call_later(seconds, callback, *arguments, context=self.context)

    def die(self) -> None:
        """Run nothing of it any more."""
        if self.alive:
            self.alive = False
            self._on_death(self)

    def pause(self, seconds: float) -> None:
        """Have it stand still for a time."""
        self.paused = True
        # The world counts the time, not the process.
        self.loop.call_later(seconds, self.go_on, context=self.loop.outside)

    def go_on(self) -> None:
        """It runs again."""
        self.paused = False


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. `turns` counts the steps of everybody."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.turns = 0
        self.outside: Context = copy_context()
        self.outside.run(CURRENT.set, None)
        self._random, self._now = random, 0.0
        self._queues: dict[Process | None, deque[asyncio.Handle]] = {}
        self._made: list[asyncio.Task[Any]] = []
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """As ever, and remembered until `close`."""
        task = super().create_task(coro, **options)
        self._made.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """A thread whose work is done before anybody else has a turn."""
        del executor
        future = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
                future.set_exception(error)
            else:
                future.set_result(result)

        self.call_soon(work)
        return future

    def close(self) -> None:
        """End, with what never came to an end; what that tries to do on its way out reaches nobody."""
        for process in self._queues:
            if process is not None:
                process.alive = False
        for task in self._made:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with contextlib.suppress(BaseException):
                    task.get_coro().close()  # type: ignore[union-attr]
        self._made.clear()
        self._queues.clear()
        self._ready.clear()
        self._scheduled.clear()
        super().close()

    # ------------------------------------------------------------------------------------------------------ internals

    def _run_once(self) -> None:
        self._collect()
        runnable = [process for process, queue in self._queues.items() if queue and not (process and process.paused)]
        if not runnable:
            self._pass_time()
            return
        process = runnable[0] if len(runnable) == 1 else self._random.choice(runnable)
        handle = self._queues[process].popleft()
        if handle.cancelled():
            return
        self.turns += 1
        if process is not None:
            process.steps += 1
            if process.dies_at is not None and process.steps >= process.dies_at:
                process.die()
                return
        handle._run()

    def _collect(self) -> None:
        """Sort what is ready by whose it is, timers whose time has come included."""
        while self._scheduled and self._scheduled[0].when() <= self._now:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            self._ready.append(timer)
        while self._ready:
            handle = self._ready.popleft()
            process = handle._context.get(CURRENT)
            if process is None or process.alive:
                self._queues.setdefault(process, deque()).append(handle)
        for dead in [process for process in self._queues if process is not None and not process.alive]:
            del self._queues[dead]

    def _pass_time(self) -> None:
        if self._stopping:
            return
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)._scheduled = False
        if not self._scheduled:
            raise StalledError("everybody waits for somebody else")
        self._now = max(self._now, self._scheduled[0].when())

    # What a selector would do.

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Cancelled timers are passed over when their time comes."""
