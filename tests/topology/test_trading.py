"""What a running bot does with money, with people and with restarts."""

from __future__ import annotations

import functools
from itertools import pairwise

import pytest
from tests.topology.conftest import TRADING

from tradewind.contracts.messages import FeedStateChanged
from tradewind.domain.errors import NotFoundError, PermanentError
from tradewind.domain.exits import ExitReason
from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.order import OrderState

# Both pairs hold a position on 26 March 2022; it is the day these tests interfere.
START = "spec.data.span.start=2022-03-01"
INTERFERE = (START, "spec.data.span.end=2022-03-26")
LATER = (START, "spec.data.span.end=2022-03-30")
# Both pairs still hold a position when this one ends.
HELD = (START, "spec.data.span.end=2022-03-28")


@pytest.fixture
def embedded(embedded):
    """The quickstart, on the venue in the process: that it trades the same on the other is the matter of others."""
    return functools.partial(embedded, "spec.exchanges[0].venue=Paper")


async def until_used_up(bot):
    """Wait until the recording is used up and its last tick settled, with positions left open."""
    while not any(isinstance(message, FeedStateChanged) for message in await bot.feed.take(1000)):
        pass


async def test_money_adds_up(embedded):
    """Balance change = sum of profits; portfolio = venue; nothing is left open; every order has an end."""
    async with embedded(*HELD) as bot:
        assert await bot.wait()
        trades = await bot.ask("portfolio", "trades")
        snapshot = await bot.ask("portfolio", "snapshot")
        venue = await bot.ask("execution", "balances")
        orders = await bot.ask("execution", "orders")

    assert len(trades) > 10
    assert snapshot["balances"]["EUR"] - 10_000 == sum(trade.profit for trade in trades)
    assert {c: v for c, v in snapshot["balances"].items() if v} == {c: v for c, v in venue.items() if v}
    assert [] == snapshot["positions"]
    assert ZERO == snapshot["drift"]
    assert [] == [order for order in orders if order.is_open]
    assert any(trade.exit_reason == ExitReason.FORCE_EXIT for trade in trades)


async def test_base_currency_fees_leave_dust_and_still_add_up(embedded):
    """Fees taken in base shrink what is held: exits sell what is there, dust stays, cash change is still the profit."""
    async with embedded(*LATER, "spec.exchanges[0].fees.currency=Base") as bot:
        assert await bot.wait()
        trades = await bot.ask("portfolio", "trades")
        balances = (await bot.ask("portfolio", "snapshot"))["balances"]
        venue = await bot.ask("execution", "balances")

    assert balances["EUR"] - 10_000 == sum(trade.profit for trade in trades)
    assert {c: v for c, v in balances.items() if v} == {c: v for c, v in venue.items() if v}
    assert all(ZERO <= balances[base] < 1 for base in ("BTC", "ETH"))


async def test_slippage_costs_money(embedded):
    """The same bot earns less when market orders and stops fill worse."""
    ends = []
    for points in ("0", "20"):
        async with embedded(*LATER, f"spec.exchanges[0].slippage.basisPoints={points}") as bot:
            await bot.wait()
            ends.append((await bot.ask("portfolio", "snapshot"))["balances"]["EUR"])
            bot.directory.database.unlink()

    assert ends[1] < ends[0]


async def test_higher_timeframes_vote_without_lookahead_and_resume(embedded, tmp_path):
    """A 4h voter beside a 1h one: an interrupted run knows the 4h stance again and trades the same."""
    extra = "spec.strategies[trend].timeframes=[1h,4h]"
    async with embedded(*LATER, extra, directory=tmp_path / "whole") as bot:
        await bot.wait()
        whole = await bot.ask("portfolio", "trades")
    async with embedded(*INTERFERE, extra, directory=tmp_path / "parts", until_end=False) as bot:
        await until_used_up(bot)
    async with embedded(*LATER, extra, directory=tmp_path / "parts") as bot:
        await bot.wait()
        resumed = await bot.ask("portfolio", "trades")

    assert whole
    assert whole == resumed


