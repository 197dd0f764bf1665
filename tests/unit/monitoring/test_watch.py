"""The watch: what it makes of messages and answers, and of those that do not come."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from types import SimpleNamespace

import pytest

from tradewind.contracts.messages import CandleClosed, FeedStateChanged, ServiceStateChanged, TradingStateChanged
from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.monitoring.watch import Watch

RUNNING = {"state": "Running", "reasons": {}, "failures": 0}
ASKED = ("engine", "market-data", "portfolio", "execution", "strategy", "gateway", "monitoring")


class Bot:
    """A bot that answers what a test tells it to; a question without an answer fails."""

    def __init__(self, directory):
        self.now = 1000.0
        self.answers = {(name, "state"): dict(RUNNING) for name in ASKED} | {
            ("engine", "status"): {"state": "Running"},
            ("portfolio", "snapshot"): {"drift": Decimal(0)},
            ("market-data", "progress"): {"ended": False, "interval": 1.0},
        }
        self.said = []
        log = SimpleNamespace(exception=lambda message, **facts: self.said.append((message, facts)))
        self.metrics = Metrics()
        self.watch = Watch(
            SimpleNamespace(
                key="default/x",
                service="monitoring",
                clock=self,
                ask=self.ask,
                log=log,
                metrics=self.metrics,
                data_directory=directory,
            )
        )
        self.clock = SimpleNamespace(now=lambda: self.now)
        self.watch._context.clock = self.clock

    async def ask(self, service, question, **_):
        answer = self.answers[service, question]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def bot(tmp_path):
    return Bot(tmp_path)


async def candle(bot):
    message = CandleClosed(
        id="c", time=3_600_000, pair="BTC/EUR", timeframe="1h", candle=Candle(0, 1, 1, 1, 1, 1), tick_size=1
    )
    await bot.watch.on_candle(message, None)


async def test_a_bot_that_answers_and_gets_data_is_well(bot):
    """The score is told and shown as a metric."""
    await candle(bot)
    picture = await bot.watch.look()

    assert picture.score == 100
    assert bot.metrics.health_score.labels("default/x")._value.get() == 100


async def test_data_grows_old_by_the_wall_clock(bot):
    """A paced feed that stops is noticed after three of its intervals; one that has ended is not missed."""
    await candle(bot)
    bot.now += 60
    assert (await bot.watch.look()).score == 75

    message = FeedStateChanged(id="f", time=0, state="Ended")
    await bot.watch.on_feed(message, None)
    assert (await bot.watch.look()).score == 100


async def test_the_first_candle_of_an_exchange_is_waited_for(bot):
    """A bot on hours is not ill because it began at ten past; it is when there is still no candle after three."""
    bot.answers["market-data", "progress"] |= {"interval": 3600.0, "since": bot.now}
    bot.now += 3000
    assert (await bot.watch.look()).score == 100

    bot.now += 8 * 3600
    assert (await bot.watch.look()).score == 75


async def test_a_service_that_does_not_answer_is_down_and_nothing_else_fails(bot):
    """Whatever an answer fails with, the picture is made, and names who was silent."""
    await candle(bot)
    bot.answers["engine", "state"] = bot.answers["engine", "status"] = TemporaryError("engine is not running")
    bot.answers["portfolio", "snapshot"] = ZeroDivisionError()
    picture = await bot.watch.look()

    assert picture.services["engine"]["state"] == "Unknown"
    assert picture.facts.down == {"engine"}
    assert picture.facts.trading is None
    assert [facts["asked"] for _, facts in bot.said] == ["portfolio"]
    assert {one.type: one.status for one in bot.watch.conditions.current}["Trading"] == "Unknown"


async def test_a_service_that_is_not_asked_is_known_by_its_messages(bot):
    """The venue on this machine is nobody's to watch; what it says of itself still counts."""
    await candle(bot)
    for state in ("Running", "Failed"):
        message = ServiceStateChanged(id=state, time=0, service="sim-exchange", state=state)
        await bot.watch.on_service(message, None)
        picture = await bot.watch.look()
        assert ("sim-exchange" in picture.facts.down) is (state == "Failed")
    assert picture.services["sim-exchange"]["reasons"] == {"service": "Failed"}


