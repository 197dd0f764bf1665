"""A strategy whose code is the user's: asked in a process of its own, under a time limit.

It is asked its stances by this service, and what it has callbacks for by the engine, through this service.

So whatever the class does, it stops neither the event loop nor the probes of this process, and it can be ended. It gets
no variable of ours, because some name keys. A class that does not answer in time, or ends its process, fails the
service as one does that raises: a vote that nobody cast would be a wrong one. No cycle runs then, nothing is
entered, and the stops that rest stay.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.errors import TemporaryError, TradewindError
from tradewind.domain.series import CandleSeries
from tradewind.kernel.service import Context
from tradewind.strategies.base import Stances
from tradewind.strategies.freqtrade.named import NamedClass
from tradewind.strategies.freqtrade.questions import (
    LENGTH,
    Answer,
    Asked,
    Load,
    Loaded,
    Look,
    Refused,
    Replied,
    Request,
    Said,
    Wanted,
    error_of,
    framed,
    look,
    read_answer,
    stances_of,
)

START_LIMIT = 60.0
"""Seconds for the process to begin and the file to be imported: pandas alone takes one to ten of them."""
AGAIN_LIMIT = 8.0
"""Seconds that a question may take beyond the limit of a callback, where its process has to begin again."""

_WORKER = ("-P", "-m", "tradewind.strategies.freqtrade.worker")
_OURS = ("TRADEWIND_", "OTEL_")


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds: for all candles of a pair, and for a callback."""

    stances: float
    callback: float


class _EndedError(TradewindError):
    """The process is not there any more."""