async def test_a_restart_goes_on_with_positions_and_resting_orders(embedded):
    """Stopping and starting changes nothing: the same positions, the same stop and target at the venue."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        before = await bot.ask("portfolio", "snapshot"), await bot.ask("execution", "open_orders")
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        after = await bot.ask("portfolio", "snapshot"), await bot.ask("execution", "open_orders")
        status = await bot.ask("engine", "status")

    assert 2 == len(after[0]["positions"]) == status["openPositions"]
    assert before[0]["positions"] == after[0]["positions"]
    assert before[1]["orders"] == after[1]["orders"]
    assert before[0]["equity"] == after[0]["equity"]
    assert {"stop", "target"} == {order.leg for order in after[1]["orders"]}


async def test_force_exit_sells_at_the_next_open(embedded):
    """A person sells one position: its stop and target go first, the rest is left alone, and the restart carries on."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        assert ["BTC/EUR"] == await bot.ask("engine", "force_exit", pair="BTC/EUR", actor="test")
        assert [] == await bot.ask("engine", "force_exit", pair="BTC/EUR", actor="test")
        with pytest.raises(NotFoundError, match="ETH/EUR"):
            await bot.ask("engine", "force_exit", pair="XRP/EUR", actor="test")
    async with embedded(*LATER, until_end=False) as bot:
        await until_used_up(bot)
        trades = await bot.ask("portfolio", "trades")
        forced = [trade for trade in trades if trade.exit_reason == ExitReason.FORCE_EXIT]
        orders = await bot.ask("execution", "orders")

    assert ["BTC/EUR"] == [trade.pair for trade in forced]
    assert 1 == sum(1 for order in orders if order.tag == ExitReason.FORCE_EXIT)


async def test_pause_stops_entries_and_not_exits(embedded):
    """Paused: the open positions still leave by signal, nothing new is entered, and the refusal says why."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        status = await bot.ask("engine", "change_state", verb="pause", actor="test")
        assert "Paused" == status["state"]
        entered = sum(1 for order in await bot.ask("execution", "orders") if order.leg == "entry")
    async with embedded(START, "spec.data.span.end=2022-04-08", until_end=False) as bot:
        await until_used_up(bot)
        snapshot = await bot.ask("portfolio", "snapshot")
        orders = await bot.ask("execution", "orders")
        decisions = await bot.ask("engine", "decisions")
        resumed = await bot.ask("engine", "change_state", verb="resume", actor="test")

    assert [] == snapshot["positions"]
    assert entered == sum(1 for order in orders if order.leg == "entry")
    refused = [decision for decision in decisions if decision["verdict"] == "NO-GO"]
    assert refused
    assert all("trading_state" in decision["reason"] for decision in refused)
    assert {"gate": "trading_state", "verdict": "NO-GO", "value": "Paused", "limit": "Running"} in refused[0]["gates"]
    assert "Running" == resumed["state"]


async def test_stop_sends_nothing_and_resting_orders_stay(embedded):
    """Stopped: no exit by signal either, entries are refused with the reason, and what rests still acts."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        await bot.ask("engine", "change_state", verb="stop", actor="test")
        before = len(await bot.ask("execution", "orders"))
    async with embedded(*LATER, until_end=False) as bot:
        await until_used_up(bot)
        trades = await bot.ask("portfolio", "trades")
        after = len(await bot.ask("execution", "orders"))
        decisions = await bot.ask("engine", "decisions", limit=2)

    assert before == after
    assert all("trading_state" in decision["reason"] for decision in decisions)
    assert [ExitReason.ROI, ExitReason.ROI] == [trade.exit_reason for trade in trades[-2:]]


async def test_emergency_stop_cancels_latches_and_survives(embedded):
    """Everything open is canceled at the venue, the latch outlives the process, only clearing and starting ends it."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        stopped = await bot.ask("engine", "emergency_stop", actor="test", reason="drill")
        assert 4 == stopped["canceled"]  # the stop and the target of each position
        assert "EmergencyStopped" == stopped["state"]
        assert stopped["stored"]
    async with embedded(*LATER, until_end=False) as bot:
        await until_used_up(bot)
        assert "EmergencyStopped" == (await bot.ask("engine", "status"))["state"]
        assert [] == (await bot.ask("execution", "open_orders"))["orders"]
        with pytest.raises(PermanentError, match="emergency"):
            await bot.ask("engine", "change_state", verb="start", actor="test")
        assert "Stopped" == (await bot.ask("engine", "clear_emergency_stop", actor="test"))["state"]
        assert "Running" == (await bot.ask("engine", "change_state", verb="start", actor="test"))["state"]


async def test_emergency_stop_can_flatten(embedded):
    """With `flatten` the positions are sold at the next open, as `emergency_exit`."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        stopped = await bot.ask("engine", "emergency_stop", actor="test", reason="drill", flatten=True)
        assert ["BTC/EUR", "ETH/EUR"] == sorted(stopped["exits"])
    async with embedded(*LATER, until_end=False) as bot:
        await until_used_up(bot)
        snapshot = await bot.ask("portfolio", "snapshot")
        trades = await bot.ask("portfolio", "trades")

    assert [] == snapshot["positions"]
    assert 2 == sum(1 for trade in trades if trade.exit_reason == ExitReason.EMERGENCY_EXIT)


