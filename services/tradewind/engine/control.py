"""What people ask of the engine: start, stop, pause, resume, emergency stop, force exit, one cycle now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from tradewind.domain.consensus import consensus
from tradewind.domain.errors import NotFoundError, TradewindError
from tradewind.domain.exits import ExitReason
from tradewind.engine.cycle import Cycle
from tradewind.engine.handlers import EngineHandlers
from tradewind.engine.trading import Trading, TradingState
from tradewind.engine.view import AccountView
from tradewind.kernel.service import Context

Verb = Literal["start", "stop", "pause", "resume"]
_STATES: dict[str, Trading] = {"start": "Running", "resume": "Running", "pause": "Paused", "stop": "Stopped"}


class TradingControl:
    """Each call is one unit of work of the engine, so it never happens in the middle of a cycle."""

    def __init__(
        self, context: Context, view: AccountView, cycle: Cycle, trading: TradingState, handlers: EngineHandlers
    ) -> None:
        self._context, self._view, self._cycle = context, view, cycle
        self._trading, self._handlers = trading, handlers

    async def status(self) -> dict[str, Any]:
        """What trading is doing and why."""
        report = self._handlers.last_report
        return {
            "state": self._trading.trading,
            "reason": self._trading.reason,
            "actor": self._trading.actor,
            "time": self._handlers.time,
            "openPositions": len(self._view.positions),
            "pendingOrders": {pair: p.client_order_id for pair, p in self._view.pending.items()},
            "equity": self._view.equity,
            "equityPeak": self._view.equity_peak,
            "lastCycle": asdict(report) if report else None,
        }

    async def consensus(self) -> list[dict[str, Any]]:
        """What the voters say about each pair now."""
        rules = self._cycle.rules
        found = []
        for pair in self._cycle.instruments:
            votes = self._cycle.stances.votes(pair)
            answer = consensus(votes, rules.rule, rules.limits.min_confidence)
            found.append(
                {
                    "pair": pair,
                    "score": answer.score,
                    "limit": rules.limits.min_confidence,
                    "enter": answer.enter,
                    "leave": answer.leave,
                    "votes": [
                        {"voter": v.voter, "weight": v.weight, "stance": v.stance, "confidence": v.confidence}
                        for v in votes
                    ],
                }
            )
        return found

    async def change_state(self, verb: Verb, actor: str, reason: str = "") -> dict[str, Any]:
        """Start, stop, pause or resume."""
        async with self._context.unit() as unit:
            self._trading.change(_STATES[verb], reason or f"{verb} requested", actor, self._handlers.time, unit)
        return await self.status()

    async def emergency_stop(self, actor: str, reason: str, *, flatten: bool = False) -> dict[str, Any]:
        """Cancel at the venue, then latch, then (if asked) sell. Works with the store down: the latch is in memory."""
        self._trading.latch_in_memory(reason, actor)
        canceled, troubles = await self._context.ask("execution", "cancel_everything")
        stored = True
        try:
            async with self._context.unit() as unit:
                self._trading.change("EmergencyStopped", reason, actor, self._handlers.time, unit)
        except TradewindError as error:
            stored = False
            troubles = [*troubles, f"latched in memory only: {error}"]
            self._trading.latch_in_memory(reason, actor)
        exits = await self.force_exit(None, actor, ExitReason.EMERGENCY_EXIT) if flatten and stored else []
        return {"canceled": canceled, "exits": exits, "troubles": troubles, "stored": stored, **await self.status()}

    async def clear_emergency_stop(self, actor: str, reason: str = "cleared") -> dict[str, Any]:
        """Clear the latch; trading stays stopped until it is started."""
        async with self._context.unit() as unit:
            self._trading.clear(reason, actor, self._handlers.time, unit)
        return await self.status()

    async def force_exit(self, pair: str | None, actor: str, reason: ExitReason = ExitReason.FORCE_EXIT) -> list[str]:
        """Sell the position of `pair`, or all; returns the pairs whose exit is now on its way."""
        if pair is not None and pair not in self._view.positions:
            raise NotFoundError(f"no open position in {pair}; open are: {sorted(self._view.positions) or 'none'}")
        async with self._context.unit() as unit:
            pairs = [pair] if pair is not None else list(self._view.positions)
            exits = [one for one in pairs if self._cycle.force_exit(one, self._handlers.time, reason, unit)]
        self._context.log.info("force exit", pairs=exits, actor=actor)
        return exits

    async def run_cycle(self) -> dict[str, Any]:
        """One cycle now, on the last closed candles; what was decided on them is not decided again."""
        async with self._context.unit() as unit:
            report = self._cycle.run(self._handlers.time, self._handlers.last_candles, unit)
        return asdict(report)
