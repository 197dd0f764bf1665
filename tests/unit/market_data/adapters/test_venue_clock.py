"""Moving a simulated venue's clock: patiently, because the venue may not be there yet or may misbehave on purpose."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp.web
import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.market_data.adapters import venue_clock
from tradewind.market_data.adapters.venue_clock import PAUSES, QUIET_TRIES, Moment, VenueClock

HOUR = 3_600_000


class Client:
    """Stands for ccxt's: `answers` are lists of candles, the last one stays; `failures` what loading raises next."""

    id, last_response_headers = "binance", {}

    def __init__(self):
        self.answers, self.failures = [[[0, 1.0, 1.0, 1.0, 1.0, 1.0]]], []
        self.loads = self.closes = 0
        self.urls = {"api": {"public": "https://venue.example/api/v3"}}

    async def load_markets(self):
        self.loads += 1
        if self.failures:
            raise self.failures.pop(0)

    async def fetch_ohlcv(self, pair, timeframe, *, since, limit):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def close(self):
        self.closes += 1


class Desk:
    """The clock's end of the venue: `answers` are (status, document), the last one stays."""

    def __init__(self):
        self.answers = [(200, {"time": HOUR, "events": 3, "paused": False, "ended": False})]
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
    pauses, said, made, desk = [], [], [], Desk()
    settings, client = [], Client()

    async def sleep(seconds, wait=asyncio.sleep):
        pauses.append(seconds)
        await wait(0)

    def make_client(given):
        settings.append(given)
        made.append(client)
        return client

    patched = SimpleNamespace(Lock=asyncio.Lock, to_thread=asyncio.to_thread, timeout=asyncio.timeout, sleep=sleep)
    monkeypatch.setattr(venue_clock, "asyncio", patched)
    monkeypatch.setattr(venue_clock, "make_client", make_client)
    async with listening(desk) as url:
        log = SimpleNamespace(
            info=lambda *_, **facts: said.append(("info", facts)),
            warning=lambda *_, **facts: said.append(("warning", facts)),
        )
        context = SimpleNamespace(data_directory=tmp_path, key_directory=tmp_path, address=lambda service: url, log=log)
        clock = VenueClock(context)
        yield SimpleNamespace(
            clock=clock, client=client, desk=desk, pauses=pauses, said=said, made=made, settings=settings,
            context=context, key=load_simulated_venue_key(tmp_path),
        )  # fmt: skip
        await clock.close()


async def test_the_clock_is_moved_to_the_close_of_a_tick_and_may_stop_at_its_opening(world):
    """With the key of the bot's own venue; the answer says how many events to wait for."""
    world.desk.answers = [(200, {"time": 1, "events": 2, "paused": True}), (200, {"events": 4, "paused": False})]
    assert await world.clock.move("1h", 0) == Moment(2, paused=True)
    assert await world.clock.move("1h", 0) == Moment(4, paused=False)
    assert world.desk.asked == [("POST", {"to": HOUR, "pauseOnOpen": True}, world.key.api_key)] * 2


@pytest.mark.parametrize(("time", "paused"), [(5 * HOUR + 1, True), (5 * HOUR, False), (6 * HOUR, False)])
async def test_it_tells_whether_a_tick_has_opened_and_nothing_more(world, time, paused):
    """That is the pause in which a process may have been killed."""
    world.desk.answers = [(200, {"time": time, "events": 9})]
    assert await world.clock.moment(5 * HOUR) == Moment(9, paused)
    assert world.desk.asked[0][0] == "GET"


async def test_a_candle_comes_by_ccxt(world):
    """From the venue's own API, as any bot reads it."""
    world.client.answers = [[[HOUR, 1.0, 4.0, 0.5, 2.0, 7.0]]]
    assert await world.clock.candle("BTC/EUR", "1h", HOUR) == Candle(HOUR, 1.0, 4.0, 0.5, 2.0, 7.0)
    assert (world.settings[0].exchange, world.settings[0].api_key) == ("binance", world.key.api_key)


async def test_another_candle_than_the_one_asked_for_is_no_answer(world):
    """A venue behind its own clock is asked again, rather than that the bot trades on other prices."""
    late = [[2 * HOUR, 1.0, 1.0, 1.0, 1.0, 1.0]]
    world.client.answers = [late, [], [[HOUR, 3.0, 3.0, 3.0, 3.0, 3.0]]]
    assert (await world.clock.candle("BTC/EUR", "1h", HOUR)).close == 3.0
    assert len(world.pauses) == 2


async def test_everything_of_one_venue_goes_over_one_connection(world):
    """However many pairs ask at once."""
    await asyncio.gather(*(world.clock.candle("BTC/EUR", "1h", 0) for _ in range(5)), world.clock.move("1h", 0))
    assert (len(world.made), world.client.loads) == (1, 1)


async def test_a_venue_that_listens_elsewhere_is_found_there(world):
    """Its pod was replaced: the clock is moved, and candles are asked for, at the address that is known now."""
    await world.clock.move("1h", 0)
    elsewhere = Desk()
    async with listening(elsewhere) as url:
        world.context.address = lambda service: url
        await world.clock.move("1h", HOUR)
        await world.clock.candle("BTC/EUR", "1h", 0)
    assert (len(world.desk.asked), len(elsewhere.asked), len(world.made)) == (1, 1, 1)
    assert world.client.urls == {"api": {"public": f"{url}/api/v3"}}


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


async def test_the_venue_is_waited_for_as_long_as_it_asks_but_no_longer_than_usual(world):
    """A ban says how long; an hour is not believed."""
    world.client.failures = [TemporaryError("banned", retry_after=1.5), TemporaryError("banned", retry_after=3600.0)]
    await world.clock.move("1h", 0)
    assert world.pauses == [1.5, PAUSES[-1]]


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


async def test_what_the_user_has_to_mend_is_not_asked_again(world):
    """A pair that the venue does not have will not come by waiting."""
    world.client.failures = [ConfigError("pair", "X", "pairs of the venue", "choose one")]
    with pytest.raises(ConfigError):
        await world.clock.move("1h", 0)
    assert world.pauses == []
    assert world.client.closes == 1


async def test_a_failed_connection_is_let_go_of_before_the_next(world):
    """Each client holds sockets."""
    world.client.failures = [TemporaryError("no"), TemporaryError("no")]
    await world.clock.move("1h", 0)
    assert (len(world.made), world.client.closes) == (3, 2)


async def test_closing_lets_go_of_all_connections_and_may_come_twice(world):
    """And before anything was asked."""
    await world.clock.close()
    await world.clock.move("1h", 0)
    session = world.clock._session
    for _ in range(2):
        await world.clock.close()
    assert world.client.closes == 1
    assert session.closed
