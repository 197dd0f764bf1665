"""The replay where a simulated venue plays the market: what goes out is what it walked, and it waits for legs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.execution.conftest import VirtualLoop

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import CandleClosed, FeedStateChanged, OpeningSettled, TickSettled, VenueOpened
from tradewind.domain.candle import Candle
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.unit import UnitOfWork
from tradewind.market_data import sending
from tradewind.market_data.adapters.venue_clock import Moment
from tradewind.market_data.recording import Recording, Tick
from tradewind.market_data.replay import Replay

ROOT = Path(__file__).parents[3]
HOUR = 3_600_000
PAIRS = ("BTC/EUR", "ETH/EUR")


def recorded(pair, time):
    return Candle(time, 1.0, 1.0, 1.0, 1.0, 1.0)


class Venue:
    """Stops once after the opening of the ticks in `openings`; tells candles of its own."""

    def __init__(self, *, openings=(), standing=0, events=0):
        self.openings, self.time, self.events = set(openings), standing, events
        self.calls = []
        self.closed = False

    async def move(self, timeframe, tick, wanted):
        self.calls.append(("move", tick))
        if tick in self.openings:
            self.openings.remove(tick)
            self.time, self.events = tick + 1, self.events + 2
            return Moment(self.events, paused=True)
        self.time = max(self.time, tick + HOUR)
        told = tuple(Candle(opened, 2.0, 2.0, 2.0, 2.0, 2.0) for _, _, opened in wanted)
        return Moment(self.events, paused=False, candles=told)

    async def moment(self, tick):
        self.calls.append(("moment", tick))
        return Moment(self.events, self.time == tick + 1)

    async def close(self):
        self.closed = True


class Bus:
    """What market-data publishes, and the bot that answers it, unless the test is it."""

    def __init__(self, venue, *, ticks=3, resume_time=None, speed="max"):
        self.sent, self.warnings = [], []
        self.answering, self.heard = True, asyncio.Event()
        log = SimpleNamespace(
            info=lambda *_, **__: None, warning=lambda event, **facts: self.warnings.append((event, facts["time"]))
        )
        context = SimpleNamespace(
            bot=load_bot(ROOT / "manifests" / "samples" / "quickstart.yaml", [f"spec.data.speed={speed}"]),
            key="default/quickstart",
            metrics=Metrics(),
            log=log,
            resume_time=resume_time,
            tracer=SimpleNamespace(span=lambda *_: None),
            unit=self.unit,
        )
        self.replay = Replay(context, venue)
        times = [number * HOUR for number in range(ticks)]
        self.replay.recording = Recording(
            "1h",
            checked=dict.fromkeys(PAIRS),
            dropped={},
            instruments={},
            ticks=[Tick(time, tuple((pair, "1h", recorded(pair, time)) for pair in PAIRS)) for time in times],
        )

    @asynccontextmanager
    async def unit(self):
        unit = UnitOfWork()
        yield unit
        for message in unit.messages:
            self.sent.append(message)
            self.heard.set()
            if self.answering:
                await self.answer(message)

    async def answer(self, message):
        if isinstance(message, VenueOpened):
            told = OpeningSettled(id=f"settled:{message.id}", time=message.time)
            await self.replay.sender.on_opening_settled(told, UnitOfWork())
        elif isinstance(message, CandleClosed):
            await self.replay.sender.on_settled(
                TickSettled(id=f"settled:{message.time}", time=message.time), UnitOfWork()
            )

    def story(self):
        """Every message once, as (what, tick)."""
        return list(dict.fromkeys((type(message).__name__, message.time // HOUR) for message in self.sent))


async def test_what_goes_out_is_what_the_venue_tells():
    """The bot trades on the venue's candles and is told how many events of its account came before them."""
    bus = Bus(Venue(events=5), ticks=1)
    await bus.replay.play()
    candles = [message for message in bus.sent if isinstance(message, CandleClosed)]
    assert [(m.pair, m.candle.close, m.venue_events, m.tick_size) for m in candles] == [
        ("BTC/EUR", 2.0, 5, 2),
        ("ETH/EUR", 2.0, 5, 2),
    ]
    assert isinstance(bus.sent[-1], FeedStateChanged)


async def test_an_opening_that_changed_the_account_is_settled_before_the_candles_go_on():
    """A position that was just entered gets its stop first."""
    venue = Venue(openings=[HOUR])
    bus = Bus(venue)
    await bus.replay.play()
    assert bus.story() == [
        ("CandleClosed", 0),
        ("VenueOpened", 1),
        ("CandleClosed", 1),
        ("CandleClosed", 2),
        ("FeedStateChanged", 2),
    ]
    assert [call for call in venue.calls if call[1] == HOUR] == [("move", HOUR), ("move", HOUR)]
    (opened,) = (message for message in bus.sent if isinstance(message, VenueOpened))
    assert opened.venue_events == 2


