"""What the engine does with a message: gather a tick until all is there, then run its cycle.

All is there when the tick's candles are complete, every voter whose timeframe closed has evaluated, the portfolio is
marked at the tick, and every order event up to that mark was seen. In whatever order these came.
"""

from __future__ import annotations

from functools import partial

from tradewind.contracts.api.v1alpha1 import Mode
from tradewind.contracts.messages import (
    BalanceChanged,
    CandleClosed,
    FeedStateChanged,
    OrderStateChanged,
    PortfolioMarked,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    StrategyEvaluated,
    TickDecided,
)
from tradewind.domain.exits import ExitReason
from tradewind.engine.cycle import Cycle, CycleReport
from tradewind.engine.trading import TradingState
from tradewind.engine.view import AccountView
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork


class EngineHandlers:
    """State between messages: the tick being gathered; it comes again after a restart."""

    def __init__(self, context: Context, view: AccountView, cycle: Cycle, trading: TradingState) -> None:
        self.time = -1
        self.last_candles: list[CandleClosed] = []
        self.last_report: CycleReport | None = None
        self._context, self._view, self._cycle, self._trading = context, view, cycle, trading
        self._timeframe = context.bot.spec.timeframe
        self._strategies: dict[str, tuple[str, ...]] = {}
        for voter in cycle.stances.voters:
            self._strategies[voter.timeframe] = (*self._strategies.get(voter.timeframe, ()), voter.strategy)
        self._candles: dict[int, list[CandleClosed]] = {}
        self._evaluated: dict[tuple[str, str, str, int], int] = {}
        """What was evaluated (strategy, timeframe, pair, open time of the candle), and the tick that it belongs to."""
        self._mark: PortfolioMarked | None = None
        self._cycled: int | None = None
        """The tick whose cycle stands in a unit of work that is not committed yet."""
        self._ran = self._committed = -1
        """The latest tick whose cycle was committed since this service began, and the last one."""
        self._complete_stances = False
        self.flatten = False
        """Whether a position that is heard of now is to be sold at once: everything was, a moment ago."""

    def reload(self) -> None:
        """The stances of before this start are asked for with the next tick, and a cycle that failed runs again."""
        self._complete_stances = False
        self._cycled = None
        # Else the tick that is taken next would look like one of a market that went back.
        self.time = self._committed

    # ------------------------------------------------------------------------------------------------------ messages

    async def on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:
        """Collect."""
        tick = self._candles.setdefault(message.time, [])
        # After a gap one tick completes several candles of a longer timeframe.
        if not any(m.id == message.id for m in tick):
            tick.append(message)
        await self._try(unit)

    async def on_evaluation(self, message: StrategyEvaluated, unit: UnitOfWork) -> None:
        """A stance holds until the next one."""
        self._cycle.stances.take(message)
        self._evaluated[message.strategy, message.timeframe, message.pair, message.candle_time] = message.time
        await self._try(unit)

    async def on_mark(self, message: PortfolioMarked, unit: UnitOfWork) -> None:
        """The account stands at a tick."""
        self._view.on_mark(message)
        self._mark = message
        await self._try(unit)

    async def on_position(self, message: PositionOpened | PositionChanged, unit: UnitOfWork) -> None:
        """Follow; a position that an entry on its way opened after everything was sold is sold too."""
        self._view.on_position(message)
        if self.flatten and self._trading.trading == "EmergencyStopped":
            self._cycle.force_exit(message.pair, self.time, ExitReason.EMERGENCY_EXIT, unit)

    async def on_position_closed(self, message: PositionClosed, unit: UnitOfWork) -> None:  # noqa: ARG002
        """Follow."""
        self._view.on_position_closed(message)

    async def on_balance(self, message: BalanceChanged, unit: UnitOfWork) -> None:  # noqa: ARG002
        """Follow."""
        self._view.on_balance(message)

    async def on_order(self, message: OrderStateChanged, unit: UnitOfWork) -> None:
        """Follow; the last event of a tick may be what a cycle waits for."""
        self._view.on_order(message)
        await self._try(unit)

    async def advanced(self, unit: UnitOfWork) -> None:
        """The last event of a tick may be one that changes nothing here."""
        await self._try(unit)

    async def on_feed(self, message: FeedStateChanged, unit: UnitOfWork) -> None:
        """Recorded data is used up: where that ends the run, leave nothing open, at the last close."""
        if message.state != "Ended" or not self._context.until_end:
            return
        if not self._trading.decided_final:
            self._cycle.cancel_entries(message.time, "end", unit)
            for pair in self._cycle.instruments:
                self._cycle.force_exit(pair, message.time, ExitReason.FORCE_EXIT, unit)
            self._trading.decided(message.time, unit, final=True)
        self._publish_decided(message.time, unit, final=True)

    # ------------------------------------------------------------------------------------------------------- cycling

    async def _try(self, unit: UnitOfWork) -> None:
        mark = self._mark
        if mark is None or mark.time == self._cycled or mark.final or mark.time not in self._candles:
            return
        tick = self._candles[mark.time]
        if len(tick) < tick[0].tick_size or self._context.seen("orders.events") < mark.orders_sequence:
            return
        if not self._evaluations_complete(tick):
            return
        if mark.time < self.time:
            # Market data and execution were started again together, and play what was decided here.
            self._cycle.stances.forget()
            self._evaluated = {which: time for which, time in self._evaluated.items() if time <= mark.time}
            self._complete_stances = False
        if not self._complete_stances:
            await self._ask_stances(mark.time)
        if self._context.bot.spec.mode is Mode.LIVE:
            self._cycle.feed_trouble = (await self._context.ask("market-data", "progress"))["trouble"]
        # What was gathered goes with the commit: should it fail, nobody would send it again before the tick is late.
        self._cycled = mark.time
        unit.on_commit(partial(self._done, mark.time))
        await self._run(mark.time, [m for m in tick if m.timeframe == self._timeframe], unit)

    def _done(self, time: int) -> None:
        """Let go of a tick. Where it was sent twice, the next may be half here already, and nobody sends that again."""
        self._ran, self._committed = max(self._ran, time), time
        if self._cycled == time:
            self._cycled = None
        if self._mark is not None and self._mark.time <= time:
            self._mark = None
        self._candles = {later: rest for later, rest in self._candles.items() if later > time}
        self._evaluated = {which: later for which, later in self._evaluated.items() if later > time}

    async def _run(self, time: int, candles: list[CandleClosed], unit: UnitOfWork) -> None:
        self.time, self.last_candles = time, candles
        if self._trading.store_latch(time, unit):
            # Execution could not store the stop either, and may have been started again since.
            self._cycle.cancel_entries(time, f"trading-{self._trading.version}", unit)
        # A tick that was sent twice decides once: by now what is known may be of the next one.
        if time > max(self._trading.decided_time, self._ran):
            before = len(unit.writes), len(unit.messages)
            report = self.last_report = await self._cycle.run(time, candles, unit)
            # Where nothing was decided nothing is written, and the same tick after a restart decides nothing again.
            if len(unit.writes) > before[0] or report.orders:
                self._trading.decided(time, unit)
        unit.traceparent = None
        self._publish_decided(time, unit, final=False)

    def _publish_decided(self, time: int, unit: UnitOfWork, *, final: bool) -> None:
        commands = sum(1 for message in unit.messages if message.topic == "orders.commands")
        sequence = self._context.published("orders.commands") + commands
        unit.publish(TickDecided(id=f"decided:{time}:{final}", time=time, commands_sequence=sequence, final=final))

    def _evaluations_complete(self, tick: list[CandleClosed]) -> bool:
        return all(
            (strategy, m.timeframe, m.pair, m.candle.open_time) in self._evaluated
            for m in tick
            for strategy in self._strategies.get(m.timeframe, ())
        )

    async def _ask_stances(self, time: int) -> None:
        """After a start, stances of longer timeframes were evaluated before it."""
        for message in await self._context.ask("strategy", "stances", time=time):
            self._cycle.stances.take(message)
        self._complete_stances = True
