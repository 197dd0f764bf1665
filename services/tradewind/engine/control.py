"""What people ask of the engine: start, stop, pause, resume, emergency stop, force exit, one cycle now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from tradewind.domain.decision import answer_of
from tradewind.domain.errors import NotFoundError
from tradewind.domain.exits import ExitReason
from tradewind.engine.cycle import Cycle
from tradewind.engine.handlers import EngineHandlers
from tradewind.engine.trading import Trading, TradingState
from tradewind.engine.view import AccountView
from tradewind.kernel.resilience import vital
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
            answer = answer_of(votes, rules)
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
        """Start, stop, pause or resume. What an emergency stop left bare is protected again before exits go on."""
        if verb in ("stop", "pause"):
            self._cycle.callbacks.put_off(f"{verb} requested")
        async with self._context.unit() as unit:
            self._trading.change(_STATES[verb], reason or f"{verb} requested", actor, self._handlers.time, unit)
            if verb != "stop":
                self._cycle.protect(self._handlers.time, f"trading-{self._trading.version}", unit)
        return await self.status()

    async def emergency_stop(self, actor: str, reason: str, *, flatten: bool = False) -> dict[str, Any]:
        """Cancel at the venue, then latch, then (if asked) sell. The latch holds from the first moment.

        With the store down it is kept in memory and in a file until a unit of work commits.
        """
        with vital():
            return await self._stop_at_once(actor, reason, flatten=flatten)

    async def _stop_at_once(self, actor: str, reason: str, *, flatten: bool) -> dict[str, Any]:
        self._trading.latch(reason, actor)
        self._cycle.callbacks.put_off("trading was stopped by emergency")
        canceled, troubles = await self._cancel_everything()
        stored = True
        try:
            async with self._context.unit() as unit:
                self._trading.change("EmergencyStopped", reason, actor, self._handlers.time, unit)
                # An entry that execution has not heard of yet must not arrive after this answer.
                self._cycle.cancel_entries(self._handlers.time, f"trading-{self._trading.version}", unit)
        except Exception as error:  # noqa: BLE001 - whatever it is, trading is stopped and the caller must know how far
            stored = False
            troubles = [*troubles, *self._not_stored(error)]
        exits: list[str] = []
        if flatten:
            exits, unsold = await self._flatten(actor)
            troubles = [*troubles, *unsold]
        return {"canceled": canceled, "exits": exits, "troubles": troubles, "stored": stored, **await self.status()}

    async def cancel_for_manifest(self) -> None:
        """Where the manifest itself says emergency stop: nothing may rest or be on its way from before."""
        if not self._context.bot.spec.emergency_stop:
            return
        with vital():
            canceled, troubles = await self._cancel_everything()
        async with self._context.unit() as unit:
            cause = f"manifest-{int(self._context.clock.now() * 1000)}"
            self._cycle.cancel_entries(self._handlers.time, cause, unit)
        self._context.log.warning("emergency stop of the manifest", canceled=canceled, troubles=troubles)

    async def _cancel_everything(self) -> tuple[int, list[str]]:
        try:
            canceled, troubles = await self._context.ask("execution", "cancel_everything")
        except Exception as error:  # noqa: BLE001 - the latch must be stored all the same
            return 0, [f"execution does not answer, open orders may rest: {error}"]
        return canceled, troubles

    def _not_stored(self, error: Exception) -> list[str]:
        troubles = [f"not stored yet, latched in memory and in a file: {error}"]
        try:
            self._trading.keep_latch()
        except OSError as trouble:
            troubles = [f"latched in memory only: {error}; and no file could be written: {trouble}"]
        return troubles

    async def _flatten(self, actor: str) -> tuple[list[str], list[str]]:
        """Sell everything, also what a canceled exit was selling; returns the pairs, and what could not be sold."""
        self._handlers.flatten = True
        try:
            exits = await self.force_exit(None, actor, ExitReason.EMERGENCY_EXIT, again=True)
        except Exception as error:  # noqa: BLE001 - what is not sold must be said, whatever the reason
            return [], [f"not sold: {pair}: {error}" for pair in self._view.positions]
        return exits, [f"not sold: {pair}" for pair in self._view.positions if pair not in exits]

    async def clear_emergency_stop(self, actor: str, reason: str = "cleared") -> dict[str, Any]:
        """Clear the latch; trading stays stopped until it is started."""
        async with self._context.unit() as unit:
            self._trading.clear(reason, actor, self._handlers.time, unit)
        self._handlers.flatten = False
        return await self.status()

    async def force_exit(
        self, pair: str | None, actor: str, reason: ExitReason = ExitReason.FORCE_EXIT, *, again: bool = False
    ) -> list[str]:
        """Sell the position of `pair`, or all; returns the pairs whose exit is now on its way.

        With `again` also those whose exit was on its way already: it may just have been canceled.
        """
        if pair is not None and pair not in self._view.positions:
            raise NotFoundError(f"no open position in {pair}; open are: {sorted(self._view.positions) or 'none'}")
        self._cycle.callbacks.put_off("a person sells")
        async with self._context.unit() as unit:
            pairs = [pair] if pair is not None else list(self._view.positions)
            time = self._handlers.time
            exits = [one for one in pairs if self._cycle.force_exit(one, time, reason, unit, again=again)]
        self._context.log.info("force exit", pairs=exits, actor=actor)
        return exits

    async def run_cycle(self) -> dict[str, Any]:
        """One cycle now, on the last closed candles; what was decided on them is not decided again."""
        async with self._context.unit() as unit:
            report = await self._cycle.run(self._handlers.time, self._handlers.last_candles, unit)
        return asdict(report)
