"""Who trades trials: this process alone, or several of its own, each with a bench and its candles.

The study stays here. A worker gets one set of values at a time, says how it stands after each part, hears whether to
go on, and answers with the outcome.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from tradewind.domain.errors import MachineError
from tradewind.research.optimize.bench import Bench, Hear, Judge, Outcome, Setup, Window, judged
from tradewind.research.optimize.interruption import Interruption
from tradewind.research.optimize.space import Values


class Work(Protocol):
    """Trials that are to be traded, and who hears of them; `task` is whatever stands for one."""

    def next(self) -> tuple[Any, Values] | None:
        """The next task; None when there are no more."""

    def hear(self, task: Any, part: int, loss: float) -> bool:
        """Whether to go on after a part."""

    def tell(self, task: Any, outcome: Outcome) -> None:
        """A task is done."""

    def drop(self, task: Any) -> None:
        """A task is given up, because the work was interrupted."""


class Crew(Protocol):
    """Those who trade."""

    def do(self, work: Work, judge: Judge, window: Window | None, *, hears: bool) -> None:
        """Do all of it. What raises meanwhile, as Ctrl-C does, leaves no task open."""


class Alone:
    """This process, on a bench that is open already."""

    def __init__(self, bench: Bench, interruption: Interruption) -> None:
        self._bench, self._interruption = bench, interruption

    def do(self, work: Work, judge: Judge, window: Window | None, *, hears: bool) -> None:
        """One after the other."""
        while (found := work.next()) is not None:
            task, values = found

            def hear(part: int, loss: float, task: Any = task) -> bool:
                return work.hear(task, part, loss)

            try:
                with self._interruption.expected():
                    outcome = judged(self._bench, judge, values, window, hear if hears else None)
            except BaseException:
                work.drop(task)
                raise
            work.tell(task, outcome)


class WorkerError(Exception):
    """A defect in a worker; the text is its traceback."""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    task: Any = None


@dataclass(frozen=True, slots=True)
class _Order:
    values: Values
    judge: Judge
    window: Window | None
    hears: bool


@dataclass(frozen=True, slots=True)
class _Heard:
    part: int
    loss: float


@dataclass(frozen=True, slots=True)
class _Failed:
    told: str


@dataclass(slots=True)
class Workers:
    """Processes of their own, until `hired` is left."""

    _interruption: Interruption
    _workers: list[_Worker] = field(default_factory=list)

    def do(self, work: Work, judge: Judge, window: Window | None, *, hears: bool) -> None:
        """Whoever is idle gets the next task."""
        try:
            for worker in self._workers:
                self._give(worker, work, judge, window, hears=hears)
            while busy := {worker.connection: worker for worker in self._workers if worker.task is not None}:
                with self._interruption.expected():
                    found = wait(list(busy))
                for ready in found:
                    worker = busy[ready]  # type: ignore[index]
                    if self._took(worker, work):
                        self._give(worker, work, judge, window, hears=hears)
        finally:
            for worker in self._workers:
                if worker.task is not None:
                    work.drop(worker.task)
                    worker.task = None

    def _give(self, worker: _Worker, work: Work, judge: Judge, window: Window | None, *, hears: bool) -> None:
        found = work.next()
        if found is not None:
            worker.task, values = found
            worker.connection.send(_Order(dict(values), judge, window, hears))

    def _took(self, worker: _Worker, work: Work) -> bool:
        """Whether a worker has finished its task, by what it says."""
        try:
            said = worker.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            worker.process.join()
            told = f"a worker that ended with {worker.process.exitcode}"
            fix = "give it memory, or fewer --jobs; finished trials count"
            raise MachineError("--jobs", told, "workers that live", fix) from error
        if isinstance(said, _Heard):
            worker.connection.send(work.hear(worker.task, said.part, said.loss))
            return False
        if isinstance(said, _Failed):
            raise WorkerError(said.told)
        task, worker.task = worker.task, None
        work.tell(task, said)
        return True


@contextmanager
def hired(setup: Setup, count: int, interruption: Interruption) -> Iterator[Workers]:
    """`count` workers; when this is left they are gone, whatever they were at."""
    context = multiprocessing.get_context("spawn")
    workers = Workers(interruption)
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
            with _deaf():
                process.start()
            theirs.close()
            workers._workers.append(_Worker(process, ours))  # noqa: SLF001 - nobody else makes them
        yield workers
    finally:
        for worker in workers._workers:  # noqa: SLF001
            worker.process.kill()
            worker.process.join()
            worker.process.close()
            worker.connection.close()


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C at a terminal reaches a whole group of processes. Who is started here never hears it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(connection: Connection, setup: Setup) -> None:
    """What a worker does, until who hired it is gone."""

    def hear(part: int, loss: float) -> bool:
        connection.send(_Heard(part, loss))
        return bool(connection.recv())

    try:
        bench = setup.open()
        while True:
            order: _Order = connection.recv()
            heard: Hear | None = hear if order.hears else None
            connection.send(judged(bench, order.judge, order.values, order.window, heard))
    except (EOFError, BrokenPipeError):
        return
    except Exception:  # noqa: BLE001 - told to who hired it
        connection.send(_Failed(traceback.format_exc()))
