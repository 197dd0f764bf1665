"""A trading cycle: decide every pair of a tick and carry the decisions out, in one unit of work."""

from __future__ import annotations

import time as wall
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from tradewind.contracts.messages import (
    AmendOrder,
    Bracket,
    CancelOrder,
    CandleClosed,
    CycleCompleted,
    DecisionMade,
    GateVerdict,
    PlaceOrder,
    StrategyEvaluated,
)
from tradewind.domain.consensus import Consensus, Vote
from tradewind.domain.decision import Amend, Enter, Exit, HeldPosition, PairView, decide, decision_id
from tradewind.domain.exits import ExitReason
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ONE, ZERO, decimal_of
from tradewind.domain.order import Leg, OrderType, Side, client_order_id
from tradewind.domain.risk import RiskView, refusals
from tradewind.domain.sizing import Funds
from tradewind.domain.timeframe import close_time
from tradewind.engine.rules import Voter, rules_of, voters_of
from tradewind.engine.tables import decisions
from tradewind.engine.trading import TradingState
from tradewind.engine.view import AccountView, Pending
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

_INSERT = insert(decisions)
_COMMANDS = (PlaceOrder, CancelOrder, AmendOrder)


@dataclass(slots=True)
class CycleReport:
    """What a cycle did."""

    cycle_id: str
    symbols_processed: int = 0
    signals: int = 0
    decisions: int = 0
    orders: int = 0
    seconds: float = 0.0


