"""The emergency stop: the venue first, the store second, and nothing stands in its way."""

from __future__ import annotations

import asyncio

import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import TERMINAL, Leg, Order, OrderState, OrderType, Side
from tradewind.execution.live_venue import UNKNOWN_ORDER
from tradewind.execution.ports import Answer, VenueOrder, VenueRefusalError
from tradewind.kernel.http.asking import ANSWER_WITHIN


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
    assert ["no space left on device" in trouble for trouble in troubles] == [True]
    assert world.at_venue() == {}
    world.restart()
    world.let(60)
    assert world.legs(entry) == []
    assert world.ledger.open() == []


def test_a_store_that_hangs_keeps_nothing_open(worlds):
    """Every order is canceled before anything is recorded, and the answer comes before whoever asked gives up."""
    world = worlds(remote=True)
    for price in (89, 90, 91, 92):
        world.enter(kind="limit", price=price)
    world.let(1)
    cancel, moments, began = world.venue.inner.cancel, [], world.loop.time()

    async def noting(order):
        moments.append(world.loop.time() - began)
        return await cancel(order)

    async def hang(writes):
        await asyncio.sleep(15)
        raise TemporaryError("postgresql does not answer")

    world.venue.inner.cancel, world.store.commit = noting, hang
    canceled, troubles = stop_everything(world)
    assert (canceled, world.at_venue()) == (4, {})
    assert max(moments) < 1
    assert world.loop.time() - began < ANSWER_WITHIN
    assert ["postgresql does not answer" in trouble for trouble in troubles] == [True]
    del world.store.commit
    world.let(600)
    assert world.ledger.open() == []


@pytest.mark.parametrize("fault", ["late", "unheard", "silent"])
def test_what_is_on_its_way_while_the_store_is_down_is_canceled_when_both_are_there(worlds, fault):
    """The stop could not be written, and is not forgotten."""
    world = worlds(remote=True)
    world.venue.plan["create"] = [fault]
    entry = world.enter(kind="limit", price=90)
    world.let(0.5)
    world.store.fail_always = True
    _, troubles = stop_everything(world)
    assert troubles
    world.let(1)
    world.store.fail_always = False
    world.let(600)
    assert world.at_venue() == {}
    assert world.state(entry) in {"Canceled", "Expired"}
    assert world.ledger.open() == []


def test_what_the_venue_never_had_is_not_sent_after_a_stop_that_could_not_be_written(worlds):
    """The store was away for longer than it takes until an order of unknown outcome may be sent again."""
    world = worlds(remote=True)
    world.venue.plan["create"] = ["lost"]
    entry = world.enter()
    world.let(0.5)
    assert world.state(entry) == "Unknown"
    world.store.fail_always = True
    stop_everything(world)
    world.let(12)
    world.store.fail_always = False
    world.let(60)
    assert world.venue.accepted == {}
    assert world.states(entry)[-1] == ("Expired", "NeverArrived")


def test_the_worker_sends_nothing_more_after_a_stop_that_could_not_be_written(worlds):
    """It was in the middle of one order when the stop came, and had another one before it."""
    world = worlds(remote=True)
    create = world.venue.inner.create

    async def slowly(orders):
        await asyncio.sleep(0.5)
        return await create(orders)

    world.venue.inner.create = slowly
    world.run(world.sender._working.acquire())
    first, second = world.enter(), world.enter("ETH/EUR")
    world.let(0.2)
    world.sender._working.release()
    world.let(0.1)
    assert [world.state(first), world.state(second)] == ["Submitted", "Intended"]
    world.store.fail_in = 0
    _, troubles = stop_everything(world)
    assert troubles
    world.let(60)
    assert second not in world.venue.accepted
    assert world.states(second)[-1] == ("Canceled", "EmergencyStop")
    assert world.at_venue() == {}


def test_a_stop_while_the_orders_are_loaded_again_reaches_all_of_them(worlds):
    """A thread of the store fills them in; the stop waits for it with what it records, and with nothing else."""
    world = worlds(remote=True)
    world.run(world.sender._working.acquire())
    entry = world.enter(kind="limit", price=90)
    world.let(0.2)

    async def meet():
        async with world.runner._lock:
            there = world.ledger.records, world.ledger._open
            world.ledger.records, world.ledger._open = {}, {}
            stop = asyncio.ensure_future(world.runner.service.answers["cancel_everything"]())
            await asyncio.sleep(0.05)
            world.ledger.records, world.ledger._open = there
        return await stop

    assert world.run(meet()) == (0, [])
    world.sender._working.release()
    world.let(30)
    assert world.states(entry)[-1] == ("Canceled", "EmergencyStop")
    assert world.venue.accepted == {}


