"""`tradewind release`: what a bot leaves behind when it is deleted is what its policy says."""

from __future__ import annotations

import asyncio

import pytest
from tests.topology.recordings import gappy_bot

from tradewind.catalog import by_name
from tradewind.cli.release import _release
from tradewind.cli.session import bot_directory, state_of
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import PositionOpened
from tradewind.kernel.settings import Settings
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions


@pytest.fixture
async def begun(tmp_path):
    """A bot that has a position, and has ended; made from a policy."""

    async def make(policy):
        bot = load_bot(gappy_bot(tmp_path, candles=160), [f"spec.deletionPolicy={policy}"])
        settings = Settings(state_directory=tmp_path / "state", ports=dict.fromkeys(by_name(), 0))
        place = state_of(bot_directory(settings.state_directory, bot) / "serve")
        place.path.parent.mkdir(parents=True)
        running = EmbeddedBot(bot, place, EmbeddedOptions(until_end=False, settings=settings))
        opened = running.bus.subscribe("test", ("portfolio.events",))
        await running.start()
        async with asyncio.timeout(30):
            while not any(isinstance(one, PositionOpened) for one in await opened.take(100)):
                pass
        await running.stop()
        return bot, settings, place

    return make


async def held(bot, place):
    again = EmbeddedBot(bot, place, EmbeddedOptions(until_end=False))
    await again.start()
    try:
        positions = (await again.ask("portfolio", "snapshot"))["positions"]
        return len(positions), len((await again.ask("execution", "open_orders"))["orders"])
    finally:
        await again.stop()


async def test_flatten_sells_what_is_held(begun):
    """And waits until it is sold."""
    bot, settings, place = await begun("Flatten")
    assert await _release(bot, settings, patience=30) == []
    assert (await held(bot, place))[0] == 0