async def test_the_manifest_can_stop_by_emergency(embedded):
    """`emergencyStop: true` in the resource is in force without any latch."""
    async with embedded(*LATER, "spec.emergencyStop=true") as bot:
        await bot.wait()
        assert [] == await bot.ask("execution", "orders")
        assert "EmergencyStopped" == (await bot.ask("engine", "status"))["state"]


async def test_a_cycle_on_demand_decides_nothing_twice(embedded):
    """POST /cycle on candles that were decided finds nothing left to do."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        orders = len(await bot.ask("execution", "orders"))
        report = await bot.ask("engine", "run_cycle")

        assert 2 == report["symbols_processed"]
        assert 0 == report["orders"]
        assert orders == len(await bot.ask("execution", "orders"))


async def test_a_drawdown_limit_halts_entries(embedded):
    """Once the equity is below its peak by the limit, entries are refused and the decision says so."""
    limits = ("spec.risk.maxDrawdown=0.01", "spec.risk.maxDailyLoss=1")
    async with embedded(START, "spec.data.span.end=2022-05-01", *limits) as bot:
        await bot.wait()
        refused = [d for d in await bot.ask("engine", "decisions", limit=1000) if d["verdict"] == "NO-GO"]

    assert refused
    assert all("drawdown" in decision["reason"] for decision in refused)
    gate = next(gate for gate in refused[0]["gates"] if gate["gate"] == "drawdown")
    assert float(gate["value"]) >= 0.01
    assert "< 0.01" == gate["limit"]


async def test_slots_are_given_in_whitelist_order(embedded):
    """With one slot the first pair of the manifest takes it, whatever the data's order."""
    async with embedded(*LATER, "spec.risk.maxOpenPositions=1", "spec.pairs.include=[ETH/EUR,BTC/EUR]") as bot:
        await bot.wait()
        trades = await bot.ask("portfolio", "trades")
        decisions = await bot.ask("engine", "decisions", limit=1000)
    refused = [d for d in decisions if d["verdict"] == "NO-GO" and "open_positions" in d["reason"]]

    assert {"BTC/EUR"} == {decision["pair"] for decision in refused if decision["time"] == refused[-1]["time"]}
    assert all(a.close_time <= b.open_time for a, b in pairwise(trades))


async def test_one_voter_is_enough_with_its_own_rule(embedded):
    """Majority and Unanimous run through the whole bot too."""
    for rule in ("Majority", "Unanimous"):
        async with embedded(*LATER, f"spec.decision.consensus={rule}") as bot:
            await bot.wait()
            assert await bot.ask("portfolio", "trades")
            assert all(
                order.state in (OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED)
                for order in await bot.ask("execution", "orders")
            )
            bot.directory.database.unlink()


@pytest.mark.parametrize(("venue", "services"), [("Paper", TRADING), ("Simulated", (*TRADING, "sim-exchange"))])
async def test_a_pair_taken_off_the_manifest_can_still_be_sold(embedded, venue, services):
    """The bot starts with what it holds of it, goes on with the others, and a person gets rid of the rest."""
    embedded = functools.partial(embedded, f"spec.exchanges[0].venue={venue}", services=services)
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        held = {position.pair for position in (await bot.ask("portfolio", "snapshot"))["positions"]}
    assert held == {"BTC/EUR", "ETH/EUR"}

    async with embedded(*LATER, 'spec.pairs.include=["ETH/EUR"]', until_end=False) as bot:
        await until_used_up(bot)
        assert await bot.ask("engine", "force_exit", pair="BTC/EUR", actor="test") == ["BTC/EUR"]
        status = await bot.ask("engine", "status")

    assert "BTC/EUR" in status["pendingOrders"]


async def test_a_pair_taken_off_the_manifest_counts_at_its_last_close(embedded):
    """Else the equity would fall by what is held of it, to the drawdown limit; and each restart folds the same."""
    async with embedded(*INTERFERE, until_end=False) as bot:
        await until_used_up(bot)
        first = await bot.ask("portfolio", "equity")

    curves, worths = [], set()
    for _ in range(2):
        async with embedded(*LATER, 'spec.pairs.include=["ETH/EUR"]', until_end=False) as bot:
            curves.append(await bot.ask("portfolio", "equity"))
            await until_used_up(bot)
            held = (await bot.ask("portfolio", "snapshot"))["balances"]["BTC"]
            worths.add(held * decimal_of((await bot.ask("portfolio", "closes"))["BTC/EUR"]))
            curves.append(await bot.ask("portfolio", "equity"))

    assert len(worths) == 1
    assert min(worths) > 1_000
    begun, ended, again, _ = curves
    # The last ticks, in which nothing happened, are played again: without the pair.
    assert begun == first[: len(begun)]
    assert len(begun) > 500
    assert again == ended[: len(again)]
    assert len(again) > len(first)
    assert min(equity for _, equity in ended[len(begun) :]) > begun[-1][1] - 500, "no jump"
