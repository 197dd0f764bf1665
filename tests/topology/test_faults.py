"""A venue that misbehaves on purpose: the bot ends with the venue's truth, and nothing was sent twice.

The faults are those of the manifest (`venue: Simulated` with `faults`), so that is also what a user would see. Where
a fault takes nothing away for good, the bot even makes the trades of a run without it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict

import aiohttp
import pytest
import yaml
from tests.topology.recordings import gappy_bot

from tradewind.kernel.security import load_simulated_venue_key

FAULTS = {
    "timeout after accept": [{"kind": "TimeoutAfterAccept", "count": 3}],
    "delay beyond the timeout": [{"kind": "DelayBeyondTimeout", "seconds": "3.6", "count": 2}],
    "dropped updates": [{"kind": "DropUpdate", "count": 15}],
    "doubled updates": [{"kind": "DuplicateUpdate", "count": 40}],
    "reordered updates": [{"kind": "ReorderUpdates", "count": 40}],
    "ban": [{"kind": "Ban", "seconds": "2"}],
    "too many requests": [{"kind": "RateLimit", "count": 4}],
    "clock ahead": [{"kind": "ClockSkew", "milliseconds": 90000}],
    "clock behind": [{"kind": "ClockSkew", "milliseconds": -90000}],
    "disconnects": [{"kind": "Disconnect", "count": 6}],
    "server errors": [{"kind": "ServerError", "count": 2}],
    "everything at once": [
        {"kind": "DropUpdate", "count": 6},
        {"kind": "TimeoutAfterAccept"},
        {"kind": "Disconnect", "count": 2},
        {"kind": "DuplicateUpdate", "count": 10},
        {"kind": "RateLimit", "count": 2},
        {"kind": "ReorderUpdates", "count": 10},
        {"kind": "ServerError"},
    ],
}
"""Faults after which the trades are those of an undisturbed run."""

_CREATE, _CANCEL, _GROUP = "POST /api/v3/order", "DELETE /api/v3/order", "POST /api/v3/orderList/oco"
ON_ORDERS = {
    "creates that fail": [
        {"kind": "ServerError", "method": _CREATE},
        {"kind": "ServerError", "method": _CREATE, "afterAccept": True, "count": 2},
    ],
    "groups without an answer": [{"kind": "TimeoutAfterAccept", "method": _GROUP, "count": 2}],
    "cancels without an answer": [{"kind": "TimeoutAfterAccept", "method": _CANCEL, "count": 2}],
    "a create that comes too late": [{"kind": "DelayBeyondTimeout", "seconds": 6.5, "method": _CREATE}],
    "a group that comes late": [{"kind": "DelayBeyondTimeout", "seconds": 4.0, "method": _GROUP}],
    "bans in the middle": [{"kind": "Ban", "seconds": 1.5, "method": m} for m in (_CREATE, _CANCEL, _GROUP)],
    "too many requests in the middle": [{"kind": "RateLimit", "method": m} for m in (_CREATE, _CANCEL, _GROUP)],
}
"""The same, by the admin API, at the very calls that change something."""

LASTING = {
    "rejected orders": [{"kind": "Reject", "count": 6}],
    "partial fills": [{"kind": "PartialFill", "fraction": "0.4", "count": 12}],
}
"""Faults that change what is traded."""


def manifest_with(directory, faults):
    """The bot of gaps on a simulated venue that does wrong what `faults` says."""
    path = gappy_bot(directory, candles=90)
    document = yaml.safe_load(path.read_text())
    document["spec"]["exchanges"][0].update(venue="Simulated", faults=faults)
    path.write_text(yaml.safe_dump(document))
    return path


def rows(directory, query):
    """What a query of the bot's database gives."""
    with sqlite3.connect(f"file:{directory / 'tradewind.sqlite3'}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


async def trades_of(embedded, directory, faults, on_orders=()):
    """Trade to the end under faults; the trades, when the bot's books are the venue's."""
    directory.mkdir()
    async with embedded(sample=manifest_with(directory, faults), directory=directory / "state") as bot:
        if on_orders:
            await faults_at(bot, "POST", on_orders)
        await bot.wait()
        trades = [asdict(trade) for trade in await bot.ask("portfolio", "trades")]
        books = (await bot.ask("portfolio", "snapshot"))["balances"]
        venue = await bot.ask("execution", "balances")
        open_here = sorted(o.client_order_id for o in (await bot.ask("execution", "open_orders"))["orders"])
        summary = await bot.ask("execution", "summary")
        assert await faults_at(bot, "GET") == [], "a fault that never happens tests nothing"
        check_the_venue_s_books(directory / "state", open_here)
    assert {c: t for c, t in books.items() if t} == {c: t for c, t in venue.items() if t}
    return trades, summary


async def faults_at(bot, method, faults=None):
    """Ask the venue of a bot for the faults that wait, or give it some."""
    key = load_simulated_venue_key(bot.directory.path).api_key
    url = bot.servers.address("sim-exchange") + "/sim/faults"
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": key}) as session,
        session.request(method, url, json=faults) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


def check_the_venue_s_books(state, open_here):
    """Orders, fills and open orders of both sides are the same, and no id was accepted twice."""
    taken = [name for (name,) in rows(state, "select client_order_id from sim_exchange_orders")]
    mine = {name for (name,) in rows(state, "select client_order_id from execution_orders")}
    fills_here = rows(state, "select replace(pair, '/', ''), trade_id, amount, price, fee from execution_fills")
    fills_there = rows(state, "select symbol, trade_id, quantity, price, commission from sim_exchange_trades")
    open_there = rows(
        state, "select client_order_id from sim_exchange_orders where status in ('NEW', 'PARTIALLY_FILLED')"
    )

    assert sorted(taken) == sorted(set(taken))
    assert set(taken) <= mine
    assert sorted((s, int(t), *map(float, rest)) for s, t, *rest in fills_here) == sorted(
        (s, int(t), *map(float, rest)) for s, t, *rest in fills_there
    )
    assert sorted(name for (name,) in open_there) == open_here


@pytest.fixture(scope="module")
def undisturbed():
    """The trades without a fault, once they are known."""
    return {}


@pytest.mark.parametrize("name", [*FAULTS, *ON_ORDERS])
async def test_the_trades_are_those_of_a_venue_that_is_well(embedded, tmp_path, undisturbed, name):
    """Nothing lost, nothing doubled, nothing decided on an account that was not known."""
    if not undisturbed:
        undisturbed["trades"], _ = await trades_of(embedded, tmp_path / "well", [])
        assert len(undisturbed["trades"]) > 10

    trades, _ = await trades_of(embedded, tmp_path / "ill", FAULTS.get(name, []), ON_ORDERS.get(name, ()))

    assert trades == undisturbed["trades"]


async def test_rejected_orders_leave_the_bot_with_the_venue_s_truth(embedded, tmp_path):
    """An entry that is refused is no position; a leg that is refused leads to an exit."""
    trades, summary = await trades_of(embedded, tmp_path / "ill", LASTING["rejected orders"])

    assert summary["rejected"] >= 6
    assert trades


async def test_partial_fills_leave_the_bot_with_the_venue_s_truth(embedded, tmp_path):
    """The legs follow what was bought so far, and every part is paid for once."""
    trades, _ = await trades_of(embedded, tmp_path / "ill", LASTING["partial fills"])

    assert trades
    assert (
        len(
            rows(
                tmp_path / "ill" / "state", "select 1 from execution_fills group by client_order_id having count(*) > 1"
            )
        )
        > 3
    )
