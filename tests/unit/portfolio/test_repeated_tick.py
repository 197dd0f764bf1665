"""A tick that is sent twice, as at a start, shares a unit of work with the next one: both are marked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import CandleClosed, PortfolioMarked, TickMatched
from tradewind.domain.candle import Candle
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing
from tradewind.kernel.unit import UnitOfWork
from tradewind.portfolio.accounts import Account
from tradewind.portfolio.handlers import PortfolioHandlers

BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")
TIMEFRAME = BOT.spec.timeframe


async def _tick(handlers, unit, time):
    candle = Candle(open_time=time, open=1, high=1, low=1, close=1, volume=1)
    message = CandleClosed(
        id=f"candle:{time}", time=time, pair="BTC/EUR", timeframe=TIMEFRAME, candle=candle, tick_size=1
    )
    await handlers.on_candle(message, unit)
    await handlers.on_tick_matched(TickMatched(id=f"matched:{time}", time=time, orders_sequence=0), unit)


async def test_both_ticks_of_a_unit_are_marked():
    context = SimpleNamespace(
        bot=BOT,
        key=BOT.key,
        metrics=Metrics(),
        tracer=Tracing(None, "0", "default").tracer("portfolio"),
        seen=lambda _: 0,
    )
    handlers = PortfolioHandlers(context, Account(context))
    told = []
    for ticks in ((1,), (1, 2), (3,)):
        unit = UnitOfWork()
        for time in ticks:
            await _tick(handlers, unit, time)
        for callback in unit.after_commit:
            callback()
        told.append([one.time for one in unit.messages if isinstance(one, PortfolioMarked)])
    assert told == [[1], [1, 2], [3]]
    assert handlers.marked == 3
