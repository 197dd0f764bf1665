"""Who runs a service: taken all at once, known to have ended where that is certain, and never taken back in secret."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.store import holders
from tradewind.kernel.store.base import UnknownOutcomeError, Write
from tradewind.kernel.store.holders import Holder, Holding, service_holders
from tradewind.kernel.store.metadata import METADATA

CLOCK = SimpleNamespace(now=lambda: 1_700_000_000.0)
BOT = "default/x"


@pytest.fixture
async def store(database, monkeypatch):
    monkeypatch.setattr(holders, "BEAT", 0.02)
    monkeypatch.setattr(holders, "ENDS_AFTER", 0.5)
    monkeypatch.setattr(holders, "LOOK", 0.02)
    await database.create(METADATA)
    made = database.store()
    yield made
    await made.close()


def holding(store, *services):
    log = SimpleNamespace(warning=lambda *_, **__: None, info=lambda *_, **__: None)
    return Holding(store, BOT, services, CLOCK, log)


async def rows(store):
    return await store.read(lambda c: {row.service: row.beat for row in c.execute(service_holders.select())})


async def test_a_part_is_not_taken_while_another_part_is_held(store):
    """Whoever held one and waited for the other would keep it from him who could do both."""
    first, second, said = holding(store, "engine"), holding(store, "portfolio", "engine"), []
    await first.take(lambda _: None)
    waiting = asyncio.create_task(second.take(said.append))
    while not said:  # noqa: ASYNC110 - it tells by a list
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.7)  # longer than a silent one is waited for
    assert not waiting.done()
    assert set(await rows(store)) == {"engine"}
    assert said[-1].startswith(f"stands by for engine of {BOT} in process {os.getpid()} on ")
    assert "since 2023-11-14T22:13:20Z" in said[-1]

    await first.release()
    await waiting
    assert set(await rows(store)) == {"engine", "portfolio"}
    await second.release()
    assert set((await rows(store)).values()) == {holders.ENDED}


async def test_one_that_was_silent_too_long_does_not_take_it_back(store):
    """It was replaced; what it writes is fenced, and its signs of life are no longer wanted."""
    first, second = holding(store, "engine"), holding(store, "engine")
    second._text = second._text.replace(str(os.getpid()), "1")
    await first.take(lambda _: None)
    await second.take(lambda _: None, by_force=True)
    await asyncio.wait([first._keeping], timeout=5)
    assert first._keeping.done()
    before = (await rows(store))["engine"]
    await first.release()
    assert (await rows(store))["engine"] >= before
    await second.release()


async def test_a_sign_of_life_whose_answer_was_lost_is_no_loss(store):
    """The number is there and this process does not know: it looks, and goes on."""
    one = holding(store, "engine")
    await one.take(lambda _: None)
    known = {"key_bot": BOT, "key_service": "engine", "key_holder": one._text}
    moved = holders._UPDATE.where(service_holders.c.beat >= 0)
    beat = one._beats["engine"]
    await store.commit([Write(moved, {**known, "key_beat": beat, "holder": one._text, "beat": beat + 5})])
    while (await rows(store))["engine"] < beat + 8:  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.01)
    await one.release()


def test_a_process_of_this_machine_that_is_gone_has_ended():
    """Also one whose number is somebody else's by now, and one of a container that was started again."""
    here = Holder.here(CLOCK)
    assert not here.has_ended(here)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        other = replace(here, process=child.pid, started=holders._started(child.pid))
        assert not other.has_ended(here)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert other.has_ended(here), "nobody has asked how it ended yet"
    assert other.has_ended(here)
    assert replace(here, started="1").has_ended(here)
    assert replace(here, namespace="pid:[1]").has_ended(here)


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"machine": "another"}, {"machine": ""}])
def test_of_a_process_elsewhere_nothing_is_certain(elsewhere):
    """Its number means nothing here."""
    here = Holder.here(CLOCK)
    assert not replace(here, process=2**30, started="1", **elsewhere).has_ended(here)


class Away:
    """A store that cannot be reached while it is `away`; with `silent` a commit is carried out and not answered."""

    def __init__(self, store):
        self._store, self.away, self.silent = store, False, False

    async def read(self, query):
        if self.away:
            raise TemporaryError("store: away")
        return await self._store.read(query)

    async def commit(self, writes):
        if self.away:
            raise TemporaryError("store: away")
        await self._store.commit(writes)
        if self.silent:
            self.silent = False
            raise UnknownOutcomeError("store: no answer to a commit")


async def test_an_outage_of_the_database_is_no_silence_of_a_holder(store):
    """Neither could be heard, so nothing is known of whoever was there before."""
    held, waits = Away(store), Away(store)
    first, second = holding(held, "engine"), holding(waits, "engine")
    second._text = second._text.replace(str(os.getpid()), "1")
    await first.take(lambda _: None)
    waiting = asyncio.create_task(second.take(lambda _: None))
    await asyncio.sleep(0.1)
    held.away = waits.away = True
    await asyncio.sleep(0.7)
    waits.away = False
    await asyncio.sleep(0.2)
    held.away = False
    await asyncio.sleep(0.2)
    assert not waiting.done()
    waiting.cancel()
    await first.release()


async def test_who_has_taken_it_without_an_answer_does_not_wait_for_itself(store):
    """Its own name stands there."""
    doubtful = Away(store)
    doubtful.silent = True
    one, said = holding(doubtful, "engine"), []
    async with asyncio.timeout(0.4):
        await one.take(said.append)
    assert said == ["store: no answer to a commit", ""]
    await one.release()


async def test_what_another_version_wrote_is_waited_for_and_no_failure(store):
    """It may have other fields."""
    row = {"bot": BOT, "service": "engine", "holder": '{"pod": "x"}', "beat": 3}
    await store.commit([Write(service_holders.insert(), row)])
    one, said = holding(store, "engine"), []
    await one.take(said.append)
    assert '{"pod": "x"}' in said[0]
    await one.release()
