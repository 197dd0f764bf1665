"""Whole bots in the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
TRADING = ("market-data", "strategy", "engine", "execution", "portfolio")
LONG = 240
"""Seconds after which a bot that has not ended is looked at; what hangs is ended by pytest some minutes later."""


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


def tell_what_waits(bot):
    """To standard error: how each service stands, and every task with the line that it waits at."""
    for name, runner in bot.runners.items():
        sys.stderr.write(f"{name} {runner.state.value} {dict(runner.unready())} {runner.failures} failures\n")
    for task in asyncio.all_tasks():
        told, waiting = [task.get_name()], task.get_coro()
        while (frame := getattr(waiting, "cr_frame", None)) is not None:
            told.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
            waiting = waiting.cr_await
        sys.stderr.write(" > ".join((*told, f"{waiting}\n")))


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
        look = asyncio.get_running_loop().call_later(LONG, tell_what_waits, bot)
        try:
            yield bot
        finally:
            await bot.stop()
            look.cancel()

    return start
