"""The filters of a pair outlive its place on the manifest."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.kernel.clock import SystemClock
from tradewind.kernel.service import Context
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.market_data.instrument_store import keep_instruments
from tradewind.market_data.service import build

D = Decimal
BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")
BTC = Instrument("BTC/EUR", "BTC", "EUR", D("0.01"), D("0.00001"), D("0.0001"), D(5))
ETH = Instrument("ETH/EUR", "ETH", "EUR", D("0.01"), D("0.0001"), D("0.001"), D(5))


class CountingStore(SqliteStore):
    """Counts its transactions."""

    commits = 0

    async def commit(self, writes):
        self.commits += 1
        await super().commit(writes)


@pytest.fixture
async def store():
    engine = sqlite_engine(None)
    METADATA.create_all(engine)
    found = CountingStore(engine)
    yield found
    await found.close()


async def test_what_was_traded_once_stays_known(store):
    """In the order of the manifest first; of another bot nothing."""
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC}, None)
    known = await keep_instruments(store, "default/a", {"ETH/EUR": ETH}, 7)

    assert list(known.instruments.items()) == [("ETH/EUR", ETH), ("BTC/EUR", BTC)]
    assert (await keep_instruments(store, "default/b", {"ETH/EUR": ETH}, 7)).instruments == {"ETH/EUR": ETH}


async def test_filters_that_a_venue_changes_are_kept_as_they_are_now(store):
    """A step may become finer; what is sold then is cut to that."""
    finer = replace(BTC, amount_step=D("0.000001"))
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC}, None)
    await keep_instruments(store, "default/a", {"BTC/EUR": finer}, 7)

    assert (await keep_instruments(store, "default/a", {}, 8)).instruments == {"BTC/EUR": finer}


async def test_a_pair_left_when_the_bot_was_started_without_it_first(store):
    """Later starts change nothing of that, until it is traded again."""
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC, "ETH/EUR": ETH}, None)

    assert (await keep_instruments(store, "default/a", {"ETH/EUR": ETH}, 7)).left == {"BTC/EUR": 7}
    assert (await keep_instruments(store, "default/a", {"ETH/EUR": ETH}, 9)).left == {"BTC/EUR": 7}
    assert (await keep_instruments(store, "default/a", {"BTC/EUR": BTC, "ETH/EUR": ETH}, 11)).left == {}
    assert (await keep_instruments(store, "default/a", {"ETH/EUR": ETH}, 13)).left == {"BTC/EUR": 13}


async def test_nothing_is_written_where_nothing_changed(store):
    """A start of a bot that trades what it traded costs no transaction, nor the second one without a pair."""
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC, "ETH/EUR": ETH}, None)
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC, "ETH/EUR": ETH}, 7)
    assert store.commits == 1
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC}, 8)
    await keep_instruments(store, "default/a", {"BTC/EUR": BTC}, 9)
    assert store.commits == 2


async def test_a_store_that_fails_once_is_asked_again(store, monkeypatch, tmp_path):
    """The market was loaded by then; without its filters nothing that is held could be rounded, nor sold."""
    commit, tries = store.commit, []

    async def failing(writes):
        tries.append(writes)
        if len(tries) == 1:
            raise TemporaryError("store: no space left on device")
        await commit(writes)

    monkeypatch.setattr(store, "commit", failing)
    service = build(Context(BOT, "market-data", SystemClock(), store, None, None, None, Metrics(), tmp_path))
    with pytest.raises(TemporaryError):
        await service.load()
    await service.load()

    traded, known = service.answers["instruments"], service.answers["known_instruments"]
    assert await known() == dict(await traded())
    assert await known()
