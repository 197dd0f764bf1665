"""The loop: from each tick at which something may happen to the next, in whitelist order, until the candles end.

A tick is met in the order of the running bot: entries whose decision no longer stands are taken back, the opening of
every pair, the legs of what was entered, the path of every pair; then each pair is decided, and what was decided is
sent. Source: `semantics` sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from heapq import heapify, heappop, heappush
from math import inf

from tradewind.domain.account_order import CLOSING, OPENING, PATH
from tradewind.domain.backtest.desk import Desk
from tradewind.domain.backtest.outcome import Outcome
from tradewind.domain.backtest.rules import BacktestRules, Replies
from tradewind.domain.backtest.tape import Tape
from tradewind.domain.backtest.valuation import Valuation
from tradewind.domain.callbacks import OF_POSITIONS, answered, deciding
from tradewind.domain.candle import Candle
from tradewind.domain.decision import Amend, Enter, Exit, PairView
from tradewind.domain.exits import ExitReason, unmoved_below
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import decimal_of
from tradewind.domain.order import Leg
from tradewind.domain.risk import LASTING, RiskView, has_slot, refusals
from tradewind.domain.series import Integers
from tradewind.domain.simulated_account import SimulatedAccount
from tradewind.domain.standing import Standing
from tradewind.domain.trade import ClosedTrade, trade_order


class Backtest:
    """One run. `tapes` and `instruments` by pair, in whitelist order; `times` the open times of all ticks."""

    def __init__(
        self,
        rules: BacktestRules,
        times: Integers,
        tapes: Mapping[str, Tape],
        instruments: Mapping[str, Instrument],
        valuation: Valuation,
        *,
        replies: Replies = Replies(),  # noqa: B008 - it never changes
    ) -> None:
        self._replies, self._asks_held = replies, not OF_POSITIONS.isdisjoint(replies.asked)
        self._rules, self._tapes, self._valuation = rules, tapes, valuation
        self._times: Sequence[int] = times.tolist()
        self._ticks = times
        self._order = list(tapes)
        self._index = dict.fromkeys(tapes, -1)
        self._given_up: set[str] = set()
        self._calm: dict[str, tuple[float, float] | None] = {}
        self._standing = Standing()
        self._standing.currency, self._standing.fee = rules.currency, rules.decision.stake.fee
        account = SimulatedAccount(rules.account, {rules.currency: rules.start_balance})
        self._desk = Desk(rules.desk, account, self._standing, instruments)

    def run(self, on_tick: Callable[[int], bool] = lambda _tick: True) -> Outcome:
        """To the end, leaving nothing open; `on_tick` hears how far it is and may end it by False."""
        if not self._times:
            return self._outcome(0)
        due = [(self._next(pair), place) for place, pair in enumerate(self._order)]
        heapify(due)
        while due and due[0][0] < len(self._times):
            tick = due[0][0]
            if not on_tick(tick):
                return self._outcome(tick)
            places = []
            while due and due[0][0] == tick:
                places.append(heappop(due)[1])
            pairs = [self._order[place] for place in places]
            self._meet(tick, pairs)
            for place, pair in zip(places, pairs, strict=True):
                heappush(due, (self._next(pair), place))
        self._finish()
        return self._outcome(len(self._times))

    @property
    def trades(self) -> Sequence[ClosedTrade]:
        """What is closed so far, in the order of closing."""
        return self._desk.trades

    # ------------------------------------------------------------------------------------------------------- one tick

    def _meet(self, tick: int, pairs: Sequence[str]) -> None:
        desk = self._desk
        trading = []
        for pair in pairs:
            self._end_late_entry(pair, self._times[tick])
            candle = self._candle_at(pair, tick)
            if candle is not None:
                trading.append((pair, candle))
        desk.time = self._times[tick]
        meeting = [(pair, candle) for pair, candle in trading if not self._is_calm(pair, candle)]
        for pair, candle in meeting:
            desk.match(pair, candle, OPENING)
        for pair, _ in meeting:
            desk.protect(pair)
        for pair, candle in meeting:
            desk.match(pair, candle, PATH)
        if desk.traded:
            desk.traded = False
            self._valuation.hold(tick, desk.account.balances)
        self._decide(tick, trading)

    def _is_calm(self, pair: str, candle: Candle) -> bool:
        """Whether a candle is here for what is decided on it alone, because no resting order can act on it."""
        calm = self._calm.get(pair)
        return calm is not None and candle.low > calm[0] and candle.high < calm[1]

    def _end_late_entry(self, pair: str, time: int) -> None:
        orders = self._desk.pairs[pair]
        if orders.entry is not None and time > orders.expires_at:
            self._desk.cancel_entry(pair)

    def _candle_at(self, pair: str, tick: int) -> Candle | None:
        """The candle of a pair at a tick, which it stands at from then on; None where it has a gap there."""
        tape = self._tapes[pair]
        index = self._index[pair] = tape.index_at(tick)
        return tape.series.candle(index) if index >= 0 and tape.ticks[index] == tick else None

    def _decide(self, tick: int, trading: Sequence[tuple[str, Candle]]) -> None:
        closes, deciding = self._standing.closes, [one for one in trading if self._is_asked(*one)]
        for pair, candle in deciding:
            closes[pair] = decimal_of(candle.close)
        for pair, candle in deciding:
            self._decide_pair(pair, candle, tick)
        self._desk.carry_out()

    def _is_asked(self, pair: str, candle: Candle) -> bool:
        """Whether there can be a decision at all."""
        standing, tape, index = self._standing, self._tapes[pair], self._index[pair]
        if standing.busy(pair, candle.open_time):
            return False
        if pair not in standing.positions:
            return tape.said(index).answer.enter and has_slot(standing.slots(), self._rules.decision.limits)
        if tape.said(index).answer.leave or pair in standing.unprotected or self._asks_held:
            return True
        return candle.high >= self._trails_from(pair)

    def _risk(self, pair: str, tick: int, score: Decimal) -> RiskView:
        standing, valuation, rules = self._standing, self._valuation, self._rules
        for held in standing.positions:
            standing.closes[held] = self._close_at(held, tick)
        standing.equity, standing.equity_peak = valuation.at(tick), valuation.peak(tick)
        standing.day_start_equity = valuation.day_start(tick)
        return standing.risk(rules.trading_state, score, named=pair in rules.named)

    def _close_at(self, pair: str, tick: int) -> Decimal:
        tape = self._tapes[pair]
        return decimal_of(tape.series.close[tape.index_at(tick)])

    def _decide_pair(self, pair: str, candle: Candle, tick: int) -> None:
        standing, rules, tape, desk = self._standing, self._rules, self._tapes[pair], self._desk
        said = tape.said(self._index[pair])
        view = PairView(
            instrument=desk.pairs[pair].instrument,
            close=standing.closes[pair],
            high=decimal_of(candle.high),
            answer=said.answer,
            position=standing.positions.get(pair),
            busy=False,
            unprotected=pair in standing.unprotected,
            time=candle.open_time,
        )
        replies = self._replies
        asking = deciding(view, partial(self._risk, pair, tick), standing.funds, rules.decision, replies.asked)
        match answered(asking, replies.reply):
            case Enter(size=size) as enter if enter.go:
                desk.enter(pair, size.amount, said.tag)
            case Enter(gates=answers):
                cash = self._valuation.is_cash() and not standing.pending
                if cash and not LASTING.isdisjoint(refusals(answers)):
                    # No pair can be entered any more, and nothing is held that could change that.
                    self._given_up.add(pair)
            case Exit() as exit_:
                desk.exit(pair, exit_.told)
            case Amend(stop_price):
                desk.amend(pair, stop_price)

    # ---------------------------------------------------------------------------------------------------------- ahead

    def _next(self, pair: str) -> int:
        """The next tick at which something may happen to a pair."""
        tape, index, orders = self._tapes[pair], self._index[pair], self._desk.pairs[pair]
        self._calm[pair] = None
        if orders.entry is not None:
            late = int(self._ticks.searchsorted(orders.expires_at, side="right"))
            return min(self._tick_of(tape, index + 1), late)
        if orders.exit is not None or pair in self._standing.unprotected:
            return self._tick_of(tape, index + 1)
        if orders.position is None:
            return self._tick_of(tape, len(tape) if pair in self._given_up else tape.next_entry(index))
        calm = self._calm[pair] = self._calm_prices(pair)
        if calm is None or self._asks_held:
            return self._tick_of(tape, index + 1)
        below, above = calm
        return self._tick_of(tape, tape.next_touch(index, below, min(above, self._trails_from(pair))))

    def _calm_prices(self, pair: str) -> tuple[float, float] | None:
        """As `matching.calm_between`, in floats."""
        calm = self._desk.account.calm_between(pair)
        if calm is None:
            return None
        below, above = calm
        return -inf if below is None else float(below), inf if above is None else float(above)

    def _tick_of(self, tape: Tape, index: int) -> int:
        return tape.ticks[index] if index < len(tape) else len(self._times)

    def _trails_from(self, pair: str) -> float:
        """The high from which on the stop may be raised, or a little less; infinite where it never is."""
        trailing, held = self._rules.decision.trailing, self._standing.positions[pair]
        if trailing is None or held.stop_price is None:
            return inf
        return unmoved_below(trailing, held.average_price, held.stop_price)

    # ------------------------------------------------------------------------------------------------------ the end

    def _finish(self) -> None:
        """The candles are used up: nothing is left open, and what is sold is sold at the last close."""
        desk, standing, last = self._desk, self._standing, len(self._times) - 1
        desk.time = self._times[last]
        for pair in [pair for pair, pending in standing.pending.items() if pending.leg is Leg.ENTRY]:
            desk.cancel_entry(pair)
        for pair in self._order:
            if pair in standing.positions and pair not in standing.pending:
                standing.closes[pair] = self._close_at(pair, last)
                desk.exit(pair, ExitReason.FORCE_EXIT.value)
        desk.carry_out()
        for pair in self._order:
            if self._tapes[pair].ticks:
                close = float(self._close_at(pair, last))
                desk.match(pair, Candle(desk.time, close, close, close, close, 0.0), CLOSING)
        self._valuation.hold(last, desk.account.balances)

    def _outcome(self, ticks: int) -> Outcome:
        return Outcome(
            ticks=ticks,
            trades=tuple(sorted(self._desk.trades, key=trade_order)),
            equity=self._valuation.points(ticks),
            daily=self._valuation.daily(ticks),
            balances=self._desk.account.balances,
            open_positions=len(self._standing.positions),
            orders=self._desk.counts,
        )