async def test_a_replica_too_many_that_has_ended_says_nothing_of_the_others(bot):
    """Else one that an autoscaler made smaller would count as down for good."""
    await candle(bot)
    for state in ("Running", "Stopping", "Terminated"):
        await bot.watch.on_service(ServiceStateChanged(id=state, time=0, service="sim-exchange", state=state), None)
    assert "sim-exchange" not in (await bot.watch.look()).facts.down


async def test_failures_count_for_five_minutes(bot):
    """Batches that failed lower the score, and are forgiven when it stays calm."""
    await candle(bot)
    await bot.watch.look()
    bot.answers["execution", "state"]["failures"] = 3
    assert (await bot.watch.look()).facts.failures == 3
    bot.now += 200
    assert (await bot.watch.look()).facts.failures == 3
    bot.now += 200
    assert (await bot.watch.look()).facts.failures == 0


async def test_a_change_is_looked_at_at_once(bot, monkeypatch):
    """The time of a flip is that of the change, and not of the next round."""
    monkeypatch.setattr("tradewind.monitoring.watch.EVERY", 3600.0)
    await candle(bot)
    looked, look = asyncio.Queue(), bot.watch.look

    async def noted():
        looked.put_nowait((await look()).time)

    bot.watch.look = noted
    task = asyncio.create_task(bot.watch.run())
    try:
        assert await looked.get() == 1000.0
        bot.now, bot.answers["engine", "status"] = 1000.2, {"state": "Paused"}
        await bot.watch.on_trading(TradingStateChanged(id="t", time=0, state="Paused", reason="x", actor="y"), None)
        async with asyncio.timeout(60):
            assert await looked.get() == 1000.2
    finally:
        task.cancel()
    assert {one.type: one.since for one in bot.watch.conditions.current}["Paused"] == 1000.2


async def test_resources_are_those_of_this_process(bot):
    """Memory, processor and disk are read, not guessed."""
    resources = (await bot.watch.look()).resources

    assert 10**7 < resources.memory_bytes < 10**11
    assert 0 < resources.disk_free_bytes <= resources.disk_total_bytes
    assert bot.metrics.disk_free.labels("default/x")._value.get() == resources.disk_free_bytes
    assert resources.cpu_ratio >= 0
    assert resources.open_files > 2
    assert resources.threads >= 1


async def test_a_disk_that_is_gone_is_not_known(tmp_path):
    """A directory that was unmounted costs its part of the score and breaks nothing."""
    bot = Bot(tmp_path / "gone")
    await candle(bot)
    picture = await bot.watch.look()

    assert picture.facts.disk_free is None
    # Not a room of 0 bytes, which would be an alarm.
    assert not [sample for metric in bot.metrics.disk_free.collect() for sample in metric.samples]
    assert picture.score == 90


async def test_the_age_of_the_data_is_shown_beside_when_it_is_late(bot):
    """So one alert holds for bots on minutes and on days; where no candle is due the age is not a number."""

    def shown(name):
        return bot.metrics.registry.get_sample_value(f"tradewind_{name}", {"bot": "default/x"})

    bot.answers["market-data", "progress"] |= {"interval": 60.0, "trouble": {"BTC/EUR": "Silent: 40 s"}}
    await candle(bot)
    bot.now += 200
    await bot.watch.look()
    assert (shown("data_age_seconds"), shown("data_late_seconds"), shown("disturbed_pairs")) == (200, 180, 1)

    bot.answers["market-data", "progress"] |= {"ended": True}
    await bot.watch.look()
    assert math.isnan(shown("data_age_seconds"))
