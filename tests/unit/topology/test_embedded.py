"""Where a resumed run goes on, and what takes a port: what a bot in one process decides before anything starts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, insert

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import OrderFilled
from tradewind.domain.order import Leg, Side
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.store.base import Write
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.outbox import outbox_write
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.sim_exchange.tables import accounts
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

QUICKSTART = Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml"
HOUR = 3_600_000


@pytest.fixture
async def store():
    engine = sqlite_engine(None)
    METADATA.create_all(engine)
    made = SqliteStore(engine)
    yield made
    await made.close()


def a_bot(directory, venue="Paper", **options):
    bot = load_bot(QUICKSTART, [f"spec.exchanges[0].venue={venue}"])
    return EmbeddedBot(bot, StateDirectory(directory / "state"), EmbeddedOptions(**options))


def told_at(bot, time):
    return outbox_write(
        OrderFilled(
            id=f"fill:{time}", time=time, bot=bot.bot.key, sequence=1, trade_id="1", client_order_id="a",
            decision_id="d", pair="BTC/EUR", leg=Leg.ENTRY, side=Side.BUY, amount=1, price=1, fee=0,
            fee_currency="EUR", maker=False, remaining=0, position_id="a",
        ),
        "execution",
    )  # fmt: skip


def walked_to(bot, time):
    """The venue has walked all candles that were closed at `time`."""
    row = {"account": bot.bot.key, "time": time, "execution_id": 1, "update_time": 1}
    return [Write(delete(accounts)), Write(insert(accounts), row)]


async def resumed(bot, store):
    bot.runners = {name: SimpleNamespace(context=SimpleNamespace(resume_time=None)) for name in ("engine", "portfolio")}
    await bot._find_resume_time(store)
    assert {one.context.resume_time for one in bot.runners.values()} == {bot.resume_time}
    return bot.resume_time


async def test_a_fresh_bot_resumes_nowhere(tmp_path, store):
    """Nothing stored names a time."""
    assert await resumed(a_bot(tmp_path, "Simulated"), store) is None


async def test_a_run_goes_on_at_the_latest_time_that_anything_stored_names(tmp_path, store):
    """A venue may have walked a candle of which no message was stored: going back would walk it twice."""
    bot = a_bot(tmp_path, "Simulated")
    await store.commit(walked_to(bot, 6 * HOUR))
    assert await resumed(bot, store) == 5 * HOUR
    await store.commit([told_at(bot, 7 * HOUR)])
    assert await resumed(bot, store) == 7 * HOUR
    await store.commit(walked_to(bot, 10 * HOUR))
    assert await resumed(bot, store) == 9 * HOUR
    assert await resumed(a_bot(tmp_path / "paper"), store) == 7 * HOUR


@pytest.mark.parametrize(("venue", "open_ports"), [("Paper", False), ("Simulated", True)])
async def test_a_run_that_nobody_listens_to_opens_a_port_only_for_its_venue(tmp_path, venue, open_ports):
    """And then any free one of this machine alone."""
    bot = a_bot(tmp_path, venue)
    bot.directory.acquire()
    try:
        bot._prepare_servers()
        assert (bot.servers is not None) == open_ports
        assert ("sim-exchange" in bot._wanted()) == open_ports
    finally:
        bot.directory.release()
