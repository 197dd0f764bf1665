"""At a venue that cannot move a resting stop it is replaced: by one that stands higher, with the target it had."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.order import Leg
from tradewind.kernel.unit import UnitOfWork

D = Decimal


@pytest.fixture
def remote(worlds):
    """One whose venue moves no stop in one step."""
    world = worlds(remote=True)
    world.venue.amends = False
    return world


def protected(world, **fields):
    entry = world.enter(**fields)
    world.let(1)
    world.candle()
    assert world.state(entry) == "Filled"
    return entry


def legs(world, position):
    return [(leg, level, state) for leg, _, level, state in world.legs(position, open_only=False)]


def unprotected(world):
    """How many times, and for how many seconds in all, a position was without its legs."""
    samples = next(iter(world.runner.context.metrics.unprotected_seconds.collect())).samples
    value = {sample.name.rpartition("_")[2]: sample.value for sample in samples}
    return value.get("count", 0), value.get("sum", 0.0)


def test_the_stop_is_raised_by_new_legs_and_the_target_stays_where_it_was(remote):
    """The old ones are canceled first: two pairs of legs could sell the position twice."""
    entry = protected(remote)
    old = remote.stop_of(entry)
    remote.amend(old, "97.5")
    remote.let(1)
    assert legs(remote, entry) == [
        ("stop", D(95), "Canceled"),
        ("target", D(110), "Canceled"),
        ("stop", D("97.5"), "Accepted"),
        ("target", D(110), "Accepted"),
    ]
    new = remote.stop_of(entry)
    assert remote.order(new).tag == "trailing_stop_loss"
    assert remote.states(new)[0] == ("Intended", "StopRaised")
    assert remote.venue.calls["amend"] == 0
    remote.check_quiet()


def test_a_stop_without_a_target_is_replaced_alone(remote):
    """Nothing is placed that the entry did not ask for."""
    entry = protected(remote, bracket=("0.05", None))
    remote.amend(remote.stop_of(entry), 97)
    remote.let(1)
    assert legs(remote, entry) == [("stop", D(95), "Canceled"), ("stop", D(97), "Accepted")]
    remote.check_quiet()


def test_a_raised_stop_can_be_raised_again(remote):
    """Each time by legs of their own."""
    entry = protected(remote)
    for price in (96, 97, 98):
        remote.amend(remote.stop_of(entry), price)
        remote.candle()
    assert [level for leg, level, state in legs(remote, entry) if leg == "stop"] == [95, 96, 97, 98]
    assert [(leg, level) for leg, level, state in legs(remote, entry) if state == "Accepted"] == [
        ("stop", 98),
        ("target", 110),
    ]
    remote.check_quiet()


@pytest.mark.parametrize("at_once", [True, False])
def test_the_same_amendment_twice_is_one(remote, at_once):
    """In one batch, or again before the old legs are gone."""
    entry = protected(remote)
    old = remote.stop_of(entry)
    remote.venue.plan["cancel"] = ["silent"]
    if at_once:
        with remote.at_once():
            remote.amend(old, 97)
            remote.amend(old, 97)
    else:
        remote.amend(old, 97)
        remote.let(0.5)
        remote.amend(old, 97)
    remote.let(60)
    assert remote.runner.failures == 0
    assert [(leg, level) for leg, level, state in legs(remote, entry) if state == "Accepted"] == [
        ("stop", 97),
        ("target", 110),
    ]
    assert len(legs(remote, entry)) == 4
    remote.check_quiet()


def test_while_the_position_is_being_sold_its_stop_is_not_replaced(remote):
    """The exit takes the legs away, and new ones would stand in its way."""
    entry = protected(remote)
    old = remote.stop_of(entry)
    remote.venue.plan["cancel"] = ["silent"]
    sale = remote.exit(entry)
    remote.let(0.1)
    remote.amend(old, 97)
    remote.let(1)
    assert len(legs(remote, entry)) == 2
    remote.let(60)
    remote.candle()
    assert remote.state(sale) == "Filled"
    remote.check_quiet()


def test_an_amendment_of_a_stop_that_is_gone_places_nothing(remote):
    """It acted meanwhile; what it sold is not protected."""
    entry = protected(remote)
    old = remote.stop_of(entry)
    remote.candle(BTC=(90, 90, 90, 90))
    assert remote.state(old) == "Filled"
    remote.amend(old, 97)
    remote.let(1)
    assert remote.legs(entry) == []
    remote.check_quiet()


@pytest.mark.parametrize("name", ["cancel", "create"])
@pytest.mark.parametrize("fault", ["lost", "unheard", "late", "silent", "not taken"])
def test_whatever_happens_on_the_way_the_raised_stop_rests_in_the_end(remote, name, fault):
    """And never two stops at once: the world holds that of every moment."""
    entry = protected(remote)
    remote.venue.plan[name] = [fault]
    remote.amend(remote.stop_of(entry), 97)
    for _ in range(30):
        remote.let(1)
        remote.check_always()
    assert [(leg, level, state) for leg, level, state in legs(remote, entry)][-2:] == [
        ("stop", D(97), "Accepted"),
        ("target", D(110), "Accepted"),
    ]
    assert remote.alive
    remote.check_quiet()


def test_the_time_without_a_stop_is_measured(remote):
    """From the end of the old legs until the new ones rest: what a user risks at such a venue."""
    entry = protected(remote)
    assert unprotected(remote) == (0, 0.0)
    remote.venue.plan["create"] = ["lost"]
    remote.amend(remote.stop_of(entry), 97)
    remote.let(60)
    times, seconds = unprotected(remote)
    assert times == 1
    assert remote.venue.resend_after <= seconds < remote.venue.resend_after + 1


def test_a_position_that_is_sold_is_not_counted_as_unprotected(remote):
    """An exit takes the legs away because it takes their place."""
    entry = protected(remote)
    remote.exit(entry)
    remote.let(1)
    remote.candle()
    assert unprotected(remote) == (0, 0.0)


def test_replacing_makes_legs_over_what_the_position_holds(remote):
    """No leg for more than there is, and none of the old ones left to work beside them."""
    entry = protected(remote, amount="2")
    record = remote.ledger.records[remote.stop_of(entry)]
    unit = UnitOfWork()
    remote.ledger.replace_stop(record, D(97), "amended-1", unit)
    fresh = [r for r in remote.ledger.protective(entry) if not r.cancel_requested]
    assert [(r.order.leg, r.order.amount, r.order.stop_price or r.order.price) for r in fresh] == [
        (Leg.STOP, D(2), D(97)),
        (Leg.TARGET, D(2), D(110)),
    ]
    assert len({r.order.group for r in fresh}) == 1
    assert len(remote.ledger.protective(entry)) == 4
