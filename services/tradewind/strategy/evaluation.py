"""Evaluating strategies: computed once over what is known at the start, read by open time, and grown candle by candle.

A recording is known whole. The candles of an exchange are not: each new one is appended, and the stance after it is
computed over the series that begins where it began, so that recursive indicators say what they say in a replay.

What is built in is computed here and now. A class of the user's is asked in a process of its own, and the event loop
goes on meanwhile: one evaluator is asked by one at a time.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from bisect import bisect_left
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from tradewind.contracts.messages import CandleClosed, StrategyEvaluated
from tradewind.domain.candle import Candle
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import bucket_start, close_time
from tradewind.kernel.service import Context
from tradewind.kernel.telemetry.tracing import under
from tradewind.kernel.unit import UnitOfWork
from tradewind.strategies.base import StanceName, Stances, VectorisedStrategy, stance_name
from tradewind.strategy.apart import ApartStrategy


class Evaluator:
    """One strategy on one pair and timeframe.

    What was computed is kept as packed numbers: a year of minutes is half a million candles, of each pair.
    """

    def __init__(self, name: str, strategy: VectorisedStrategy | ApartStrategy, series: CandleSeries) -> None:
        self.name, self.strategy, self.series = name, strategy, series
        self.turn = asyncio.Lock()
        self._times, self._since = array("q"), array("q")
        self._sides, self._confidences = array("b"), array("d")
        self._reasons: tuple[int, tuple[str, ...]] = (-1, ())

    async def compute(self, series: CandleSeries) -> None:
        """Evaluate every candle of `series`, which takes the place of what was known."""
        stances = await self._stances(series)
        self.series = series
        self._times = _packed("q", series.open_time)
        self._sides = _packed("b", stances.side)
        self._confidences = _packed("d", stances.confidence)
        self._since = _packed("q", stances.since)
        self._reasons = (-1, ())

    def follows(self, candle: Candle) -> bool:
        """Whether a candle is known, or comes right after the last one that is."""
        if not len(self.series) or self._position(candle.open_time) is not None:
            return True
        return candle.open_time == close_time(self.series.timeframe, int(self.series.open_time[-1]))

    def reaches(self, open_time: int) -> bool:
        """Whether the candle opened then is known, or a later one is."""
        return bool(len(self.series)) and int(self.series.open_time[-1]) >= open_time

    def knows(self, candle: Candle) -> bool:
        """Whether a candle is of the series."""
        return self._position(candle.open_time) is not None

    async def see(self, candle: Candle) -> None:
        """Know of a closed candle; one of the series changes nothing, one before its end is a `ValueError`.

        What was said of the candles before it stands: a stance depends on no later candle.
        """
        if self.knows(candle):
            return
        series = self.series.extended([candle])
        stances = await self._stances(series)
        self.series = series
        position = len(stances) - 1
        self._times.append(candle.open_time)
        self._sides.append(int(stances.side[position]))
        self._confidences.append(float(stances.confidence[position]))
        self._since.append(int(stances.since[position]))

    async def _stances(self, series: CandleSeries) -> Stances:
        strategy = self.strategy
        return await strategy.stances(series) if isinstance(strategy, ApartStrategy) else strategy.stances(series)

    def evaluation(self, candle_time: int, tick: int) -> StrategyEvaluated:
        """The stance after the candle opened at `candle_time`; its reasons are those with which it began."""
        position = self._position(candle_time)
        if position is None:
            raise KeyError(candle_time)
        began = self._since[position]
        if self._reasons[0] != began:
            self._reasons = (began, self.strategy.reasons(self.series, began))
        series = self.series
        return StrategyEvaluated(
            id=f"{self.name}:{series.pair}:{series.timeframe}:{candle_time}",
            time=tick,
            strategy=self.name,
            pair=series.pair,
            timeframe=series.timeframe,
            candle_time=candle_time,
            stance=stance_name(self._sides[position]),
            confidence=self._confidences[position],
            since=self._times[began],
            reasons=self._reasons[1],
        )

    def latest(self, before: int, tick: int) -> StrategyEvaluated | None:
        """The stance after the last candle opened at or before `before`, or None."""
        times = self.series.open_time
        position = int(times.searchsorted(before, side="right")) - 1
        return self.evaluation(int(times[position]), tick) if position >= 0 else None

    def _position(self, candle_time: int) -> int | None:
        found = bisect_left(self._times, candle_time)
        return found if found < len(self._times) and self._times[found] == candle_time else None


def _packed(kind: Literal["b", "d", "q"], values: NDArray[Any]) -> array[Any]:
    """An array that grows, with the numbers of one that does not."""
    packed: array[Any] = array(kind)
    packed.frombytes(np.ascontiguousarray(values, dtype=kind).tobytes())
    return packed


class Evaluations:
    """All evaluators of a bot, by pair and timeframe.

    An instance of the service sees the candles that fall to it; what others have seen it asks market-data for.
    """

    def __init__(self, context: Context) -> None:
        self.evaluators: dict[tuple[str, str], list[Evaluator]] = {}
        self._context = context
        self._counters: dict[tuple[str, StanceName], Counter] = {}

    async def at(self, moment: int, tick: int) -> list[StrategyEvaluated]:
        """What every strategy says at `moment`, of the last candles that are complete then; told as of `tick`."""
        found = []
        for (pair, timeframe), evaluators in self.evaluators.items():
            last = _last_open(timeframe, moment)
            for evaluator in evaluators:
                if not evaluator.reaches(last):
                    async with evaluator.turn:
                        await self._catch_up(evaluator, pair, timeframe)
                if (evaluation := evaluator.latest(last, tick)) is not None:
                    found.append(evaluation)
        return found

    async def on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:
        """Evaluate every strategy that looks at this timeframe."""
        tracer = self._context.tracer
        for evaluator in self.evaluators.get((message.pair, message.timeframe), ()):
            reserved, began = None, None
            if not evaluator.knows(message.candle):
                async with evaluator.turn:
                    if not evaluator.follows(message.candle):
                        # Another instance of this service has had the candles before it, or there are none.
                        reserved, began = tracer.reserve("evaluation", message.traceparent), time.time()
                        with under(reserved):
                            await self._catch_up(evaluator, message.pair, message.timeframe)
                    await evaluator.see(message.candle)
            evaluation = evaluator.evaluation(message.candle.open_time, message.time)
            facts = {"strategy": evaluator.name, "stance": evaluation.stance}
            span = tracer.span("evaluation", message.traceparent, facts, start=began, reserved=reserved)
            unit.traceparent = span or message.traceparent
            self._count(evaluator.name, evaluation.stance)
            unit.publish(evaluation)

    async def _catch_up(self, evaluator: Evaluator, pair: str, timeframe: str) -> None:
        await evaluator.compute(await self._context.ask("market-data", "series", pair=pair, timeframe=timeframe))

    def _count(self, strategy: str, stance: StanceName) -> None:
        counter = self._counters.get((strategy, stance))
        if counter is None:
            counter = self._context.metrics.evaluations.labels(self._context.key, strategy, stance)
            self._counters[strategy, stance] = counter
        counter.inc()


def _last_open(timeframe: str, moment: int) -> int:
    """The latest open time whose candle of `timeframe` is complete at `moment`."""
    start = bucket_start(timeframe, moment)
    return bucket_start(timeframe, start - 1)
