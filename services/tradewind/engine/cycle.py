"""A trading cycle: decide every pair of a tick and carry the decisions out, in one unit of work.

Where a class of the user's has callbacks, it is asked in between. What it says is stored with the decision that it
made, in the transaction that has the order and says that the tick is decided: so it is asked again, of the same
candle, only where nothing came of it.
"""

from __future__ import annotations

import time as wall
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache, partial
from math import inf
from typing import Any

from tradewind.contracts.api.v1alpha1 import Mode
from tradewind.contracts.messages import Bracket, CandleClosed, CycleCompleted
from tradewind.contracts.rules import rules_of, voters_of
from tradewind.domain.callbacks import deciding
from tradewind.domain.consensus import Consensus
from tradewind.domain.decided_orders import entry_decision, entry_expiry, entry_order, exit_decision, exit_order
from tradewind.domain.decision import (
    Amend,
    Decision,
    Enter,
    Exit,
    HeldPosition,
    PairView,
    answer_of,
    decision_id,
)
from tradewind.domain.exits import ExitReason
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.order import Leg
from tradewind.domain.risk import RiskView, limits_used, refusals
from tradewind.domain.standing import Pending
from tradewind.engine import commands
from tradewind.engine.callbacks import Callbacks
from tradewind.engine.journal import Entry, Journal
from tradewind.engine.stances import Stances
from tradewind.engine.trading import TradingState
from tradewind.engine.view import AccountView
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork


@dataclass(slots=True)
class CycleReport:
    """What a cycle did; `phases` are its parts, in seconds."""

    cycle_id: str
    symbols_processed: int = 0
    signals: int = 0
    decisions: int = 0
    orders: int = 0
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=lambda: {"decide": 0.0, "carryOut": 0.0})


