"""Composition root of strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.contracts.api.v1alpha1 import Strategy
from tradewind.contracts.messages import CandleClosed, StrategyEvaluated
from tradewind.contracts.strategies import STRATEGY_KINDS, parse_parameters
from tradewind.domain.timeframe import bucket_start, close_time
from tradewind.kernel.service import Context, Service
from tradewind.strategies.loader import build_strategy
from tradewind.strategy.evaluation import Evaluations, Evaluator

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """The strategies of one bot."""
    spec = context.bot.spec
    evaluations = Evaluations(context)

    async def load() -> None:
        instruments = await context.ask("market-data", "instruments")
        found: dict[tuple[str, str], list[Evaluator]] = {}
        for row, strategy in enumerate(spec.strategies):
            parameters = parse_parameters(f"spec.strategies[{row}]", strategy.kind, strategy.parameters)
            for timeframe in strategy.timeframes or (spec.timeframe,):
                for pair in instruments:
                    series = await context.ask("market-data", "series", pair=pair, timeframe=timeframe)
                    evaluator = Evaluator(strategy.name, build_strategy(strategy.kind, parameters), series)
                    evaluator.compute()
                    found.setdefault((pair, timeframe), []).append(evaluator)
        evaluations.evaluators = found

    async def stances(time: int) -> list[StrategyEvaluated]:
        """The stance of every voter at the close of the tick `time`: of its last candle that is complete by then."""
        complete = close_time(spec.timeframe, time)
        return [
            evaluation
            for (_, timeframe), evaluators in evaluations.evaluators.items()
            for evaluator in evaluators
            if (evaluation := evaluator.latest(_last_open(timeframe, complete), time)) is not None
        ]

    async def strategies() -> list[dict[str, Any]]:
        """The strategies of the manifest."""
        return [
            {
                "name": strategy.name,
                "kind": strategy.kind,
                "summary": STRATEGY_KINDS[strategy.kind].summary,
                "weight": strategy.weight,
                "timeframes": list(strategy.timeframes or (spec.timeframe,)),
                "parameters": _parameters(strategy),
            }
            for strategy in spec.strategies
        ]

    async def signals() -> list[StrategyEvaluated]:
        """The latest evaluation of every voter."""
        return list(evaluations.latest.values())

    def routes() -> APIRouter:
        from tradewind.strategy.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(context, strategies, signals)

    return Service(
        name="strategy",
        handlers={CandleClosed: evaluations.on_candle},
        load=load,
        answers={"stances": stances, "strategies": strategies, "signals": signals},
        router=routes,
    )


def _parameters(strategy: Strategy) -> dict[str, Any]:
    """Every parameter that it works with, by the names of the manifest."""
    parsed = parse_parameters("spec.strategies", strategy.kind, strategy.parameters)
    return parsed.model_dump(by_alias=True)


def _last_open(timeframe: str, complete: int) -> int:
    """The latest open time whose candle of `timeframe` is complete at the moment `complete`."""
    start = bucket_start(timeframe, complete)
    return bucket_start(timeframe, start - 1)