class Cycle:
    """Decides and carries out. `stances` holds the latest evaluation of every voter and pair."""

    def __init__(self, context: Context, view: AccountView, trading: TradingState) -> None:
        bot = context.bot
        self.instruments: Mapping[str, Instrument] = {}
        self.stances: dict[tuple[str, str, str], StrategyEvaluated] = {}
        self.voters: tuple[Voter, ...] = voters_of(bot)
        self.rules = rules_of(bot)
        self._bracket = Bracket(
            bot.spec.risk.stop_loss, bot.spec.risk.take_profit.distance if bot.spec.risk.take_profit else None
        )
        self._context, self._view, self._trading = context, view, trading
        self._currency = bot.spec.capital.currency
        self._timeframe = bot.spec.timeframe
        self._made: set[str] = set()
        self._closes: dict[str, Decimal] = {}
        self._cycles = context.metrics.cycles.labels(context.key)
        self._seconds = context.metrics.cycle_seconds.labels(context.key)

    def load(self, connection: Connection) -> None:
        """Read the ids of decisions made, so that none is made twice."""
        mine = decisions.c.bot == self._context.key
        self._made = set(connection.scalars(select(decisions.c.decision_id).where(mine)))

    def run(self, time: int, candles: list[CandleClosed], unit: UnitOfWork) -> CycleReport:
        """One cycle over the base candles of tick `time`, in whitelist order."""
        started = wall.perf_counter()
        report = CycleReport(cycle_id=f"cycle:{time}")
        by_pair = {message.pair: message for message in candles}
        for pair, message in by_pair.items():
            self._closes[pair] = decimal_of(message.candle.close)
        sent_before = _commands(unit)
        for pair in self.instruments:
            tick = by_pair.get(pair)
            if tick is not None:
                report.symbols_processed += 1
                report.decisions += self._decide(pair, tick, unit, report)
        report.orders = _commands(unit) - sent_before
        report.seconds = wall.perf_counter() - started
        self._cycles.inc()
        self._seconds.observe(report.seconds)
        unit.publish(
            CycleCompleted(
                id=report.cycle_id,
                time=time,
                cycle_id=report.cycle_id,
                symbols_processed=report.symbols_processed,
                signals=report.signals,
                decisions=report.decisions,
                orders=report.orders,
                seconds=report.seconds,
            )
        )
        return report

    def force_exit(self, pair: str, time: int, reason: ExitReason, unit: UnitOfWork) -> bool:
        """Sell a position whatever the strategies say; False when there is none or its exit is on its way."""
        position, pending = self._view.positions.get(pair), self._view.pending.get(pair)
        if position is None or (pending is not None and pending.leg is Leg.EXIT):
            return False
        return self._exit(pair, position, time, reason, None, unit)

    def cancel_entry(self, pair: str, time: int, unit: UnitOfWork) -> bool:
        """Cancel an entry that is still on its way."""
        pending = self._view.pending.get(pair)
        if pending is None or pending.leg is not Leg.ENTRY:
            return False
        client_id = pending.client_order_id
        unit.publish(CancelOrder(id=f"cancel:{client_id}", time=time, client_order_id=client_id, pair=pair))
        return True

    # ------------------------------------------------------------------------------------------------------ deciding

    def _decide(self, pair: str, tick: CandleClosed, unit: UnitOfWork, report: CycleReport) -> int:
        view, trading = self._view, self._trading.trading
        position = view.positions.get(pair)
        if trading in ("Stopped", "EmergencyStopped") and position is not None:
            return 0
        if position is not None and pair in view.unprotected and pair not in view.pending:
            return int(self._exit(pair, position, tick.time, ExitReason.EMERGENCY_EXIT, None, unit))
        votes = self.votes(pair)
        report.signals += sum(1 for vote in votes if vote.stance not in (None, "Flat"))
        pair_view = PairView(
            instrument=self.instruments[pair],
            close=self._closes[pair],
            high=decimal_of(tick.candle.high),
            votes=votes,
            position=position,
            busy=pair in view.pending or view.closed_at.get(pair) == tick.time,
        )
        match decide(pair_view, self._risk(trading), self._funds(), self.rules):
            case Enter() as enter:
                return int(self._enter(pair, tick.time, enter, unit))
            case Exit(consensus, reason) if position is not None:
                return int(self._exit(pair, position, tick.time, reason, consensus, unit))
            case Amend(stop_price):
                self._amend(pair, tick.time, stop_price, unit)
                return 1
        return 0

    def votes(self, pair: str) -> list[Vote]:
        """What every voter says about `pair` now."""
        return [self._vote(voter, pair) for voter in self.voters]

    def _vote(self, voter: Voter, pair: str) -> Vote:
        told = self.stances.get((voter.strategy, voter.timeframe, pair))
        if told is None:
            return Vote(voter.name, voter.weight, None)
        return Vote(voter.name, voter.weight, told.stance, decimal_of(told.confidence), told.since)

    def _risk(self, trading: str) -> RiskView:
        view = self._view
        entering = sum(1 for pending in view.pending.values() if pending.leg is Leg.ENTRY)
        return RiskView(
            trading_state=trading,
            score=ZERO,
            open_positions=len(view.positions) + entering,
            exposure=self._exposure(),
            equity=view.equity,
            equity_peak=view.equity_peak,
            day_start_equity=view.day_start_equity,
            balance_drift=view.drift,
        )

    def _exposure(self) -> Decimal:
        held = sum(
            (p.amount * self._closes.get(pair, p.average_price) for pair, p in self._view.positions.items()), ZERO
        )
        return held + self._reserved()

    def _reserved(self) -> Decimal:
        return sum((pending.reserved for pending in self._view.pending.values()), ZERO)

    def _funds(self) -> Funds:
        view = self._view
        return Funds(
            free=max(view.balances.get(self._currency, ZERO) - self._reserved(), ZERO),
            tied=sum((p.amount * p.average_price for p in view.positions.values()), ZERO) + self._reserved(),
            equity=view.equity,
            exposure=self._exposure(),
        )

    # -------------------------------------------------------------------------------------------------- carrying out

    def _enter(self, pair: str, time: int, enter: Enter, unit: UnitOfWork) -> bool:
        key = self._context.key
        if enter.go:
            identity = decision_id(key, pair, time, "Enter")
        else:
            # One refusal for one agreement of the strategies and one set of reasons, however many candles it lasts.
            names = ",".join(refusals(enter.gates))
            identity = decision_id(key, pair, enter.consensus.since, f"Refuse:{names}")
            for name in refusals(enter.gates):
                self._context.metrics.gate_refusals.labels(key, name).inc()
        if identity in self._made:
            return False
        traceparent = self._span(pair, "Enter", enter.reason, None)
        unit.traceparent = traceparent
        verdict = "GO" if enter.go else "NO-GO"
        tag = "+".join(v.strategy for v in self._agreeing(pair))
        self._store(identity, pair, time, "Enter", verdict, enter.reason, enter.consensus, enter, unit)
        if enter.go:
            client_id = client_order_id(key, identity, Leg.ENTRY)
            self._view.pending[pair] = Pending(client_id, Leg.ENTRY, enter.size.stake * (ONE + self.rules.stake.fee))
            protected = self._bracket.stop_loss is not None or self._bracket.take_profit is not None
            unit.publish(
                PlaceOrder(
                    id=f"place:{client_id}",
                    time=time,
                    decision_id=identity,
                    leg=Leg.ENTRY,
                    client_order_id=client_id,
                    pair=pair,
                    side=Side.BUY,
                    type=OrderType.MARKET,
                    amount=enter.size.amount,
                    bracket=self._bracket if protected else None,
                    position_id=client_id,
                    tag=tag,
                    expires_at=self._expiry(time),
                )
            )
        return True

    def _exit(  # noqa: PLR0917 - what an exit is
        self,
        pair: str,
        position: HeldPosition,
        time: int,
        reason: ExitReason,
        consensus: Consensus | None,
        unit: UnitOfWork,
    ) -> bool:
        key = self._context.key
        identity = decision_id(key, pair, time, f"Exit:{position.position_id}")
        if identity in self._made:
            return False
        unit.traceparent = self._span(pair, "Exit", reason.value, self._view.traceparents.get(pair))
        self._store(identity, pair, time, "Exit", "GO", reason.value, consensus, None, unit)
        client_id = client_order_id(key, identity, Leg.EXIT)
        self._view.pending[pair] = Pending(client_id, Leg.EXIT)
        unit.publish(
            PlaceOrder(
                id=f"place:{client_id}",
                time=time,
                decision_id=identity,
                leg=Leg.EXIT,
                client_order_id=client_id,
                pair=pair,
                side=Side.SELL,
                type=OrderType.MARKET,
                amount=self.instruments[pair].amount(position.amount),
                reduce_only=True,
                position_id=position.position_id,
                tag=reason.value,
            )
        )
        return True

    def _amend(self, pair: str, time: int, stop_price: Decimal, unit: UnitOfWork) -> None:
        client_id = self._view.stop_order(pair)
        assert client_id is not None
        unit.traceparent = self._view.traceparents.get(pair)
        self._view.raise_stop(pair, stop_price)
        unit.publish(
            AmendOrder(
                id=f"amend:{client_id}:{time}",
                time=time,
                decision_id=decision_id(self._context.key, pair, time, "Amend"),
                client_order_id=client_id,
                pair=pair,
                stop_price=stop_price,
            )
        )

    def _store(  # noqa: PLR0917 - the columns of a decision
        self,
        identity: str,
        pair: str,
        time: int,
        action: Any,
        verdict: Any,
        reason: str,
        consensus: Consensus | None,
        enter: Enter | None,
        unit: UnitOfWork,
    ) -> None:
        self._made.add(identity)
        score = float(consensus.score) if consensus else 0.0
        verdicts = tuple(GateVerdict(g.name, g.verdict.value, g.value, g.limit) for g in enter.gates) if enter else ()
        amount = enter.size.amount if enter and enter.go else None
        unit.write(
            _INSERT,
            {
                "bot": self._context.key,
                "decision_id": identity,
                "time": time,
                "pair": pair,
                "action": action,
                "verdict": verdict,
                "reason": reason,
                "score": score,
                "amount": amount,
                "gates": msgspec.json.encode(verdicts),
                "reasons": msgspec.json.encode(self._reasons(pair)),
            },
        )
        self._context.metrics.decisions.labels(self._context.key, action, verdict).inc()
        unit.publish(
            DecisionMade(
                id=f"decision:{identity}",
                time=time,
                pair=pair,
                action=action,
                verdict=verdict,
                reason=reason,
                score=score,
                gates=verdicts,
                amount=amount,
                expires_at=self._expiry(time) if amount is not None else None,
            )
        )

    # ------------------------------------------------------------------------------------------------------- reading

    def _agreeing(self, pair: str) -> list[Voter]:
        return [v for v in self.voters if self._vote(v, pair).stance == "Long"]

    def _reasons(self, pair: str) -> dict[str, tuple[str, ...]]:
        told = {v.name: self.stances.get((v.strategy, v.timeframe, pair)) for v in self.voters}
        return {name: evaluation.reasons for name, evaluation in told.items() if evaluation is not None}

    def _span(self, pair: str, action: str, reason: str, trade: str | None) -> str | None:
        """The decision in the trace: below the evaluation that completed it, or below the trade that it ends."""
        if not self._context.tracer.enabled:
            return None
        told = [self.stances.get((v.strategy, v.timeframe, pair)) for v in self.voters]
        evaluations = [e.traceparent for e in told if e is not None and e.traceparent]
        parent = trade or (evaluations[-1] if evaluations else None)
        links = [e for e in evaluations if e != parent]
        return self._context.tracer.span(
            "decision", parent, {"pair": pair, "action": action, "reason": reason}, links=links
        )

    def _expiry(self, time: int) -> int:
        """The close of the candle after the next: an entry later than that is another trade."""
        return close_time(self._timeframe, close_time(self._timeframe, time))


def _commands(unit: UnitOfWork) -> int:
    return sum(1 for message in unit.messages if isinstance(message, _COMMANDS))
