"""Whole bots in the test's own process."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
TRADING = ("market-data", "strategy", "engine", "execution", "portfolio")


@pytest.fixture
def embedded(tmp_path):
    """A context manager: an embedded bot, started, and stopped afterwards."""

    @contextlib.asynccontextmanager
    async def start(*overrides, sample="quickstart", directory=tmp_path / "state", services=TRADING, **options):
        bot = EmbeddedBot(
            load_bot(SAMPLES / f"{sample}.yaml", overrides),
            StateDirectory(directory),
            EmbeddedOptions(services=services, **options),
        )
        bot.feed = bot.bus.subscribe("test", ("market.candles",))
        await bot.start()
        try:
            yield bot
        finally:
            await bot.stop()

    return start
