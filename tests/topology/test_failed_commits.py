"""A commit that fails, or whose answer is lost, changes nothing of what a bot does, and does not make it wait."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from tests.topology.conftest import published_in, tables_of
from tests.topology.recordings import gappy_bot

from tradewind.domain.errors import TemporaryError

FORTNIGHT = ("spec.data.span.start=2022-03-05", "spec.data.span.end=2022-03-19")

STARTED = 5
"""The first commit after those of the start, which it does not survive: two marks, the instruments and a lease."""


@pytest.fixture(autouse=True)
def _no_second_chance(monkeypatch):
    """A tick that is not settled by itself is not sent again within these tests: they end by their own timeout."""
    monkeypatch.setattr("tradewind.market_data.sending.SETTLE_TIMEOUT", 3600.0)
    # What is trimmed after months goes within each run, so that a commit of the trimming may fail too.
    for name, value in (("TAIL", 20), ("BLOCK", 10), ("PAUSE", 0.0)):
        monkeypatch.setattr(f"tradewind.kernel.retention.{name}", value)


async def outcome(bot):
    async with asyncio.timeout(60):
        assert await bot.wait()
    orders = dict(await bot.ask("execution", "summary"))
    orders.pop("unknown")
    return (
        await bot.ask("portfolio", "trades"),
        (await bot.ask("portfolio", "snapshot"))["balances"],
        await bot.ask("execution", "balances"),
        orders,
        [(d["decision_id"], d["verdict"]) for d in await bot.ask("engine", "decisions", limit=100_000)],
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return gappy_bot(tmp_path_factory.mktemp("market"), candles=110)


@pytest.fixture(scope="module")
def known():
    """What undisturbed bots come to, and how many commits they make, by their arguments."""
    return {}


@pytest.fixture
def undisturbed(embedded, known, tmp_path):
    """What a bot comes to when nothing fails, and how many commits it makes; each bot is run once."""

    async def find(*overrides, **options):
        key = repr((overrides, options))
        if key not in known:
            async with embedded(*overrides, directory=tmp_path / "undisturbed", **options) as bot:
                known[key] = await outcome(bot), bot._store.commits
        return known[key]

    return find


@pytest.mark.parametrize("seed", range(8))
async def test_single_commits_that_fail_change_nothing(embedded, manifest, undisturbed, seed):
    """Before it was true or after it, whoever's it was: five times in a run, the same trades, orders and decisions."""
    expected, commits = await undisturbed(sample=manifest)
    choice = random.Random(seed)
    failing = {choice.randint(STARTED, commits): choice.choice(["before", "after"]) for _ in range(5)}
    failed = []

    def at(moment):
        async def fail(number, writes):
            if failing.get(number) == moment:
                failed.append(number)
                raise TemporaryError("store: database is locked")

        return fail

    async with embedded(sample=manifest, before=at("before"), after=at("after")) as bot:
        found = await outcome(bot)

    assert len(failed) >= 4
    assert expected == found
    assert len(expected[0]) > 10


class AwayStore:
    """A store that is away for some seconds (wall time) from the moment it is told: nothing is read or written."""

    def __init__(self, store):
        self._store = store
        self.until = 0.0

    def check(self):
        if time.monotonic() < self.until:
            raise TemporaryError("store: connection refused", retry_after=0.05)

    async def commit(self, writes):
        self.check()
        await self._store.commit(writes)

    async def read(self, query):
        self.check()
        return await self._store.read(query)

    async def close(self):
        await self._store.close()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_store_that_goes_away_with_a_fill_changes_nothing(embedded, manifest, undisturbed, moment):
    """What the account of a failed transaction looked like is told to nobody, however long the store stays away."""
    expected, _ = await undisturbed(sample=manifest)
    stores, fills = [], []

    def wrap(store):
        stores.append(AwayStore(store))
        return stores[0]

    async def fail(_number, writes):
        if "OrderFilled" in published_in(writes):
            fills.append(len(fills))
            if len(fills) % 6 == 0:
                stores[0].until = time.monotonic() + 0.3
                stores[0].check()

    async with embedded(sample=manifest, wrap=wrap, **{moment: fail}) as bot:
        found = await outcome(bot)

    assert len(fills) > 20
    assert expected == found


@pytest.mark.parametrize("kind", ["PlaceOrder", "OrderFilled", "PositionOpened", "PositionClosed"])
async def test_the_first_commit_of_each_kind_may_fail(embedded, undisturbed, kind):
    """On a fresh bot there is no row to go back to: what the failed transaction decided is decided again."""
    expected, _ = await undisturbed(*FORTNIGHT)
    failed = []

    async def before(_number, writes):
        if kind in published_in(writes) and not failed:
            failed.append(tables_of(writes))
            raise TemporaryError("store: database or disk is full")

    async with embedded(*FORTNIGHT, before=before) as bot:
        found = await outcome(bot)

    assert failed
    assert expected == found


async def test_an_order_is_not_lost_when_another_commit_fails_while_it_is_sent(embedded, manifest, tmp_path):
    """A person's exit in the middle of a send, and its commit fails: the order that was being sent still stands."""
    hold = {}

    async def before(_number, writes):
        sent = [w.parameters for w in writes if w.statement.table.name == "execution_orders"]
        if "exit" not in hold and any(p.get("state") == "Submitted" and p.get("leg") == "entry" for p in sent):
            held = [p.pair for p in (await hold["bot"].ask("portfolio", "snapshot"))["positions"]]
            if held:
                hold["exit"] = await hold["bot"].ask("engine", "force_exit", pair=held[0], actor="me")
                for _ in range(5):
                    await asyncio.sleep(0)
        elif "exit" in hold and "failed" not in hold and any(p.get("state") == "Intended" for p in sent):
            hold["failed"] = True
            raise TemporaryError("store: database is locked")

    async with embedded(sample=manifest, before=before) as bot:
        hold["bot"] = bot
        trades, balances, venue, _, _ = await outcome(bot)
        orders = await bot.ask("execution", "orders")

    assert hold["failed"]
    assert [] == [order for order in orders if order.is_open]
    assert {c: v for c, v in balances.items() if v} == {c: v for c, v in venue.items() if v}
    assert balances["EUR"] - 10_000 == sum(trade.profit for trade in trades)
