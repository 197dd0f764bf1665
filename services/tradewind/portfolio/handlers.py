"""What portfolio does with a message.

A tick is marked when three things are there, in whatever order they came: its candles, `TickMatched`, and every order
event up to the sequence that `TickMatched` names.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from tradewind.contracts.messages import BalancesReported, CandleClosed, OrderFilled, PortfolioMarked, TickMatched
from tradewind.domain.equity import equity_of
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ZERO
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork
from tradewind.portfolio.accounts import Account


class PortfolioHandlers:
    """State between messages: the candles of the tick that is not marked yet; they come again after a restart."""

    def __init__(self, context: Context, account: Account) -> None:
        self.closes: dict[str, float] = {}
        self.instruments: dict[str, Instrument] = {}
        self._context, self._account = context, account
        self._timeframe = context.bot.spec.timeframe
        self._candles: dict[int, list[CandleClosed]] = {}
        self._matched: TickMatched | None = None
        self._marking: TickMatched | None = None
        """What the mark stands for that is in a unit of work that is not committed yet."""
        self.marked: int | None = None
        """The last tick whose mark was committed."""
        metrics, key = context.metrics, context.key
        # Looked up when somebody reads the metrics: known from the start, and a tick costs nothing more.
        metrics.portfolio_value.labels(key, account.currency).set_function(lambda: float(account.curve.equity))
        metrics.active_trades.labels(key).set_function(lambda: len(account.open))
        metrics.drawdown.labels(key).set_function(lambda: float(account.curve.drawdown()))
        metrics.balance_drift.labels(key).set_function(lambda: float(self.drift()))
        metrics.realised_profit.labels(key, account.currency).set_function(
            lambda: float(sum((trade.profit for trade in account.trades), ZERO))
        )

    async def on_order_filled(self, message: OrderFilled, unit: UnitOfWork) -> None:
        """Positions and balances change by fills only."""
        self._account.apply(message, lambda pair: self.instruments[pair].amount_step, unit)
        self._mark(unit)

    async def on_balances_reported(self, message: BalancesReported, unit: UnitOfWork) -> None:
        """Compare with the venue; show a difference, rewrite nothing."""
        self._account.drift = {}
        for currency in {*message.balances, *self._account.balances}:
            theirs, ours = message.balances.get(currency, ZERO), self._account.balances.get(currency, ZERO)
            if theirs != ours:
                self._account.drift[currency] = abs(theirs - ours) / max(abs(theirs), abs(ours))
        if self._account.drift:
            self._context.log.error(
                "balances differ from the venue", drift={c: str(d) for c, d in self._account.drift.items()}
            )
        self._mark(unit)

    async def on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:
        """Collect the closes of the tick."""
        tick = self._candles.setdefault(message.time, [])
        # After a gap one tick completes several candles of a longer timeframe.
        if not any(m.id == message.id for m in tick):
            tick.append(message)
        self._mark(unit)

    async def on_tick_matched(self, message: TickMatched, unit: UnitOfWork) -> None:
        """The venue is done with the tick."""
        self._matched = message
        self._mark(unit)

    async def advanced(self, unit: UnitOfWork) -> None:
        """The last event of a tick may be one that changes nothing here."""
        self._mark(unit)

    def reload(self) -> None:
        """A mark that failed is made again."""
        self._marking = None

    def drift(self) -> Decimal:
        """The largest relative difference to the venue's balances."""
        return max(self._account.drift.values(), default=ZERO)

    def _mark(self, unit: UnitOfWork) -> None:
        matched = self._matched
        if matched is None or matched is self._marking or self._context.seen("orders.events") < matched.orders_sequence:
            return
        if not matched.final:
            tick = self._candles.get(matched.time)
            if tick is None or len(tick) < tick[0].tick_size:
                return
            for message in tick:
                if message.timeframe == self._timeframe:
                    self.closes[message.pair] = message.candle.close
        # What was gathered goes with the commit: should it fail, nobody would send it again before the tick is late.
        self._marking = matched
        unit.on_commit(partial(self._done, matched))
        account = self._account
        if self.marked is not None and matched.time < self.marked:
            # Market data and execution were started again together, and play what was marked here.
            account.curve = account.curve.before(matched.time)
        account.curve.mark(matched.time, equity_of(account.balances, self.closes, account.currency))
        unit.publish(
            PortfolioMarked(
                id=f"marked:{matched.time}:{matched.final}",
                time=matched.time,
                orders_sequence=matched.orders_sequence,
                equity=account.curve.equity,
                equity_peak=account.curve.peak,
                day_start_equity=account.curve.day_start,
                balance_drift=self.drift(),
                final=matched.final,
            )
        )

    def _done(self, matched: TickMatched) -> None:
        """Let go of a tick. Where it was sent twice, the next may be here already, and nobody sends that again."""
        if self._marking is matched:
            self._marking = None
        if self._matched is matched:
            self._matched = None
        self.marked = matched.time
        self._candles = {time: rest for time, rest in self._candles.items() if time > matched.time}
