"""A tick that is sent twice, as at a start, shares a unit of work with the next one: nothing of that is lost.

Nobody would send it again before it is late, and for these thirty seconds no exit would be decided.
"""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from tradewind.contracts.api.v1alpha1 import Mode
from tradewind.contracts.messages import CandleClosed, PortfolioMarked, StrategyEvaluated, TickDecided
from tradewind.domain.candle import Candle
from tradewind.engine.cycle import CycleReport
from tradewind.engine.handlers import EngineHandlers
from tradewind.kernel.unit import UnitOfWork

HOUR = 3_600_000
PAIRS = ("AAA/EUR", "BBB/EUR")


class Engine:
    """The handlers over a cycle that only remembers its ticks, and the stances that it ran with."""

    def __init__(self):
        self.ran, self.stances, self.unit = [], {}, UnitOfWork()

        async def ask(*_, **__):
            return []

        spec = SimpleNamespace(timeframe="1h", mode=Mode.PAPER)
        context = SimpleNamespace(bot=SimpleNamespace(spec=spec), ask=ask, seen=lambda _: 0, published=lambda _: 0)
        trading = SimpleNamespace(store_latch=lambda *_: False, decided_time=-1, version=0)
        view = SimpleNamespace(on_mark=lambda _: None)
        self.handlers = EngineHandlers(context, view, SimpleNamespace(stances=self, run=self.run), trading)

    voters = (SimpleNamespace(strategy="trend", timeframe="1h"),)

    def take(self, message):
        self.stances[message.pair] = message.time

    def forget(self):
        self.stances.clear()

    async def run(self, time, candles, _unit):
        assert sorted(one.pair for one in candles) == list(PAIRS)
        self.ran.append((time, dict(self.stances)))
        return CycleReport("cycle")

    async def candles(self, time):
        for pair in PAIRS:
            candle = Candle(open_time=time, open=1, high=1, low=1, close=1, volume=1)
            message = CandleClosed(
                id=f"{pair}:{time}", time=time, pair=pair, timeframe="1h", candle=candle, tick_size=len(PAIRS)
            )
            await self.handlers.on_candle(message, self.unit)

    async def evaluation(self, time, pair):
        message = StrategyEvaluated(
            id=f"{pair}:{time}", time=time, strategy="trend", pair=pair, timeframe="1h", candle_time=time,
            stance="Flat", confidence=1, since=time,
        )  # fmt: skip
        await self.handlers.on_evaluation(message, self.unit)

    async def mark(self, time):
        equity = Decimal(1)
        message = PortfolioMarked(
            id=f"marked:{time}",
            time=time,
            orders_sequence=0,
            equity=equity,
            equity_peak=equity,
            day_start_equity=equity,
        )
        await self.handlers.on_mark(message, self.unit)

    async def whole(self, time):
        await self.candles(time)
        for pair in PAIRS:
            await self.evaluation(time, pair)
        await self.mark(time)

    def commit(self):
        """Commit; returns the ticks that were decided."""
        unit, self.unit = self.unit, UnitOfWork()
        for callback in unit.after_commit:
            callback()
        return [message.time for message in unit.messages if isinstance(message, TickDecided)]


@pytest.fixture
async def engine():
    """One that has decided its first tick."""
    found = Engine()
    await found.whole(0)
    assert found.commit() == [0]
    return found


async def test_the_next_tick_is_decided_in_the_same_unit(engine):
    await engine.whole(0)
    await engine.whole(HOUR)
    assert engine.commit() == [0, HOUR]
    assert [time for time, _ in engine.ran] == [0, HOUR]


async def test_what_came_of_the_next_tick_is_kept(engine):
    await engine.whole(0)
    await engine.candles(HOUR)
    await engine.evaluation(HOUR, "AAA/EUR")
    assert engine.commit() == [0]
    await engine.evaluation(HOUR, "BBB/EUR")
    await engine.mark(HOUR)
    assert engine.commit() == [HOUR]


async def test_a_repeated_tick_is_answered_and_not_decided_again(engine):
    """What is known by then may be of the next one: an order of the tick before would rest on what came after it."""
    await engine.candles(0)
    await engine.evaluation(0, "AAA/EUR")
    await engine.evaluation(0, "BBB/EUR")
    await engine.candles(HOUR)
    await engine.evaluation(HOUR, "AAA/EUR")
    await engine.mark(0)
    assert engine.commit() == [0]
    assert [time for time, _ in engine.ran] == [0]
    await engine.evaluation(HOUR, "BBB/EUR")
    await engine.mark(HOUR)
    assert engine.commit() == [HOUR]
    assert engine.ran[1:] == [(HOUR, dict.fromkeys(PAIRS, HOUR))]


async def test_a_market_that_begins_again_further_back_is_evaluated_again(engine):
    """What was heard of a tick before it went back is of stances that are forgotten."""
    await engine.whole(HOUR)
    assert engine.commit() == [HOUR]
    await engine.evaluation(2 * HOUR, "AAA/EUR")
    await engine.evaluation(2 * HOUR, "BBB/EUR")
    await engine.whole(0)
    await engine.whole(HOUR)
    await engine.candles(2 * HOUR)
    await engine.mark(2 * HOUR)
    assert engine.commit() == [0, HOUR]
    await engine.evaluation(2 * HOUR, "AAA/EUR")
    await engine.evaluation(2 * HOUR, "BBB/EUR")
    assert engine.commit() == [2 * HOUR]
    assert [time for time, _ in engine.ran] == [0, HOUR, 2 * HOUR]


async def test_a_unit_that_fails_over_a_repeated_tick_is_no_market_that_went_back(engine):
    """What was committed of the next tick before is not sent again with the messages of that unit."""
    await engine.whole(HOUR)
    assert engine.commit() == [HOUR]
    await engine.candles(HOUR)
    await engine.evaluation(HOUR, "AAA/EUR")
    await engine.evaluation(HOUR, "BBB/EUR")
    await engine.evaluation(2 * HOUR, "AAA/EUR")
    assert engine.commit() == []

    async def rest():
        await engine.mark(HOUR)
        yield
        await engine.candles(2 * HOUR)
        await engine.evaluation(2 * HOUR, "BBB/EUR")
        await engine.mark(2 * HOUR)
        yield

    async for _ in rest():
        pass
    engine.unit = UnitOfWork()
    engine.handlers.reload()
    assert [engine.commit() async for _ in rest()] == [[HOUR], [2 * HOUR]]


async def test_a_tick_that_is_marked_twice_in_a_unit_runs_once():
    engine = Engine()
    await engine.whole(0)
    await engine.whole(0)
    assert engine.commit() == [0]
    assert [time for time, _ in engine.ran] == [0]


async def test_a_tick_whose_unit_failed_is_decided_when_it_comes_again():
    engine = Engine()
    await engine.whole(0)
    engine.unit = UnitOfWork()
    engine.handlers.reload()
    await engine.whole(0)
    assert engine.commit() == [0]
    assert [time for time, _ in engine.ran] == [0, 0]
