"""Moving a simulated venue's clock: patiently, because the venue may not be there yet or may misbehave on purpose."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp.web
import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.market_data.adapters import venue_clock
from tradewind.market_data.adapters.venue_clock import PAUSES, QUIET_TRIES, Moment, VenueClock

HOUR = 3_600_000


class Desk:
    """The clock's end of the venue: `answers` are (status, document), the last one stays."""

    def __init__(self):
        self.answers = [(200, {"time": HOUR, "events": 3, "paused": False, "ended": False, "klines": []})]
        self.asked = []

    async def answer(self, request):
        body = await request.json() if request.method == "POST" else None
        self.asked.append((request.method, body, request.headers.get("X-MBX-APIKEY")))
        status, document = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return aiohttp.web.json_response(document, status=status)


@asynccontextmanager
async def listening(desk):
    application = aiohttp.web.Application()
    application.router.add_route("*", "/sim/clock", desk.answer)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    try:
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def world(tmp_path, monkeypatch):
    """A clock of which nobody has to wait for its pauses; they are noted."""
    pauses, said, desk = [], [], Desk()

    async def sleep(seconds, wait=asyncio.sleep):
        pauses.append(seconds)
        await wait(0)

    monkeypatch.setattr(venue_clock, "asyncio", SimpleNamespace(timeout=asyncio.timeout, sleep=sleep))
    async with listening(desk) as url:
        log = SimpleNamespace(
            info=lambda *_, **facts: said.append(("info", facts)),
            warning=lambda *_, **facts: said.append(("warning", facts)),
        )
        context = SimpleNamespace(data_directory=tmp_path, key_directory=tmp_path, address=lambda service: url, log=log)
        clock = VenueClock(context)
        yield SimpleNamespace(
            clock=clock, desk=desk, pauses=pauses, said=said, context=context, key=load_simulated_venue_key(tmp_path),
        )  # fmt: skip
        await clock.close()


async def test_the_clock_is_moved_to_the_close_of_a_tick_and_may_stop_at_its_opening(world):
    """With the key of the bot's own venue; the answer says how many events to wait for."""
    world.desk.answers = [
        (200, {"time": 1, "events": 2, "paused": True, "klines": []}),
        (200, {"events": 4, "paused": False, "klines": []}),
    ]
    assert await world.clock.move("1h", 0) == Moment(2, paused=True)
    assert await world.clock.move("1h", 0) == Moment(4, paused=False)
    assert world.desk.asked == [("POST", {"to": HOUR, "pauseOnOpen": True, "klines": []}, world.key.api_key)] * 2


@pytest.mark.parametrize(("time", "paused"), [(5 * HOUR + 1, True), (5 * HOUR, False), (6 * HOUR, False)])
async def test_it_tells_whether_a_tick_has_opened_and_nothing_more(world, time, paused):
    """That is the pause in which a process may have been killed."""
    world.desk.answers = [(200, {"time": time, "events": 9})]
    assert await world.clock.moment(5 * HOUR) == Moment(9, paused)
    assert world.desk.asked[0][0] == "GET"


def row(opened, close="2.0"):
    """As the venue tells a candle: numbers as text, and more than is wanted."""
    return [opened, "1.0", "4.0", "0.5", close, "7.0", opened + HOUR - 1, "10.5", 3, "3.5", "5.25", "0"]


def moved(*rows):
    return 200, {"events": 3, "paused": False, "klines": list(rows)}


async def test_the_candles_of_a_tick_come_with_it(world):
    """In the order in which they were asked for: one call, however many pairs and timeframes there are."""
    world.desk.answers = [moved(row(HOUR), row(0, close="3.5"))]
    moment = await world.clock.move("1h", HOUR, [("BTC/EUR", "1h", HOUR), ("ETH/EUR", "2h", 0)])
    assert moment.candles == (Candle(HOUR, 1.0, 4.0, 0.5, 2.0, 7.0), Candle(0, 1.0, 4.0, 0.5, 3.5, 7.0))
    ((_, body, _),) = world.desk.asked
    assert body["klines"] == [["BTCEUR", "1h", HOUR], ["ETHEUR", "2h", 0]]


async def test_another_candle_than_the_one_asked_for_is_no_answer(world):
    """A venue behind its own clock is asked again, rather than that the bot trades on other prices."""
    world.desk.answers = [moved(row(2 * HOUR)), moved(None), moved(), moved(row(HOUR, close="3.0"))]
    assert (await world.clock.move("1h", HOUR, [("BTC/EUR", "1h", HOUR)])).candles[0].close == 3.0
    assert len(world.pauses) == 3


async def test_more_candles_than_a_call_takes_are_asked_for_in_several(world, monkeypatch):
    """The first of them moves the clock, the others find it there."""
    monkeypatch.setattr(venue_clock, "MOST_CANDLES", 2)
    world.desk.answers = [moved(row(0), row(0)), moved(row(0), row(0)), moved(row(0, close="9.0"))]
    moment = await world.clock.move("1h", 0, [(f"P{number}/EUR", "1h", 0) for number in range(5)])
    assert [candle.close for candle in moment.candles] == [2.0, 2.0, 2.0, 2.0, 9.0]
    assert [[one[0] for one in body["klines"]] for _, body, _ in world.desk.asked] == [
        ["P0EUR", "P1EUR"],
        ["P2EUR", "P3EUR"],
        ["P4EUR"],
    ]


async def test_a_venue_that_listens_elsewhere_is_found_there(world):
    """Its pod was replaced: the clock is moved at the address that is known now."""
    await world.clock.move("1h", 0)
    elsewhere = Desk()
    async with listening(elsewhere) as url:
        world.context.address = lambda service: url
        await world.clock.move("1h", HOUR)
    assert (len(world.desk.asked), len(elsewhere.asked)) == (1, 1)


async def test_a_venue_that_refuses_for_a_while_is_asked_again_and_at_first_without_a_word(world):
    """It starts after market-data, so a few failures are no news; many are."""
    refusals = QUIET_TRIES + 4
    world.desk.answers = [*[(503, {"msg": "starting"})] * refusals, *world.desk.answers]
    assert await world.clock.move("1h", 0) == Moment(3, paused=False)
    assert world.pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]][:refusals]
    assert [level for level, _ in world.said] == ["info"] * QUIET_TRIES + ["warning"] * 4
    assert [facts["tries"] for _, facts in world.said] == list(range(1, refusals + 1))
    assert "503" in world.said[0][1]["error"]


@pytest.mark.parametrize("document", [{}, {"events": "many", "paused": False}], ids=["empty", "not a number"])
async def test_an_answer_that_cannot_be_read_is_asked_for_again(world, document):
    """A fault of the venue is not the end of the bot."""
    world.desk.answers = [(200, document), *world.desk.answers]
    assert await world.clock.move("1h", 0) == Moment(3, paused=False)


async def test_an_address_that_is_not_known_yet_is_asked_for_again(world):
    """Ports are given before services run, and a service on its own may be earlier."""
    url, tries = world.context.address("sim-exchange"), []

    def address(service):
        tries.append(service)
        if len(tries) < 3:
            raise TemporaryError(f"{service} does not run here")
        return url

    world.context.address = address
    assert (await world.clock.move("1h", 0)).events == 3
    assert tries == ["sim-exchange"] * 3


async def test_closing_lets_go_of_all_connections_and_may_come_twice(world):
    """And before anything was asked."""
    await world.clock.close()
    await world.clock.move("1h", 0)
    session = world.clock._session
    for _ in range(2):
        await world.clock.close()
    assert session.closed