def test_a_stop_whose_asker_gave_up_while_it_was_written_is_written_later(worlds):
    """Whoever asked has gone; what was on its way must not rest for that."""
    world = worlds(remote=True)
    world.venue.plan["create"] = ["late"]
    world.enter(kind="limit", price=90)
    world.let(0.5)

    async def hang(writes):
        await asyncio.sleep(40)
        raise TemporaryError("postgresql does not answer")

    async def impatient():
        async with asyncio.timeout(30):
            await world.runner.service.answers["cancel_everything"]()

    world.store.commit = hang
    with pytest.raises(TimeoutError):
        world.run(impatient())
    del world.store.commit
    world.let(600)
    assert world.at_venue() == {}
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


def test_a_leg_that_ends_with_the_other_of_its_group_is_not_canceled_a_second_time(worlds):
    """The venue would answer that it knows no such order, which is no trouble to tell a person in an emergency."""
    world = worlds(remote=True)
    entry = protected(world)
    legs = [record.order for record in world.ledger.protective(entry)]
    cancel = world.venue.inner.cancel

    async def both(order):
        if world.exchange._entries[order.client_order_id].state in TERMINAL:
            raise VenueRefusalError(UNKNOWN_ORDER, "no such order")
        await cancel(order)
        told = [VenueOrder(leg.client_order_id, leg.pair, OrderState.CANCELED, leg.amount, leg.filled) for leg in legs]
        return Answer(orders=tuple(told))

    world.venue.inner.cancel = both
    assert stop_everything(world) == (2, [])
    assert world.venue.calls["cancel"] == 1
    assert [state for _, _, _, state in world.legs(entry, open_only=False)] == ["Canceled", "Canceled"]


def refuse_what_is_gone(world, before):
    """The venue, where `before` happens between the list of what is open and the first cancel."""
    cancel = world.venue.inner.cancel

    async def refused(order):
        await before(order)
        if world.exchange._entries[order.client_order_id].state in TERMINAL:
            raise VenueRefusalError(UNKNOWN_ORDER, "no such order")
        return await cancel(order)

    world.venue.inner.cancel = refused
    return cancel


def test_an_order_that_the_worker_has_just_canceled_is_no_trouble(worlds):
    """Whoever is quicker: it is gone, and counted."""
    world = worlds(remote=True)
    entry = world.enter(kind="limit", price=90)
    world.let(1)

    async def first(order):
        await cancel(order)

    cancel = refuse_what_is_gone(world, first)
    assert stop_everything(world) == (1, [])
    assert world.state(entry) == "Canceled"
    world.check_quiet()


def test_an_order_that_has_just_filled_is_no_trouble_and_its_fill_is_fetched(worlds):
    """It can no longer be canceled, and what it bought is in the books and protected."""
    world = worlds(remote=True)
    entry = world.enter(kind="limit", price=90)
    world.let(1)

    async def fills(order):
        world.venue.match("BTC/EUR", Candle(3_600_000, 89.0, 89.0, 89.0, 89.0, 1000.0), "Open")

    refuse_what_is_gone(world, fills)
    assert stop_everything(world) == (0, [])
    world.let(60)
    assert world.state(entry) == "Filled"
    assert [leg for leg, *_ in world.legs(entry)] == ["stop", "target"]


def test_an_order_that_the_venue_denies_and_has_is_told(worlds):
    """Its word alone proves nothing: the order is open for all that anybody knows."""
    world = worlds(remote=True)
    world.enter(kind="limit", price=90)
    world.let(1)
    cancel = world.venue.inner.cancel

    async def deny(order):
        raise VenueRefusalError(UNKNOWN_ORDER, "no such order")

    world.venue.inner.cancel = deny
    canceled, troubles = stop_everything(world)
    assert canceled == 0
    assert ["UnknownOrder" in trouble for trouble in troubles] == [True]
    world.venue.inner.cancel = cancel
    world.let(60)
    assert world.at_venue() == {}, "it is asked for until it is gone"
