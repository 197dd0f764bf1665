"""The engine over HTTP: whether the bot trades and why, what it decided and why, and the verbs that change it.

A verb is one unit of work of the engine, so it never falls into the middle of a cycle; whoever asked is noted with
the change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from tradewind.domain.errors import PermanentError
from tradewind.engine.control import TradingControl, Verb
from tradewind.kernel.http.access import Actor
from tradewind.kernel.http.problems import existing
from tradewind.kernel.http.wire import Answer, Command, Exact, MarketTime, Name, Words
from tradewind.kernel.service import Context

ListDecisions = Callable[[int, str | None], Awaitable[list[dict[str, Any]]]]


class CycleSummary(Answer):
    """What one trading cycle did; seconds are the wall clock's, `phases` the parts of them."""

    cycle_id: str
    symbols_processed: int
    signals: int
    decisions: int
    orders: int
    seconds: float
    phases: dict[str, float]


class TradingStatus(Answer):
    """What trading is doing. `time` is the last tick decided on; `pending_orders` are client order ids by pair."""

    state: Literal["Running", "Paused", "Stopped", "EmergencyStopped"]
    reason: str
    actor: str
    time: MarketTime | None
    open_positions: int
    pending_orders: dict[str, str]
    equity: Exact
    equity_peak: Exact
    last_cycle: CycleSummary | None


class EmergencyStopped(TradingStatus):
    """What the emergency stop did: orders canceled, pairs being sold, and what went wrong on the way.

    `stored` false means that the stop holds in memory only, because the store could not be written.
    """

    canceled: int
    exits: list[str]
    troubles: list[str]
    stored: bool


class Exits(Answer):
    """The pairs whose positions are now being sold."""

    exits: list[str]


class Gate(Answer):
    """What one gate said to an entry, its value against its limit."""

    gate: str
    verdict: Literal["GO", "NO-GO", "NotApplicable"]
    value: str
    limit: str


class Decision(Answer):
    """Why a trade did or did not happen; `reasons` are those of each voter."""

    decision_id: str
    time: MarketTime
    pair: str
    action: Literal["Enter", "Exit"]
    verdict: Literal["GO", "NO-GO"]
    reason: str
    score: float
    amount: Exact | None
    gates: list[Gate]
    reasons: dict[str, list[str]]


class DecisionList(Answer):
    """Decisions, newest first."""

    decisions: list[Decision]


class Vote(Answer):
    """What one voter says; `stance` is null where it has not evaluated yet."""

    voter: str
    weight: Exact
    stance: Literal["Long", "Short", "Flat"] | None
    confidence: Exact


class PairConsensus(Answer):
    """What the voters together say about a pair: `enter` when the score reaches the limit."""

    pair: str
    score: Exact
    limit: Exact
    enter: bool
    leave: bool
    votes: list[Vote]


class ConsensusList(Answer):
    """Every pair of the bot, in the order in which they are decided."""

    consensus: list[PairConsensus]


class Change(Command):
    """Why trading is started, stopped, paused or resumed."""

    reason: Words | None = None


class EmergencyStop(Command):
    """Stop at once; `flatten` also sells every open position."""

    reason: Words
    flatten: bool = False


class ForceExit(Command):
    """Sell the position of `pair`, or with null those of all pairs. Leaving it out is refused, not all."""

    pair: Name | None


def router(context: Context, control: TradingControl, list_decisions: ListDecisions) -> APIRouter:
    """The routes of the engine."""
    api = EngineApi(context, control, list_decisions)
    routes = APIRouter(tags=["trading"])
    for verb in (api.start, api.stop, api.pause, api.resume):
        routes.add_api_route(f"/api/trading/{verb.__name__}", verb, methods=["POST"])
    routes.add_api_route("/cycle", api.cycle, methods=["POST"])
    routes.add_api_route("/api/v1/trading/status", api.status)
    routes.add_api_route("/api/v1/trading/emergency-stop", api.emergency_stop, methods=["POST"])
    routes.add_api_route("/api/v1/trading/emergency-stop", api.clear_emergency_stop, methods=["DELETE"])
    routes.add_api_route("/api/v1/trading/force-exit", api.force_exit, methods=["POST"])
    routes.add_api_route("/api/v1/decisions", api.decisions)
    routes.add_api_route("/api/v1/consensus", api.consensus)
    return routes


