"""Composition root of strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.contracts.api.v1alpha1 import Strategy
from tradewind.contracts.messages import CandleClosed, StrategyEvaluated
from tradewind.contracts.strategies import STRATEGY_KINDS, parse_parameters
from tradewind.domain.callbacks import Question, Reply
from tradewind.domain.timeframe import close_time
from tradewind.kernel.service import Context, Service
from tradewind.strategy.evaluation import Evaluations
from tradewind.strategy.loading import Strategies

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """The strategies of one bot."""
    spec = context.bot.spec
    evaluations, begun = Evaluations(context), Strategies(context)

    async def load() -> None:
        evaluations.evaluators = await begun.begin()

    async def stances(time: int) -> list[StrategyEvaluated]:
        """The stance of every voter at the close of the tick `time`: of its last candle that is complete by then."""
        return await evaluations.at(close_time(spec.timeframe, time), time)

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

    async def callbacks() -> list[str]:
        """What the class of the bot is to be asked when something is decided."""
        return begun.callbacks()

    async def callback(about: dict[str, Any]) -> Reply:
        """What it says, see `domain.callbacks`."""
        return await begun.reply(msgspec.convert(about, Question))

    async def signals() -> list[StrategyEvaluated]:
        """What every voter says now, whichever instance saw its last candle."""
        now = (await context.ask("market-data", "progress"))["time"]
        return await evaluations.at(now, now) if now is not None else []

    def routes() -> APIRouter:
        from tradewind.strategy.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(context, strategies, signals)

    return Service(
        name="strategy",
        handlers={CandleClosed: evaluations.on_candle},
        load=load,
        close=begun.stop,
        answers={
            "stances": stances,
            "strategies": strategies,
            "signals": signals,
            "callbacks": callbacks,
            "callback": callback,
        },
        router=routes,
    )


def _parameters(strategy: Strategy) -> dict[str, Any]:
    """Every parameter that it works with, by the names of the manifest."""
    parsed = parse_parameters("spec.strategies", strategy.kind, strategy.parameters)
    return parsed.model_dump(by_alias=True)
