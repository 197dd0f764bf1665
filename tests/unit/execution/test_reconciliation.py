"""At the start our books learn what the venue says, before anything is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.order import Leg, Order, OrderType, Side

D = Decimal
HOUR = 3_600_000


def market_moves(world, phases=("Open", "Path"), **prices):
    """A candle that the venue has and we do not hear of: nobody is alive here."""
    world.time += HOUR
    before = world.candles[world.time - HOUR]
    world.candles[world.time] = {
        pair: one._replace(open_time=world.time, **prices) if pair == "BTC/EUR" else one._replace(open_time=world.time)
        for pair, one in before.items()
    }
    for phase in phases:
        world.venue.match("BTC/EUR", world.candles[world.time]["BTC/EUR"], phase)


def foreign(world, **fields):
    order = Order("foreign", "x", Leg.ENTRY, "BTC/EUR", Side.BUY, OrderType.LIMIT, D(2), 0, price=D(90), **fields)
    world.run(world.exchange.create([order]))


def test_what_filled_while_nobody_was_alive_is_taken_over_and_protected(remote):
    """Fills first, then states; the legs follow from the fills."""
    entry = remote.enter()
    remote.let(1)
    remote.kill()
    market_moves(remote, ("Open",))
    remote.restart()
    remote.let(60)
    assert remote.state(entry) == "Filled"
    assert [leg for leg, *_ in remote.legs(entry)] == ["stop", "target"]
    remote.check_quiet()


def test_a_stop_that_acted_while_nobody_was_alive_closed_the_position(remote):
    """Its target is not in the open orders: that proves nothing, so it is asked for."""
    entry = remote.enter()
    remote.let(1)
    remote.candle()
    remote.kill()
    market_moves(remote, open=90.0, high=90.0, low=90.0, close=90.0)
    remote.restart()
    remote.let(60)
    assert remote.legs(entry, open_only=False)[1][3] == "Canceled"
    assert remote.account().trades[0].exit_reason == "stop_loss"
    remote.check_quiet()


def test_a_target_that_sold_a_part_while_nobody_was_alive_left_less_to_the_stop(worlds):
    """The venue reduced it; our record of it follows."""
    world = worlds(remote=True, volume=4.0)
    entry = world.enter(amount="3")
    world.let(1)
    world.candle()
    world.kill()
    market_moves(world, high=111.0)
    world.restart()
    world.let(60)
    assert [(leg, amount) for leg, amount, *_ in world.legs(entry)] == [("stop", 2), ("target", 2)]
    world.check_quiet()


@pytest.mark.parametrize("fault", ["unheard", "lost", "late"])
def test_an_order_in_flight_when_we_died_is_asked_for(remote, fault):
    """Submitted is neither sent nor not sent."""
    remote.venue.plan["create"] = [fault]
    remote.venue.plan["find"] = ["lost"]
    entry = remote.enter(kind="limit", price=90)
    remote.let(0.01)
    assert remote.state(entry) in {"Submitted", "Unknown"}
    remote.restart()
    remote.let(60)
    assert remote.state(entry) == "Accepted"
    assert remote.venue.accepted == {entry: 1}
    remote.check_quiet()


def test_orders_that_nobody_here_created_are_shown_and_not_touched(remote):
    """Not even their fills: the account of the bot is made of the bot's orders."""
    foreign(remote)
    remote.restart()
    remote.let(10)
    assert remote.states("foreign") == [("Accepted", "External")]
    assert remote.ledger.open() == []
    remote.cancel("foreign")
    market_moves(remote, low=80.0)
    remote.restart()
    remote.let(30)
    assert remote.states("foreign") == [("Accepted", "External")]
    assert remote.account().open == {}
    assert remote.alive, remote.runner.failure


def test_a_foreign_order_that_fills_in_parts_does_not_keep_the_bot_from_starting(worlds):
    """Its first part is in the amount that was told, its trades come again and again."""
    world = worlds(remote=True, volume=4.0)
    foreign(world)
    world.kill()
    for _ in range(2):
        market_moves(world, low=80.0)
        world.restart()
        world.let(10)
        assert world.alive, world.runner.failure
    assert world.ledger.records["foreign"].external


@pytest.mark.parametrize("question", ["fills", "open_orders", "balances"])
def test_a_question_that_fails_is_no_start(remote, question):
    """And is never read as flat: nothing is sent, the reason is told, and it is asked again until it is answered."""
    entry = remote.enter()
    remote.kill()
    original = getattr(remote.venue, question)

    async def broken():
        raise ConnectionResetError("no answer")

    setattr(remote.venue, question, broken)
    calls = remote.venue.calls.copy()
    remote.restart()
    remote.let(30)
    assert remote.alive
    assert remote.runner.service.ready() == {"venue": "not reconciled: ConnectionResetError: no answer"}
    assert (remote.venue.calls["create"], remote.venue.calls["cancel"]) == (calls["create"], calls["cancel"])
    setattr(remote.venue, question, original)
    remote.let(15)
    assert remote.runner.service.ready() == {}
    assert remote.state(entry) in {"Accepted", "Filled"}


def test_the_venue_s_balances_are_told_once_per_start(remote):
    """Portfolio compares them with its own, and shows a difference."""
    reports = [message for message in remote.messages() if type(message).__name__ == "BalancesReported"]
    assert [(report.id[-2:], report.balances) for report in reports] == [(":1", {"EUR": D(10_000)})]
    remote.restart()
    remote.let(1)
    assert len([message for message in remote.messages() if type(message).__name__ == "BalancesReported"]) == 2


MORE_THAN_ITS_COMMITS = 26
WHOLE_TRADE = [
    lambda world: world.enter(),
    lambda world: world.candle(),
    lambda world: world.amend(world.stop_of(*world.entries), 97),
    lambda world: world.candle(BTC=(100, 104, 99, 103)),
    lambda world: world.exit(*world.entries, amount="1"),
    lambda world: world.candle(BTC=(103, 103, 103, 103)),
]


@pytest.mark.parametrize("remote", [False, True], ids=["paper", "remote"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_commit_of_a_whole_trade(worlds, after, remote):
    """Entry, fills, legs, an amendment, an exit: killed before or after each commit in turn, the trade is the same."""
    trades = set()
    for commit in range(MORE_THAN_ITS_COMMITS):
        world = worlds(remote=remote)
        world.store.kill_in, world.store.kill_after = commit, after
        for act in WHOLE_TRADE:
            act(world)
            world.let(20)
            if not world.alive:
                world.restart()
                world.let(20)
            world.check_always()
        world.check_quiet()
        (trade,) = world.account().trades
        trades.add(trade)
        live = [r for r in world.ledger.records.values() if r.order.leg in {Leg.ENTRY, Leg.EXIT}]
        assert [r.order.state.value for r in live] == ["Filled", "Filled"]
    assert world.store.kill_in is not None, "the last one was not killed: every commit had its turn"
    assert len(trades) == 1