async def test_the_venue_waits_after_an_opening_until_it_is_settled():
    """Its clock does not move meanwhile, whatever else is said to be settled."""
    venue = Venue(openings=[0])
    bus = Bus(venue, ticks=1)
    bus.answering = False
    playing = asyncio.create_task(bus.replay.play())
    await bus.heard.wait()
    for other in (OpeningSettled(id="other", time=HOUR), TickSettled(id="tick", time=0)):
        handler = (
            bus.replay.sender.on_settled if isinstance(other, TickSettled) else bus.replay.sender.on_opening_settled
        )
        await handler(other, UnitOfWork())
    for _ in range(10):
        await asyncio.sleep(0)
    assert bus.story() == [("VenueOpened", 0)]
    assert venue.time == 1
    bus.answering = True
    await bus.answer(bus.sent[0])
    await playing
    assert venue.time == HOUR


async def test_an_opening_of_which_nothing_is_heard_is_told_again(monkeypatch):
    """The bot that was to settle it may have been loading."""
    monkeypatch.setattr(sending, "SETTLE_TIMEOUT", 0.001)
    bus = Bus(Venue(openings=[0]), ticks=1)
    bus.answering = False
    playing = asyncio.create_task(bus.replay.play())
    for _ in range(2):
        await bus.heard.wait()
        bus.heard.clear()
    bus.answering = True
    await bus.answer(bus.sent[0])
    await playing
    assert {message.id for message in bus.sent if isinstance(message, VenueOpened)} == {"opened:0:2"}
    assert ("opening not settled, sent again", 0) in bus.warnings


async def test_a_restart_in_the_pause_settles_the_opening_before_the_clock_moves():
    """The legs may not rest yet: whoever was to place them was killed too."""
    venue = Venue(standing=HOUR + 1, events=7)
    bus = Bus(venue, resume_time=HOUR)
    await bus.replay.play()
    assert bus.story()[:2] == [("VenueOpened", 1), ("CandleClosed", 1)]
    assert venue.calls[:2] == [("moment", HOUR), ("move", HOUR)]
    assert bus.sent[0].venue_events == 7


async def test_a_restart_between_two_ticks_just_goes_on():
    """Moving the clock twice moves it once; the tick that was sent last is sent again."""
    venue = Venue(standing=2 * HOUR, events=7)
    bus = Bus(venue, resume_time=HOUR)
    await bus.replay.play()
    assert bus.story()[:2] == [("CandleClosed", 1), ("CandleClosed", 2)]
    assert venue.calls == [("moment", HOUR), ("move", HOUR), ("move", 2 * HOUR)]


async def test_a_venue_that_has_seen_no_tick_yet_begins_with_the_first():
    """Its account may name the moment before the first candle, at which nothing can be sent again."""
    bus = Bus(Venue(), resume_time=-HOUR)
    await bus.replay.play()
    assert bus.story()[0] == ("CandleClosed", 0)


@pytest.mark.parametrize("venue", [Venue(), None])
async def test_closing_lets_go_of_the_venue(venue):
    """And of nothing where there is none."""
    await Bus(venue).replay.close()
    assert venue is None or venue.closed


def test_time_that_was_lost_is_not_made_up_for():
    """A venue that comes late makes the market late: its candles do not come in a burst then."""
    sent = {}

    class Late(Venue):
        async def moment(self, tick):
            await asyncio.sleep(10.4)
            return await super().moment(tick)

        async def move(self, timeframe, tick, wanted):
            sent[tick // HOUR] = round(asyncio.get_running_loop().time(), 3)
            return await super().move(timeframe, tick, wanted)

    loop = VirtualLoop()
    loop.run_until_complete(Bus(Late(), ticks=4, speed="3600").replay.play())
    loop.close()
    assert sent == {0: 10.4, 1: 10.4, 2: 11.4, 3: 12.4}


async def test_a_tick_that_nobody_is_done_with_is_seen_to_wait():
    """Its candles are not counted before, so that of a bot that hangs nothing else tells."""
    bus = Bus(Venue(), ticks=1)
    bus.answering = False

    def waiting():
        registry = bus.replay.sender._context.metrics.registry
        return registry.get_sample_value("tradewind_tick_waiting_seconds", {"bot": "default/quickstart"})

    assert waiting() == 0
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(bus.replay.play())
        await bus.heard.wait()
        assert waiting() > 0
        bus.answering = True
        await bus.answer(next(message for message in bus.sent if isinstance(message, CandleClosed)))
    assert waiting() == 0
