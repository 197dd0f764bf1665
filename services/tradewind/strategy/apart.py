"""A strategy whose code is the user's: asked in a process of its own, under a time limit.

So whatever the class does, it stops neither the event loop nor the probes of this process, and it can be ended. It gets
no variable of ours, because some name keys. A class that does not answer in time, or ends its process, fails the
service as one does that raises: a vote that nobody cast would be a wrong one. No cycle runs then, nothing is
entered, and the stops that rest stay.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.errors import TradewindError
from tradewind.domain.series import CandleSeries
from tradewind.kernel.service import Context
from tradewind.strategies.base import Stances
from tradewind.strategies.freqtrade.named import NamedClass
from tradewind.strategies.freqtrade.questions import (
    LENGTH,
    Answer,
    Load,
    Loaded,
    Question,
    Refused,
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

_WORKER = ("-P", "-m", "tradewind.strategies.freqtrade.worker")
_OURS = ("TRADEWIND_", "OTEL_")


class ApartStrategy:
    """The class of the strategy `name`; `time_limit` is in seconds, for all candles of a pair."""

    kind = FREQTRADE

    def __init__(self, context: Context, name: str, named: NamedClass, time_limit: float) -> None:
        self.name, self.warm_up, self._class_name = name, 0, ""
        self._context, self._named, self._time_limit = context, named, time_limit
        self._wanted: dict[str, None] = {}
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        metrics, key = context.metrics, context.key
        self._seconds = metrics.strategy_seconds.labels(key, name)
        self._failures = {
            reason: metrics.strategy_failures.labels(key, name, reason) for reason in ("timeout", "refused", "ended")
        }

    async def start(self) -> None:
        """Load the class. Raises `ConfigError` for what the user must mend."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *_WORKER, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
        )
        answer = await self._ask(Load(self._named), START_LIMIT)
        assert isinstance(answer, Loaded)
        self._class_name, self.warm_up = answer.class_name, answer.warm_up

    async def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle. Raises `ConfigError` for a method that fails, `TradewindError` without an answer."""
        while True:
            others = [await self._series(pair) for pair in self._wanted if pair != candles.pair]
            began = time.perf_counter()
            answer = await self._ask(look(candles, others), self._time_limit)
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

    async def _series(self, pair: str) -> CandleSeries:
        """All candles of another pair: market-data has those of a tick before it tells of any of them."""
        timeframe = self._context.bot.spec.timeframe
        series: CandleSeries = await self._context.ask("market-data", "series", pair=pair, timeframe=timeframe)
        return series

    async def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        # The group is its own: what the class has started would live on, and hold the pipe, whose end `wait` waits for.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        assert process.stdin is not None
        process.stdin.close()

    async def _ask(self, question: Question, limit: float) -> Answer:
        async with self._turn:
            process = self._process
            if process is None:
                raise TradewindError(f"strategy {self.name} does not run: it is started again with its service")
            try:
                async with asyncio.timeout(limit):
                    answer = await _answered(process, question)
            except TimeoutError:
                self._failures["timeout"].inc()
                await self.stop()
                raise TradewindError(self._late(question, limit)) from None
            except (asyncio.IncompleteReadError, ConnectionError):
                self._failures["ended"].inc()
                await self.stop()
                told = f"strategy {self.name}: its process ended with exit code {process.returncode}"
                raise TradewindError(f"{told}; fix: see what it wrote last, and the memory limit") from None
            except BaseException:
                # An answer that nobody waits for would be taken for the next one.
                await self.stop()
                raise
        if isinstance(answer, Refused):
            self._failures["refused"].inc()
            raise error_of(answer)
        return answer

    def _late(self, question: Question, limit: float) -> str:
        if isinstance(question, Load):
            told = f"its file {self._named.path} was not loaded within {limit:g} seconds"
            return f"strategy {self.name}: {told}; fix: do less when it is imported and in bot_start"
        pair, timeframe = question.candles.pair, question.candles.timeframe
        told = f"{self._class_name} did not answer for {pair} {timeframe} within {limit:g} seconds"
        fix = f"make its populate_* methods faster, or raise {self._named.field}.timeLimit"
        return f"strategy {self.name}: {told}, and nothing is decided; fix: {fix}"


async def _answered(process: Process, question: Question) -> Answer:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(framed(question))
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(LENGTH), "big")
    answer: Answer = read_answer(await process.stdout.readexactly(length))
    return answer