class ApartStrategy:
    """The class of the strategy `name`."""

    kind = FREQTRADE

    def __init__(self, context: Context, name: str, named: NamedClass, limits: TimeLimits) -> None:
        self.name, self.warm_up, self._class_name = name, 0, ""
        self.callbacks: tuple[Callback, ...] = ()
        self._context, self._named, self._limits = context, named, limits
        self._over = False
        self._wanted: dict[str, None] = {}
        self._process: _Worker | None = None
        self._turn = asyncio.Lock()
        metrics, key = context.metrics, context.key
        self._seconds = metrics.strategy_seconds.labels(key, name)
        self._failures = {
            reason: metrics.strategy_failures.labels(key, name, reason) for reason in ("timeout", "refused", "ended")
        }

    async def start(self) -> None:
        """Load the class. Raises `ConfigError` for what the user must mend."""
        async with self._turn:
            if self._over:
                raise TemporaryError(f"strategy {self.name} begins again with its service")
            environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
            self._process = await _Worker.begun(environment)
            try:
                answer = await self._asked(Load(self._named), START_LIMIT)
            except BaseException:
                await self.stop()
                raise
        assert isinstance(answer, Loaded)
        self._class_name, self.warm_up, self.callbacks = answer.class_name, answer.warm_up, answer.callbacks
        for told in answer.set_aside:
            self._context.log.warning("the manifest holds", strategy=self.name, of_the_class=told)

    async def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle. Raises `ConfigError` for a method that fails, `TradewindError` without an answer."""
        await self._running()
        while True:
            others = [await self._series(pair) for pair in self._wanted if pair != candles.pair]
            began = time.perf_counter()
            answer = await self._ask(look(candles, others), self._limits.stances)
            if not isinstance(answer, Wanted):
                break
            self._wanted[answer.pair] = None
        self._seconds.observe(time.perf_counter() - began)
        assert isinstance(answer, Said)
        stances = stances_of(answer)
        if len(stances) != len(candles):
            raise TradewindError(f"strategy {self.name}: {len(stances)} stances for {len(candles)} candles")
        return stances

    def reasons(self, _candles: CandleSeries, _index: int) -> tuple[str, ...]:
        """Its name: a class of somebody's tells no more."""
        return (self._class_name,)

    async def reply(self, question: Question) -> Reply:
        """What a callback says. Raises `TemporaryError` alone, where nobody can be asked now."""
        limit = self._limits.callback + AGAIN_LIMIT
        try:
            async with asyncio.timeout(limit):
                return await self._replied_at_last(question)
        except TimeoutError:
            told = f"strategy {self.name}: {question.callback.value} was not answered within {limit:g} seconds"
            return Reply(None, f"{told}; its process begins again with the next candle", silent=True)

    async def _replied_at_last(self, question: Question) -> Reply:
        for last in (False, True):
            try:
                return await self._replied(question)
            except TemporaryError:
                raise
            except _EndedError as error:
                # It may have ended while nobody asked, and not by this question.
                if last:
                    return Reply(None, str(error), silent=True)
            except TradewindError as error:
                return Reply(None, str(error), silent=self._process is None)
        raise AssertionError("unreachable")

    async def _replied(self, question: Question) -> Reply:
        await self._running()
        known = dict[str, None]()
        while True:
            answer = await self._ask(Asked(question, tuple(known)), self._limits.callback)
            if not isinstance(answer, Wanted):
                break
            known[answer.pair] = None
            await self.stances(await self._series(answer.pair))
        assert isinstance(answer, Replied)
        return answer.reply

    async def _running(self) -> None:
        """Begin again where a callback has ended it."""
        if self._process is None:
            await self.start()

    async def _series(self, pair: str) -> CandleSeries:
        """All candles of another pair: market-data has those of a tick before it tells of any of them."""
        timeframe = self._context.bot.spec.timeframe
        series: CandleSeries = await self._context.ask("market-data", "series", pair=pair, timeframe=timeframe)
        return series

    async def close(self) -> None:
        """End the process for good."""
        self._over = True
        await self.stop()

    async def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        await process.end()

    async def _ask(self, request: Request, limit: float) -> Answer:
        async with self._turn:
            return await self._asked(request, limit)

    async def _asked(self, request: Request, limit: float) -> Answer:
        process = self._process
        if process is None:
            raise TradewindError(f"strategy {self.name} does not run: it is started again with its service")
        try:
            async with asyncio.timeout(limit):
                answer = await process.answered(request)
        except TimeoutError:
            self._failures["timeout"].inc()
            await self.stop()
            raise TradewindError(self._late(request, limit)) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            self._failures["ended"].inc()
            await self.stop()
            told = f"strategy {self.name}: its process ended with exit code {process.returncode}"
            raise _EndedError(f"{told}; fix: see what it wrote last, and the memory limit") from None
        except BaseException:
            # An answer that nobody waits for would be taken for the next one.
            await self.stop()
            raise
        if isinstance(answer, Refused):
            self._failures["refused"].inc()
            raise error_of(answer)
        return answer

    def _late(self, request: Request, limit: float) -> str:
        within, field = f"within {limit:g} seconds", self._named.field
        match request:
            case Load():
                told = f"its file {self._named.path} was not loaded {within}"
                fix = "do less when it is imported and in bot_start"
            case Look(candles=candles):
                asked = f"{candles.pair} {candles.timeframe}"
                told = f"{self._class_name} did not answer for {asked} {within}, and nothing is decided"
                fix = f"make its populate_* methods faster, or raise {field}.timeLimit"
            case Asked(question=question):  # pragma: no branch - there is no fourth
                told = f"{self._class_name}.{question.callback.value} did not answer for {question.pair} {within}"
                fix = f"make it faster, or raise {field}.callbackTimeLimit"
        return f"strategy {self.name}: {told}; fix: {fix}"


class _Worker:
    """The process, and the socket by which it is asked.

    A socket and no pipes: `wait` waits for the end of these too, which what the class has started may hold for ever.
    """

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process, self._reader, self._writer = process, reader, writer
        self.pid = process.pid

    @classmethod
    async def begun(cls, environment: Mapping[str, str]) -> _Worker:
        """One that waits to be asked, with these variables."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *_WORKER,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    env=environment,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, *await asyncio.open_connection(sock=ours))

    @property
    def returncode(self) -> int | None:
        """How it ended; None as long as it runs."""
        return self._process.returncode

    async def answered(self, request: Request) -> Answer:
        """What it says. Raises `IncompleteReadError` or `ConnectionError` where it has ended."""
        self._writer.write(framed(request))
        await self._writer.drain()
        length = int.from_bytes(await self._reader.readexactly(LENGTH), "big")
        answer: Answer = read_answer(await self._reader.readexactly(length))
        return answer

    async def end(self) -> None:
        """End it, whatever it does, and what it has started in its session."""
        # The group is its own: what the class has started would live on.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
