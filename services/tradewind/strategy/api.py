"""Strategy over HTTP: which strategies there are and what each says about each pair."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from tradewind.contracts.messages import StrategyEvaluated
from tradewind.kernel.http.problems import existing
from tradewind.kernel.http.wire import Answer, Exact, MarketTime, Name
from tradewind.kernel.service import Context

ListStrategies = Callable[[], Awaitable[list[dict[str, Any]]]]
ListSignals = Callable[[], Awaitable[list[StrategyEvaluated]]]


class StrategyItem(Answer):
    """A strategy of the bot, with every parameter it works with."""

    name: str
    kind: str
    summary: str
    weight: Exact
    timeframes: list[str]
    parameters: dict[str, Any]


class Strategies(Answer):
    """The strategies of the manifest, in its order."""

    strategies: list[StrategyItem]


class SignalItem(Answer):
    """A strategy's stance on a pair after a closed candle; it holds until the next one.

    `since` is the open of the candle at which the stance began, `reasons` are the facts it began with.
    """

    strategy: str
    pair: str
    timeframe: str
    candle_time: MarketTime
    stance: Literal["Long", "Short", "Flat"]
    confidence: float
    since: MarketTime
    reasons: list[str]


class Signals(Answer):
    """The latest stance of every strategy on every pair and timeframe."""

    signals: list[SignalItem]


def router(context: Context, list_strategies: ListStrategies, list_signals: ListSignals) -> APIRouter:
    """The routes of strategy."""
    api = StrategyApi(context, list_strategies, list_signals)
    routes = APIRouter(tags=["strategy"])
    routes.add_api_route("/api/v1/strategies", api.strategies)
    routes.add_api_route("/api/v1/signals", api.signals)
    return routes


class StrategyApi:
    """What the routes call."""

    def __init__(self, context: Context, list_strategies: ListStrategies, list_signals: ListSignals) -> None:
        self._context, self._strategies, self._signals = context, list_strategies, list_signals

    async def strategies(self) -> Strategies:
        """The strategies that vote, with their weights and parameters."""
        return Strategies(strategies=[StrategyItem.model_validate(one) for one in await self._strategies()])

    async def signals(
        self,
        pair: Annotated[Name | None, Query(examples=["BTC/EUR"])] = None,
        strategy: Annotated[Name | None, Query(examples=["trend"])] = None,
    ) -> Signals:
        """What every strategy says now, of one pair or strategy where that is asked."""
        if pair is not None:
            existing("pair", pair, await self._context.ask("market-data", "instruments"))
        if strategy is not None:
            existing("strategy", strategy, [one.name for one in self._context.bot.spec.strategies])
        return Signals(
            signals=[
                SignalItem(
                    strategy=one.strategy,
                    pair=one.pair,
                    timeframe=one.timeframe,
                    candle_time=one.candle_time,
                    stance=one.stance,
                    confidence=one.confidence,
                    since=one.since,
                    reasons=list(one.reasons),
                )
                for one in await self._signals()
                if pair in (None, one.pair) and strategy in (None, one.strategy)
            ]
        )
