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


class HookedStore:
    """A store with something happening around each commit: `before(number, writes)` and `after(number, writes)`."""

    def __init__(self, store, before=None, after=None):
        self._store, self._before, self._after = store, before, after
        self.commits = 0

    async def commit(self, writes):
        self.commits += 1
        number = self.commits
        if self._before is not None:
            await self._before(number, writes)
        await self._store.commit(writes)
        if self._after is not None:
            await self._after(number, writes)

    async def read(self, query):
        return await self._store.read(query)

    async def close(self):
        await self._store.close()


def tables_of(writes):
    """The names of the tables that `writes` change."""
    return {write.statement.table.name for write in writes}


def published_in(writes):
    """The kinds of the messages that a transaction publishes."""
    return {write.parameters["kind"] for write in writes if write.statement.table.name == "outbox"}


@pytest.fixture
def embedded(tmp_path):
    """A context manager: an embedded bot, started, and stopped afterwards."""

    @contextlib.asynccontextmanager
    async def start(
        *overrides,
        sample="quickstart",
        directory=tmp_path / "state",
        services=TRADING,
        before=None,
        after=None,
        wrap=lambda store: store,
        bus=None,
        **options,
    ):
        bot = EmbeddedBot(
            load_bot(sample if isinstance(sample, Path) else SAMPLES / f"{sample}.yaml", overrides),
            StateDirectory(directory),
            EmbeddedOptions(
                services=services, wrap_store=lambda store: HookedStore(wrap(store), before, after), **options
            ),
        )
        bot.feed = bot.bus.subscribe("test", ("market.candles",))
        await bot.start()
        try:
            yield bot
        finally:
            await bot.stop()

    return start
