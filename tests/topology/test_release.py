"""`tradewind release`: what a bot leaves behind when it is deleted is what its policy says."""

from __future__ import annotations

import asyncio

import pytest
from tests.servers.databases import Postgres
from tests.topology.recordings import breakout_bot

from tradewind.catalog import by_name
from tradewind.cli.release import _release
from tradewind.cli.session import places_of
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import PositionOpened
from tradewind.kernel.settings import Settings
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions
from tradewind.topology.shared import shared_by


@pytest.fixture(params=["alone", "shared"])
async def begun(request, tmp_path):
    """A bot that has a position, and has ended; made from a policy. It had its own database, or shared one.

    Its market rises for two minutes and a half: a position that the bot closes itself, or one that no further candle
    fills the exit of, would be of how quick the machine is.
    """
    addresses = {}
    if request.param == "shared":
        redis, database = request.getfixturevalue("redis_server"), request.getfixturevalue("postgres_url")
        await Postgres(database).migrate()
        addresses = {"database_url": database, "bus_url": redis.url}

    async def make(policy):
        rising = [100 + index / 10 for index in range(3000)]
        changes = [f"spec.deletionPolicy={policy}", "spec.data.speed=72000"]
        bot = load_bot(breakout_bot(tmp_path, AAA=rising, BBB=rising), changes)
        ports = dict.fromkeys(by_name(), 0)
        settings = Settings(state_directory=tmp_path / "state", key_directory=tmp_path, ports=ports, **addresses)
        running = a_bot(bot, settings)
        opened = running.bus.subscribe("test", ("portfolio.events",))
        await running.start()
        async with asyncio.timeout(60):
            while not any(isinstance(one, PositionOpened) for one in await opened.take(100)):
                pass
        await running.stop()
        return bot, settings

    return make


def a_bot(bot, settings):
    shared = shared_by(bot, settings)
    options = EmbeddedOptions(until_end=False, settings=settings, listen=settings.listener())
    place = StateDirectory(places_of(settings.state_directory, bot).serve)
    place.path.parent.mkdir(parents=True, exist_ok=True)
    return EmbeddedBot(bot, place, options, shared=shared)


async def held(bot, settings):
    """How many positions, and how many open orders."""
    again = a_bot(bot, settings)
    await again.start()
    try:
        positions = (await again.ask("portfolio", "snapshot"))["positions"]
        return len(positions), len((await again.ask("execution", "open_orders"))["orders"])
    finally:
        await again.stop()


async def test_flatten_sells_what_is_held(begun):
    """And waits until it is sold."""
    bot, settings = await begun("Flatten")
    assert await held(bot, settings) != (0, 0)
    assert await _release(bot, settings, patience=30) == []
    assert (await held(bot, settings))[0] == 0
