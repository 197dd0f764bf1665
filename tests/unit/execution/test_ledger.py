"""The ledger: what a venue tells becomes true once, in whatever order it comes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.errors import ConfigError
from tradewind.domain.order import Fill, OrderState, Side
from tradewind.execution.adoption import Adoption
from tradewind.execution.ports import Answer, VenueEnd, VenueFill, VenueOrder, VenueResize
from tradewind.kernel.unit import UnitOfWork

D = Decimal
S = OrderState


def apply(world, *updates):
    """In a unit that is committed."""

    async def act():
        async with world.runner.unit() as unit:
            world.ledger.apply(updates, unit)

    world.run(act())


def adopt(world, *orders, updates=()):
    async def act():
        async with world.runner.unit() as unit:
            Adoption(world.runner.context, world.ledger).of_answer(Answer(orders, updates), unit)

    world.run(act())


def fill(client_id, amount="1", trade_id="7", side="buy"):
    return VenueFill(
        Fill(trade_id, client_id, "BTC/EUR", Side(side), D(amount), D(100), D("0.1"), "EUR", maker=False, time=0)
    )


def told(client_id, state, amount="2", filled="0"):
    return VenueOrder(client_id, "BTC/EUR", state, D(amount), D(filled))


@pytest.fixture
def entry(remote):
    """An accepted entry of 2, without a bracket."""
    client_id = remote.enter(kind="limit", price=90, amount="2", bracket=(None, None))
    remote.let(1)
    return client_id


def test_a_fill_is_applied_once(remote, entry):
    """However often it is told, and after a restart too."""
    apply(remote, fill(entry), fill(entry))
    apply(remote, fill(entry))
    assert remote.order(entry).filled == 1
    assert [type(message).__name__ for message in remote.messages()].count("OrderFilled") == 1
    remote.restart()
    apply(remote, fill(entry))
    assert remote.order(entry).filled == 1


def test_the_same_trade_id_of_another_pair_is_another_trade(remote, entry):
    """Venues number trades per symbol."""
    other = remote.enter("ETH/EUR", kind="limit", price=9, bracket=(None, None))
    remote.let(1)
    one = fill(other)
    apply(remote, fill(entry), VenueFill(one.fill.__class__(**{**values(one.fill), "pair": "ETH/EUR"})))
    assert (remote.order(entry).filled, remote.order(other).filled) == (1, 1)


def values(one):
    return {name: getattr(one, name) for name in one.__slots__}


def test_a_fill_told_after_the_end_is_not_lost(remote, entry):
    """Canceled, then its last trade: the position has it, and the order stays canceled."""
    apply(remote, VenueEnd(entry, S.CANCELED, "Requested"), fill(entry))
    assert (remote.state(entry), remote.order(entry).filled, remote.ledger.held(entry)) == ("Canceled", 1, 1)
    assert remote.states(entry)[-1] == ("Canceled", "ToldAfterItsEnd")
    assert remote.account().open[entry].amount == 1


def test_a_late_fill_of_an_entry_is_protected_like_any_other(remote):
    """The position is real, so its stop is."""
    client_id = remote.enter(kind="limit", price=90, amount="2")
    remote.let(1)
    apply(remote, VenueEnd(client_id, S.CANCELED, "Requested"), fill(client_id))
    assert [(leg, amount) for leg, amount, *_ in remote.legs(client_id)] == [("stop", 1), ("target", 1)]


def test_what_is_told_of_an_ended_order_changes_nothing(remote, entry):
    """One end is enough, and what is over has no size."""
    apply(remote, VenueEnd(entry, S.CANCELED, "Requested"))
    before = remote.states(entry)
    apply(remote, VenueEnd(entry, S.EXPIRED, "again"), VenueResize(entry, D(1)))
    adopt(remote, told(entry, S.FILLED, filled="2"))
    assert remote.states(entry) == before


def test_orders_that_nobody_here_knows_are_not_ours(remote, entry):
    """A stream of the account may speak of others'; it must not end the service."""
    before = remote.tables()
    apply(remote, fill("nobody"), VenueEnd("nobody", S.CANCELED, "x"), VenueResize("nobody", D(1)))
    adopt(remote, told("nobody", S.ACCEPTED))
    assert remote.tables() == before


def test_a_size_that_is_known_is_not_written_again(remote, entry):
    """Nothing is written when nothing changed."""
    before = remote.tables()
    apply(remote, VenueResize(entry, D(2)))
    adopt(remote, told(entry, S.ACCEPTED))
    assert remote.tables() == before
    apply(remote, VenueResize(entry, D("1.5")))
    assert remote.order(entry).amount == D("1.5")
    assert remote.states(entry)[-1] == ("Accepted", "OtherLegFilled")


def test_accepted_with_a_part_filled_is_partially_filled(remote, entry):
    """Venues that say only "open" do not undo our fills."""
    apply(remote, fill(entry))
    adopt(remote, told(entry, S.ACCEPTED, filled="1"))
    assert remote.states(entry)[-1][0] == "PartiallyFilled"
    adopt(remote, told(entry, S.CANCELED, filled="1"))
    assert remote.states(entry)[-1] == ("Canceled", "AsVenueSays")