class Cycle:
    """Decides and carries out."""

    def __init__(self, context: Context, view: AccountView, trading: TradingState) -> None:
        bot = context.bot
        self.instruments: Mapping[str, Instrument] = {}
        self.known_instruments: Mapping[str, Instrument] = {}
        """Also of pairs that the bot no longer trades: what it holds of one can still be sold by a person."""
        self.stances = Stances(voters_of(bot))
        self.journal = Journal(context)
        self.callbacks = Callbacks(context)
        self.rules = rules_of(bot)
        target = bot.spec.risk.take_profit
        self._bracket = Bracket(bot.spec.risk.stop_loss, target.distance if target else None)
        self._context, self._view, self._trading = context, view, trading
        view.currency, view.fee = bot.spec.capital.currency, self.rules.stake.fee
        self._timeframe = bot.spec.timeframe
        self._live = bot.spec.mode is Mode.LIVE
        self.feed_trouble: Mapping[str, str] = {}
        """What is wrong with the candles of an exchange, by pair; looked at where entries go out with money."""
        self._named = lru_cache(bot.spec.pairs.names)
        """The market of an exchange goes on with every pair with which the run began."""
        metrics, key = context.metrics, context.key
        self._cycles = metrics.cycles.labels(key)
        self._symbols = metrics.cycle_symbols.labels(key)
        self._seconds = metrics.cycle_seconds.labels(key)
        for name in limits_used(view.risk(), self.rules.limits):
            # Looked up when somebody reads the metrics, so that a cycle costs nothing more.
            metrics.limit_used.labels(key, name).set_function(partial(self._limit_used, name))

    async def run(self, time: int, candles: list[CandleClosed], unit: UnitOfWork) -> CycleReport:
        """One cycle over the base candles of tick `time`, in whitelist order.

        Raises `TemporaryError` while a class that is to be asked cannot be: nothing is decided then.
        """
        await self.callbacks.begin()
        started = wall.perf_counter()
        report = CycleReport(cycle_id=f"cycle:{time}")
        by_pair = {message.pair: message for message in candles}
        for pair, message in by_pair.items():
            self._view.closes[pair] = decimal_of(message.candle.close)
        sent_before = sum(map(commands.is_command, unit.messages))
        for pair in self.instruments:
            tick = by_pair.get(pair)
            if tick is not None:
                report.symbols_processed += 1
                begun = wall.perf_counter()
                decision = await self._decide(pair, tick, report)
                decided = wall.perf_counter()
                report.decisions += self._carry_out(pair, time, decision, unit)
                report.phases["decide"] += decided - begun
                report.phases["carryOut"] += wall.perf_counter() - decided
        report.orders = sum(map(commands.is_command, unit.messages)) - sent_before
        report.seconds = wall.perf_counter() - started
        self._tell(report, time, unit)
        return report

    def force_exit(self, pair: str, time: int, reason: ExitReason, unit: UnitOfWork, *, again: bool = False) -> bool:
        """Sell a position whatever the strategies say; False when there is none, or its exit is on its way.

        With `again` also then: execution lets an exit wait for an older one, and never sells more than there is.
        """
        position, pending = self._view.positions.get(pair), self._view.pending.get(pair)
        if position is None or (pending is not None and pending.leg is Leg.EXIT and not again):
            return False
        # What was decided by the strategies at this tick may have come to nothing; a person may ask again.
        key, attempt = self._context.key, 1
        while exit_decision(key, pair, time, position.position_id, attempt) in self.journal:
            attempt += 1
        return self._exit(pair, time, reason.value, None, unit, attempt=attempt)

    def cancel_entries(self, time: int, cause: str, unit: UnitOfWork) -> None:
        """Cancel every entry that is still on its way."""
        for pair, pending in self._view.pending.items():
            if pending.leg is Leg.ENTRY and not pending.over:
                unit.publish(commands.cancellation(pending.client_order_id, pair, time, cause))

    def protect(self, time: int, cause: str, unit: UnitOfWork) -> None:
        """Have every position whose legs were taken away protected again, where it was; execution knows which."""
        self._view.unprotected.clear()
        for pair, position in self._view.positions.items():
            unit.publish(commands.protection(position.position_id, pair, time, cause))

    # ------------------------------------------------------------------------------------------------------ deciding

    async def _decide(self, pair: str, tick: CandleClosed, report: CycleReport) -> Decision | None:
        view, trading = self._view, self._trading.trading
        position = view.positions.get(pair)
        if trading in ("Stopped", "EmergencyStopped") and position is not None:
            return None
        votes = self.stances.votes(pair)
        report.signals += sum(1 for vote in votes if vote.stance not in (None, "Flat"))
        pair_view = PairView(
            instrument=self.instruments[pair],
            close=view.closes[pair],
            high=decimal_of(tick.candle.high),
            answer=answer_of(votes, self.rules),
            position=position,
            busy=view.busy(pair, tick.time),
            unprotected=pair in view.unprotected,
            time=tick.time,
        )
        risk, callbacks = partial(self._risk, trading, tick), self.callbacks
        return await callbacks.decided(deciding(pair_view, risk, view.funds, self.rules, callbacks.asked))

    def _risk(self, trading: str, tick: CandleClosed, score: Decimal = ZERO) -> RiskView:
        age = inf if tick.missed else max(self._context.clock.now() - tick.occurred_at, 0.0)
        return replace(
            self._view.risk(trading, score, named=self._named(tick.pair)),
            data_age=round(age, 1) if self._live else None,
            connected=tick.pair not in self.feed_trouble if self._live else None,
        )

    def _limit_used(self, name: str) -> float:
        return float(limits_used(self._view.risk(), self.rules.limits)[name])

    # -------------------------------------------------------------------------------------------------- carrying out

    def _carry_out(self, pair: str, time: int, decision: Decision | None, unit: UnitOfWork) -> bool:
        match decision:
            case Enter():
                return self._enter(pair, time, decision, unit)
            case Exit(consensus):
                return self._exit(pair, time, decision.told, consensus, unit)
            case Amend(stop_price):
                return self._amend(pair, time, stop_price, unit)
            case None:
                return False

    def _enter(self, pair: str, time: int, enter: Enter, unit: UnitOfWork) -> bool:
        key = self._context.key
        if enter.go:
            identity = entry_decision(key, pair, time)
        else:
            # One refusal for one agreement of the strategies and one set of reasons, however many candles it lasts.
            names = refusals(enter.gates)
            identity = decision_id(key, pair, enter.consensus.since, f"Refuse:{','.join(names)}")
            for name in names:
                self._context.metrics.gate_refusals.labels(key, name).inc()
        if identity in self.journal:
            return False
        expires_at = entry_expiry(self._timeframe, time) if enter.go else None
        unit.traceparent = self._span(pair, "Enter", enter.reason, None)
        self.journal.add(
            Entry(
                identity,
                pair,
                time,
                "Enter",
                "GO" if enter.go else "NO-GO",
                enter.reason,
                self.stances.reasons(pair),
                float(enter.consensus.score),
                enter.gates,
                enter.size.amount if enter.go else None,
                expires_at,
            ),
            unit,
        )
        if expires_at is not None:
            decided = entry_order(key, identity, pair, time, amount=enter.size.amount, tag=self.stances.agreeing(pair))
            order = commands.entry(decided, bracket=self._bracket, expires_at=expires_at)
            reserved = self._view.reserve(pair, enter.size.amount, None)
            self._view.pending[pair] = Pending(order.client_order_id, Leg.ENTRY, reserved)
            unit.publish(order)
        return True

    def _exit(
        self,
        pair: str,
        time: int,
        reason: str,
        consensus: Consensus | None,
        unit: UnitOfWork,
        *,
        attempt: int = 1,
    ) -> bool:
        key = self._context.key
        position: HeldPosition = self._view.positions[pair]
        identity = exit_decision(key, pair, time, position.position_id, attempt)
        if identity in self.journal:
            return False
        unit.traceparent = self._span(pair, "Exit", reason, self._view.traceparents.get(pair))
        score = float(consensus.score) if consensus else 0.0
        reasons = self.stances.reasons(pair)
        self.journal.add(Entry(identity, pair, time, "Exit", "GO", reason, reasons, score), unit)
        amount = self.known_instruments[pair].amount(position.amount)
        decided = exit_order(key, identity, pair, time, amount=amount, tag=reason)
        order = commands.exit_(decided, position_id=position.position_id)
        self._view.pending[pair] = Pending(order.client_order_id, Leg.EXIT)
        unit.publish(order)
        return True

    def _amend(self, pair: str, time: int, stop_price: Decimal, unit: UnitOfWork) -> bool:
        client_id = self._view.stop_order(pair)
        assert client_id is not None
        unit.traceparent = self._view.traceparents.get(pair)
        self._view.raise_stop(pair, stop_price)
        unit.publish(commands.amendment(self._context.key, client_id, pair, time, stop_price))
        return True

    # -------------------------------------------------------------------------------------------------------- telling

    def _tell(self, report: CycleReport, time: int, unit: UnitOfWork) -> None:
        self._cycles.inc()
        self._symbols.inc(report.symbols_processed)
        self._seconds.observe(report.seconds)
        facts: dict[str, Any] = {
            "symbols_processed": report.symbols_processed,
            "signals": report.signals,
            "decisions": report.decisions,
            "orders": report.orders,
        }
        self._context.log.info("cycle completed", time=time, seconds=round(report.seconds, 6), **facts)
        unit.publish(
            CycleCompleted(id=report.cycle_id, time=time, cycle_id=report.cycle_id, seconds=report.seconds, **facts)
        )

    def _span(self, pair: str, action: str, reason: str, trade: str | None) -> str | None:
        """The decision in the trace: below the evaluation that completed it, or below the trade that it ends."""
        if not self._context.tracer.enabled:
            return None
        evaluations = self.stances.traceparents(pair)
        parent = trade or (evaluations[-1] if evaluations else None)
        links = [one for one in evaluations if one != parent]
        return self._context.tracer.span(
            "decision", parent, {"pair": pair, "action": action, "reason": reason}, links=links
        )
