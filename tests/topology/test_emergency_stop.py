"""The emergency stop of a whole bot: it holds from the moment it is answered, whatever the store and the order do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from tests.topology.conftest import published_in, tables_of

from tradewind.contracts.messages import FeedStateChanged, decode
from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import Leg, OrderState
from tradewind.engine.trading import LATCH
from tradewind.kernel.resilience import Circuit, Dependency, Limits

START = "spec.data.span.start=2022-03-01"
HELD = (START, "spec.data.span.end=2022-03-26")
"""Both pairs hold a position at the end of it."""


async def used_up(bot):
    while not any(isinstance(message, FeedStateChanged) for message in await bot.feed.take(1000)):
        pass


async def positions(bot):
    return {p.pair: p.amount for p in (await bot.ask("portfolio", "snapshot"))["positions"]}


async def legs(bot):
    return sorted((o.pair, o.leg.value) for o in (await bot.ask("execution", "open_orders"))["orders"])


async def until(true):
    """Let the bot go on until `true()`; nothing tells a test of all that happens inside."""
    async with asyncio.timeout(60):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def _nothing_pending(bot):
    return not (await bot.ask("engine", "status"))["pendingOrders"]


async def _rest(bot, number):
    told = (await bot.ask("execution", "open_orders"))["orders"]
    return len([order for order in told if order.state is OrderState.ACCEPTED]) == number


class Disk:
    """Refuses the engine's transactions while it is full."""

    full = False
    refused = 0

    async def before(self, _number, writes):
        if self.full and "engine_state" in tables_of(writes):
            self.refused += 1
            raise TemporaryError("store: database or disk is full")

    async def refused_thrice(self):
        return self.refused >= 3


async def test_it_is_stored_by_a_store_that_nobody_else_may_ask_now(embedded):
    """A circuit that is open holds back whoever can wait. A stop is tried, and its answer opens the way for all."""
    store = Dependency("store", Limits(failures=1, pause=1000.0, longest_pause=1000.0))

    async def before(_number, writes):
        if "engine_state" in tables_of(writes):  # the engine's alone: execution's answer would open the way for it
            with store.attempt(lambda _error: True):
                """It would have been written."""

    async with embedded(*HELD, "spec.data.speed=360000", before=before, until_end=False) as bot:
        while not await bot.ask("portfolio", "trades"):
            await bot.feed.take(10)
        store.failed("away")
        answer = await bot.ask("engine", "emergency_stop", actor="me", reason="fire")
        assert ("EmergencyStopped", True, []) == (answer["state"], answer["stored"], answer["troubles"])
        assert store.circuit is Circuit.CLOSED


async def test_a_latch_that_could_not_be_stored_outlives_failed_commits_and_restarts(embedded, tmp_path):
    """It is told, kept in memory and in a file, stored by the next transaction that commits, and never forgotten."""
    disk, file = Disk(), tmp_path / "state" / LATCH
    async with embedded(*HELD, "spec.data.speed=360000", before=disk.before, until_end=False) as bot:
        while not await bot.ask("portfolio", "trades"):
            await bot.feed.take(10)
        disk.full = True
        answer = await bot.ask("engine", "emergency_stop", actor="me", reason="fire")
        assert ("EmergencyStopped", False) == (answer["state"], answer["stored"])
        assert any("in memory and in a file" in trouble for trouble in answer["troubles"])
        before = len(await bot.ask("execution", "orders"))
        await until(disk.refused_thrice)
        status = await bot.ask("engine", "status")
        assert ("EmergencyStopped", "fire", "me") == (status["state"], status["reason"], status["actor"])
        assert before == len(await bot.ask("execution", "orders"))
    assert file.exists()

    async with embedded(*HELD, until_end=False) as bot:
        await used_up(bot)
        status = await bot.ask("engine", "status")
        assert ("EmergencyStopped", "fire", "me") == (status["state"], status["reason"], status["actor"])
        assert before == len(await bot.ask("execution", "orders"))
    assert not file.exists()
    async with embedded(*HELD, until_end=False) as bot:
        assert "EmergencyStopped" == (await bot.ask("engine", "status"))["state"]


async def test_a_latch_that_was_cleared_stays_cleared(embedded, tmp_path):
    """Also the one in the file: a person who cleared it must not find it again after a restart."""
    disk, file = Disk(), tmp_path / "state" / LATCH
    async with embedded(*HELD, before=disk.before, until_end=False) as bot:
        await used_up(bot)
        disk.full = True
        await bot.ask("engine", "emergency_stop", actor="me", reason="fire")
        assert file.exists()
        disk.full = False
        assert "Stopped" == (await bot.ask("engine", "clear_emergency_stop", actor="me"))["state"]
    assert not file.exists()
    async with embedded(*HELD, until_end=False) as bot:
        assert "Stopped" == (await bot.ask("engine", "status"))["state"]