def test_more_filled_than_we_know_is_doubt_and_not_an_end(remote, entry):
    """The trades come first; the end waits for them."""
    adopt(remote, told(entry, S.CANCELED, filled="1"))
    assert remote.states(entry)[-1] == ("Unknown", "AwaitingTrades")
    before = remote.states(entry)
    adopt(remote, told(entry, S.CANCELED, filled="1"))
    assert remote.states(entry) == before
    adopt(remote, told(entry, S.CANCELED, filled="1"), updates=(fill(entry),))
    assert remote.states(entry)[-1] == ("Canceled", "AsVenueSays")
    assert remote.order(entry).filled == 1


def test_an_order_that_has_moved_on_is_not_ended_from_this_side(remote, entry):
    """An emergency stop and the worker both want to end what one of them has just sent."""
    record = remote.ledger.records[entry]
    adoption, unit = Adoption(remote.runner.context, remote.ledger), UnitOfWork()
    apply(remote, fill(entry))
    adoption.end(record, S.EXPIRED, "late", unit)
    adoption.refuse([record], "late", unit)
    assert unit.writes == []
    assert remote.state(entry) == "PartiallyFilled"


def test_orders_are_worked_in_the_order_in_which_they_came(remote):
    """After a restart too, also those that changed last."""
    ids = [remote.enter(kind="limit", price=90 + n, amount="2", bracket=(None, None)) for n in range(4)]
    remote.let(1)
    remote.cancel(ids[0])
    apply(remote, fill(ids[1]))
    remote.let(1)
    for _ in range(2):
        assert [record.order.client_order_id for record in remote.ledger.open()] == ids[1:]
        assert remote.ledger.open("ETH/EUR") == []
        remote.restart()
    assert remote.ledger.next_number() == 5


def test_a_submit_that_an_emergency_stop_overtook_sends_nothing(remote):
    """Chosen while it was Intended, ended before the transaction that would have sent it."""
    remote.run(remote.sender._working.acquire())
    client_id = remote.enter(kind="limit", price=90)
    remote.let(1)
    record = remote.ledger.records[client_id]
    remote.run(remote.sender.cancel_everything())
    remote.run(remote.sender._send(record))
    assert remote.state(client_id) == "Canceled"
    assert remote.venue.calls["create"] == 0
    remote.sender._working.release()


def without(world, pair):
    """A new process, after `pair` was taken off the manifest."""
    del world.instruments[pair]
    world.restart()
    world.let(1)


@pytest.mark.parametrize("held", ["protected", "dust"])
def test_a_pair_that_left_the_manifest_is_looked_after(worlds, held):
    """Its position is no error to anybody, its stop is heard of, and what is left of it is known to the step."""
    remote = worlds(remote=True, settings=("spec.exchanges[0].fees.currency=Base",))
    entry = remote.enter(amount="1.5")
    remote.let(1)
    remote.candle()
    before = remote.ledger.staying(entry)
    if held == "dust":
        remote.exit(entry)
        remote.let(1)
        remote.candle()
        assert 0 < remote.ledger.held(entry) < D("0.001")
    without(remote, "BTC/EUR")

    assert remote.run(remote.runner.answers["open_orders"]())["bare"] == []
    assert remote.ledger.staying(entry) == (before if held == "protected" else 0)
    assert remote.ledger.watched() == (["ETH/EUR", "BTC/EUR"] if held == "protected" else ["ETH/EUR"])


def test_a_position_whose_stop_is_gone_is_told_of_also_without_its_pair(remote):
    """A position in a pair that nobody trades any more is the last that may be forgotten."""
    entry = remote.enter(amount="2")
    remote.let(1)
    remote.candle()
    for leg in remote.ledger.protective(entry):
        apply(remote, VenueEnd(leg.order.client_order_id, S.CANCELED, "ByHand"))
    without(remote, "BTC/EUR")

    assert remote.run(remote.runner.answers["open_orders"]())["bare"] == ["BTC/EUR"]


def test_a_pair_whose_filters_nobody_knows_is_asked_for_by_name(remote):
    """Of before they were kept: the sentence says which pair to add, and that it may go again."""
    remote.enter(amount="2")
    remote.let(1)
    remote.candle()
    del remote.known["BTC/EUR"]
    without(remote, "BTC/EUR")

    with pytest.raises(ConfigError, match=r"received ETH/EUR; allowed: BTC/EUR among them.*fix: add BTC/EUR"):
        remote.ledger.watched()


def test_what_is_left_of_a_pair_is_sold_at_its_last_close_on_paper(world):
    """No candle of it comes any more: the order would wait for ever, and the position be without its stop."""
    entry = world.enter()
    world.let(1)
    world.candle()
    held = world.ledger.staying(entry)
    without(world, "BTC/EUR")
    sold = world.exit(entry, held)
    world.let(1)
    world.time += 3_600_000
    world.publish_candles(world.time, ["ETH/EUR"], tick_size=1)
    world.let(1)
    world.decided(world.time)
    world.let(1)

    assert world.state(sold) == "Filled"
    assert world.ledger.held(entry) == 0
    assert world.time in world.settled