class EngineApi:
    """What the routes call."""

    def __init__(self, context: Context, control: TradingControl, list_decisions: ListDecisions) -> None:
        self._context, self._control, self._list = context, control, list_decisions

    async def status(self) -> TradingStatus:
        """What trading is doing, and why."""
        return _status(await self._control.status())

    async def start(self, actor: Actor, change: Change | None = None) -> TradingStatus:
        """Allow entries."""
        return await self._change("start", actor, change)

    async def stop(self, actor: Actor, change: Change | None = None) -> TradingStatus:
        """Decide nothing any more; stops that rest at the venue stay."""
        return await self._change("stop", actor, change)

    async def pause(self, actor: Actor, change: Change | None = None) -> TradingStatus:
        """Make no entries; exits go on."""
        return await self._change("pause", actor, change)

    async def resume(self, actor: Actor, change: Change | None = None) -> TradingStatus:
        """Allow entries again."""
        return await self._change("resume", actor, change)

    async def cycle(self) -> CycleSummary:
        """Run one cycle now, on the last closed candles; what was decided on them is not decided again."""
        if (await self._control.status())["time"] < 0:
            raise PermanentError("no candle has closed yet, so there is nothing to decide on")
        return CycleSummary.model_validate(await self._control.run_cycle())

    async def emergency_stop(self, actor: Actor, stop: EmergencyStop) -> EmergencyStopped:
        """Cancel every open order at the venue and stop trading until a person clears it; survives restarts."""
        done = await self._control.emergency_stop(actor, stop.reason, flatten=stop.flatten)
        return EmergencyStopped.model_validate(_known_time(done))

    async def clear_emergency_stop(self, actor: Actor, reason: Annotated[Words, Query()] = "cleared") -> TradingStatus:
        """Clear the emergency stop; trading stays stopped until it is started."""
        if self._context.bot.spec.emergency_stop:
            raise PermanentError(
                "spec.emergencyStop of the manifest is true; fix: set it to false, then restart the bot"
            )
        return _status(await self._control.clear_emergency_stop(actor, reason))

    async def force_exit(self, actor: Actor, wanted: ForceExit) -> Exits:
        """Sell a position at the next open, whatever the strategies say."""
        return Exits(exits=await self._control.force_exit(wanted.pair, actor))

    async def decisions(
        self, limit: Annotated[int, Query(ge=1, le=1000)] = 100, pair: Annotated[Name | None, Query()] = None
    ) -> DecisionList:
        """The latest decisions, newest first, with what every gate said."""
        if pair is not None:
            existing("pair", pair, await self._context.ask("market-data", "known_instruments"))
        rows = await self._list(limit, pair)
        return DecisionList(decisions=[Decision.model_validate(row) for row in rows])

    async def consensus(self) -> ConsensusList:
        """What the strategies together say about each pair now."""
        pairs = await self._control.consensus()
        return ConsensusList(consensus=[PairConsensus.model_validate(pair) for pair in pairs])

    async def _change(self, verb: Verb, actor: str, change: Change | None) -> TradingStatus:
        reason = change.reason if change else None
        return _status(await self._control.change_state(verb, actor, reason or ""))


def _status(answer: dict[str, Any]) -> TradingStatus:
    return TradingStatus.model_validate(_known_time(answer))


def _known_time(answer: dict[str, Any]) -> dict[str, Any]:
    """Before the first tick there is no time."""
    return answer if answer["time"] >= 0 else {**answer, "time": None}