async def test_an_entry_that_execution_has_not_heard_of_is_not_bought_after_the_stop(embedded):
    """The stop is pressed while the decision to enter is being committed."""
    hold = {}

    async def before(number, writes):
        if "task" in hold or number < 40 or "PlaceOrder" not in published_in(writes):
            return
        placed = [
            decode("PlaceOrder", write.parameters["payload"])
            for write in writes
            if write.parameters.get("kind") == "PlaceOrder"
        ]
        if any(one.leg is Leg.ENTRY for one in placed):
            hold["task"] = asyncio.create_task(hold["bot"].ask("engine", "emergency_stop", actor="me", reason="fire"))
            for _ in range(20):
                await asyncio.sleep(0)

    async with embedded(*HELD, before=before, until_end=False) as bot:
        hold["bot"] = bot
        await used_up(bot)
        answer = await hold["task"]
        orders = await bot.ask("execution", "orders")
        held = await positions(bot)

    late = [order for order in orders if order.created_time >= answer["time"] and order.leg is Leg.ENTRY]
    assert {OrderState.CANCELED} == {order.state for order in late}
    assert {} == held


async def test_flatten_sells_also_what_a_canceled_exit_was_selling(embedded):
    """An exit by signal was on its way and is canceled with everything else: its position is sold all the same."""
    async with embedded(*HELD, until_end=False) as bot:
        await used_up(bot)
        assert {"BTC/EUR", "ETH/EUR"} == set(await positions(bot))
        assert ["BTC/EUR"] == await bot.ask("engine", "force_exit", pair="BTC/EUR", actor="me")
        answer = await bot.ask("engine", "emergency_stop", actor="me", reason="fire", flatten=True)
        assert {"BTC/EUR", "ETH/EUR"} == set(answer["exits"])
        assert [] == answer["troubles"]
    async with embedded(START, "spec.data.span.end=2022-03-26T04:00:00Z", until_end=False) as bot:
        await used_up(bot)
        assert {} == await positions(bot)
        assert [] == await legs(bot)


async def test_an_exit_may_be_asked_for_again_when_the_one_before_came_to_nothing(embedded):
    """Twice at one candle, the first canceled: the second is another order, and sells once."""
    async with embedded(*HELD, until_end=False) as bot:
        await used_up(bot)
        await bot.ask("engine", "force_exit", pair="BTC/EUR", actor="me")
        await bot.ask("engine", "emergency_stop", actor="me", reason="fire")
        await bot.ask("engine", "clear_emergency_stop", actor="me")
        await until(lambda: _nothing_pending(bot))
        assert ["BTC/EUR"] == await bot.ask("engine", "force_exit", pair="BTC/EUR", actor="me")
    async with embedded(START, "spec.data.span.end=2022-03-26T04:00:00Z", until_end=False) as bot:
        await used_up(bot)
        assert {"ETH/EUR"} == set(await positions(bot))
        exits = [o for o in await bot.ask("execution", "orders") if o.pair == "BTC/EUR" and o.leg is Leg.EXIT]
    assert [OrderState.CANCELED, OrderState.FILLED] == [order.state for order in exits[-2:]]


async def test_after_clear_and_start_positions_are_protected_as_before(embedded):
    """The stop had canceled their legs; they are placed again where they were."""
    async with embedded(*HELD, until_end=False) as bot:
        await used_up(bot)
        rested = await legs(bot)
        levels = _levels(await bot.ask("execution", "open_orders"))
        assert 4 == len(rested)
        await bot.ask("engine", "emergency_stop", actor="me", reason="fire")
        assert [] == await legs(bot)
        await bot.ask("engine", "clear_emergency_stop", actor="me")
        await bot.ask("engine", "change_state", verb="start", actor="me")
        await until(lambda: _rest(bot, 4))
        assert rested == await legs(bot)
        assert levels == _levels(await bot.ask("execution", "open_orders"))


def _levels(told):
    return sorted((o.pair, o.leg.value, o.stop_price or o.price, o.remaining, o.tag) for o in told["orders"])


async def test_the_manifests_emergency_stop_cancels_what_was_on_its_way(embedded):
    """A bot that is started again with `emergencyStop: true` buys nothing that it had decided before."""
    async with embedded(*HELD, until_end=False) as bot:
        await used_up(bot)
        decided = await bot.ask("engine", "decisions", limit=1000)
    entered = max(d["time"] for d in decided if (d["action"], d["verdict"]) == ("Enter", "GO"))
    ends = f"spec.data.span.end={_iso(entered + 3_600_000)}"
    later = f"spec.data.span.end={_iso(entered + 4 * 3_600_000)}"
    directory = {"directory": bot.directory.path.parent / "manifest"}
    async with embedded(START, ends, until_end=False, **directory) as bot:
        await used_up(bot)
        pending = (await bot.ask("engine", "status"))["pendingOrders"]
        held = set(await positions(bot))
        assert pending
    async with embedded(START, later, "spec.emergencyStop=true", until_end=False, **directory) as bot:
        await used_up(bot)
        assert "EmergencyStopped" == (await bot.ask("engine", "status"))["state"]
        assert held == set(await positions(bot))
        orders = {order.client_order_id: order for order in await bot.ask("execution", "orders")}
        assert [] == await legs(bot)
    assert {OrderState.CANCELED} == {orders[client_id].state for client_id in pending.values()}


def _iso(time):
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
