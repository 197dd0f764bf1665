"""The emergency stop: the venue first, the store second, and nothing stands in its way."""

from __future__ import annotations

import pytest

from tradewind.domain.order import Leg, Order, OrderType, Side


def stop_everything(world):
    return world.run(world.runner.service.answers["cancel_everything"]())


def protected(world):
    entry = world.enter()
    world.let(1)
    world.candle()
    return entry


@pytest.fixture(params=[False, True], ids=["paper", "remote"])
def world(worlds, request):
    return worlds(remote=request.param)


def test_everything_that_is_open_is_canceled(world):
    """Entries and legs alike; a group goes in one."""
    protected(world)
    entry = world.enter("ETH/EUR", kind="limit", price=9)
    world.let(1)
    canceled, troubles = stop_everything(world)
    assert (canceled, troubles) == (3, [])
    assert world.at_venue() == {}
    assert world.state(entry) == "Canceled"
    world.let(60)
    assert world.ledger.open() == []
    assert world.alive


def test_what_was_not_sent_yet_is_not_sent(world):
    """A command that lies in the ledger is as dangerous as an order in the book."""
    world.run(world.sender._working.acquire())
    entry = world.enter()
    world.let(1)
    assert world.state(entry) == "Intended"
    stop_everything(world)
    world.sender._working.release()
    world.let(60)
    assert world.states(entry)[-1] == ("Canceled", "EmergencyStop")
    assert world.at_venue() == {}


@pytest.mark.parametrize("fault", ["late", "unheard", "unheard-silent", "silent"])
def test_what_is_on_its_way_is_canceled_when_it_is_there(worlds, fault):
    """It is in no answer of open orders, and would come to rest a second after the stop."""
    world = worlds(remote=True)
    world.venue.plan["create"] = [fault]
    entry = world.enter(kind="limit", price=90)
    world.let(0.5)
    stop_everything(world)
    world.let(60)
    assert world.at_venue() == {}
    assert world.state(entry) in {"Canceled", "Expired"}
    assert world.alive


def test_an_order_that_nobody_here_created_is_canceled_too(worlds):
    """Whoever placed it: all of the account."""
    world = worlds(remote=True)
    foreign = Order("foreign", "x", Leg.ENTRY, "BTC/EUR", Side.BUY, OrderType.LIMIT, 1, 0, price=90)
    world.run(world.exchange.create([foreign]))
    canceled, troubles = stop_everything(world)
    assert (canceled, troubles) == (1, [])
    assert world.at_venue() == {}


def test_while_the_store_is_down_the_venue_is_canceled_all_the_same(worlds):
    """And the troubles say that it is not written yet; the next start finds out."""
    world = worlds(remote=True)
    entry = protected(world)
    world.store.fail_always = True
    canceled, troubles = stop_everything(world)
    assert canceled == 2
    assert len(troubles) == 3
    assert all("no space left on device" in trouble for trouble in troubles)
    assert world.at_venue() == {}
    world.restart()
    world.let(60)
    assert world.legs(entry) == []
    assert world.ledger.open() == []


def test_a_venue_that_does_not_say_what_is_open_is_canceled_by_what_is_known_here(worlds):
    """One broken question must not save an order."""
    world = worlds(remote=True)
    protected(world)

    async def silent():
        raise ConnectionResetError("no")

    world.venue.open_orders = silent
    canceled, troubles = stop_everything(world)
    assert canceled == 2
    assert len(troubles) == 1
    assert "does not say what is open" in troubles[0]
    assert world.at_venue() == {}


def test_one_that_cannot_be_canceled_does_not_save_the_others(worlds):
    """It is named, and asked for until it is gone."""
    world = worlds(remote=True)
    for price in (90, 91, 92):
        world.enter(kind="limit", price=price)
    world.let(1)
    world.venue.plan["cancel"] = ["none", "refused", "none"]
    canceled, troubles = stop_everything(world)
    assert canceled == 2
    assert len(troubles) == 1
    assert "TooManyRequests" in troubles[0]
    world.let(60)
    assert world.at_venue() == {}
