"""Protective legs: the stop and the target cover what a position holds, no more and no less."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.order import Leg

D = Decimal
BASE_FEE = ["spec.exchanges[bitvavo].fees.currency=Base"]
PARTIAL = {"kind": "limit", "price": 101, "amount": "3"}


def amounts(world, position):
    return [(leg, amount) for leg, amount, _, _ in world.legs(position)]


def history(world, position):
    return [(leg, state) for leg, _, _, state in world.legs(position, open_only=False)]


def test_the_legs_stand_at_the_bracket_s_distances_from_the_average_price(world):
    """Rounded up to the tick; one group."""
    entry = world.enter(amount="1", bracket=("0.0333", "0.0777"))
    world.let(1)
    world.candle(BTC=(100.01, 101, 100, 100))
    assert world.legs(entry) == [("stop", 1, D("96.68"), "Accepted"), ("target", 1, D("107.79"), "Accepted")]
    groups = {record.order.group for record in world.ledger.protective(entry)}
    assert len(groups) == 1
    assert None not in groups


@pytest.mark.parametrize(
    ("bracket", "legs"), [(("0.05", None), ["stop"]), ((None, "0.1"), ["target"]), ((None, None), [])]
)
def test_only_the_legs_that_were_asked_for(world, bracket, legs):
    """And a single leg has no group."""
    entry = world.enter(bracket=bracket)
    world.let(1)
    world.candle()
    assert [leg for leg, *_ in world.legs(entry)] == legs
    assert {record.order.group for record in world.ledger.protective(entry)} <= {None}
    world.check_quiet()


def test_legs_rest_from_the_first_fill_and_act_on_the_path_of_the_same_candle(world):
    """Entered at the open of 100, stopped at 95 on the way down, in one candle."""
    entry = world.enter()
    world.let(1)
    world.candle(BTC=(100, 101, 94, 96))
    assert history(world, entry) == [("stop", "Filled"), ("target", "Canceled")]
    (trade,) = world.account().trades
    assert (trade.open_rate, trade.close_rate, trade.exit_reason) == (100, 95, "stop_loss")
    world.check_quiet()


@pytest.mark.parametrize("settings", [[], BASE_FEE], ids=["quote", "base"])
def test_each_further_fill_replaces_the_legs_by_ones_that_cover_all(worlds, settings):
    """In base fees too: the account holds less than was bought, and a stop over more would be refused."""
    world = worlds(volume=4.0, settings=settings)
    entry = world.enter(**PARTIAL)
    world.let(1)
    covered = []
    for _ in range(3):
        world.candle(BTC=(100, 101.5, 100, 101.5))
        covered.append(amounts(world, entry))
        world.check_quiet()
    expected = [D("0.997"), D("1.996"), D("2.994")] if settings else [1, 2, 3]
    assert covered == [[("stop", amount), ("target", amount)] for amount in expected]


def test_the_base_fees_of_every_fill_are_taken_off(worlds):
    """Three fills, three fees; forgotten but for the last one, the stop would cover what is not there."""
    world = worlds(volume=4.0, settings=BASE_FEE)
    entry = world.enter(**PARTIAL)
    world.let(1)
    world.candle(BTC=(101.5, 101.5, 100, 101.5))
    world.candle(BTC=(101.5, 101.5, 100, 101.5))
    world.candle(BTC=(101.5, 101.5, 100, 101.5))
    held = world.exchange._balances["BTC"]
    assert world.order(entry).filled == 3
    assert world.ledger.held(entry) == held < 3
    assert amounts(world, entry)[0] == ("stop", world.instruments["BTC/EUR"].amount(held))
    world.check_quiet()
    world.restart()
    world.let(1)
    assert world.ledger.held(entry) == held
    world.exit(entry)
    world.let(1)
    world.candle()
    world.check_quiet()


@pytest.mark.parametrize("fault", ["lost", "unheard", "refused", "pending"])
def test_new_legs_wait_until_it_is_certain_that_the_old_ones_are_gone(worlds, fault):
    """Both at once would cover more than there is: the new ones would be refused, then the old ones canceled."""
    world = worlds(remote=True, volume=4.0)
    entry = world.enter(**PARTIAL)
    world.let(1)
    world.candle(BTC=(101.5, 101.5, 100, 101.5))
    world.venue.plan["cancel"] = [fault]
    world.venue.plan["find"] = ["lost"]
    world.candle(60, BTC=(101.5, 101.5, 100, 101.5))
    assert amounts(world, entry) == [("stop", 2), ("target", 2)]
    assert "Rejected" not in [state for _, state in history(world, entry)]
    world.check_quiet()


def test_an_old_leg_that_sold_before_it_could_be_canceled_is_not_sold_again(worlds):
    """The entry fills and its first stop acts on one candle: the new stop covers only what is left."""
    world = worlds(volume=4.0)
    other = world.enter(amount="5", bracket=(None, None))
    entry = world.enter(kind="limit", price=101, amount="2", bracket=("0.02", None))
    world.let(1)
    world.candle(BTC=(100, 101, 100, 101))
    assert amounts(world, entry) == [("stop", 1)]
    world.candle(BTC=(101.5, 101.5, 97, 97))
    assert world.ledger.held(entry) == sum((amount for _, amount in amounts(world, entry)), D(0)) == 1
    assert world.ledger.held(other) == 5
    world.check_quiet()


def test_a_position_that_its_old_leg_closed_gets_no_new_ones(worlds):
    """Canceled before they were sent."""
    world = worlds(volume=40.0)
    other = world.enter(amount="5", bracket=(None, None))
    entry = world.enter(kind="limit", price=101, amount="2", bracket=("0.02", None))
    world.let(1)
    world.candle(BTC=(100, 101, 100, 101))
    world.run(world.sender._working.acquire())
    (stop,) = world.ledger.protective(entry)
    again = world.ledger.records[entry]

    async def protect():
        async with world.runner.unit() as unit:
            world.ledger._protect(entry, world.ledger._bracket_levels(again), "again", None, unit)
            updates, writes = world.venue.match(
                "BTC/EUR", world.candles[world.time]["BTC/EUR"]._replace(open_time=world.time + 1, open=90.0), "Open"
            )
            unit.writes.extend(writes)
            world.ledger.apply(updates, unit)

    world.run(protect())
    world.sender._working.release()
    world.run(world.sender.drain())
    assert world.state(stop.order.client_order_id) == "Filled"
    assert history(world, entry) == [("stop", "Filled"), ("stop", "Canceled")]
    assert world.ledger.held(other) == 5


def test_a_leg_that_the_venue_refuses_is_told_with_the_reason(world):
    """Too small to sell: the engine sees Rejected, and sells such a position itself when it can."""
    entry = world.enter(amount="0.06", bracket=("0.5", None))
    world.let(1)
    world.candle(BTC=(100, 100, 100, 100))
    assert history(world, entry) == [("stop", "Rejected")]
    stop = next(r.order.client_order_id for r in world.ledger.records.values() if r.order.leg is Leg.STOP)
    assert world.states(stop)[-1][1] == "Filter: notional 3 EUR is below the minimum 5"


def test_while_an_exit_sells_legs_cover_only_what_it_leaves(worlds):
    """An entry that fills on while its position is sold: the new part is protected, the old one is on its way out."""
    world = worlds(volume=4.0)
    entry = world.enter(**PARTIAL)
    world.let(1)
    world.candle(BTC=(101.5, 101.5, 100, 101.5))
    leaving = world.exit(entry)
    world.let(1)
    assert amounts(world, entry) == []
    world.run(world.sender._working.acquire())
    world.candle(BTC=(102, 102, 100, 102))
    world.sender._working.release()
    world.let(5)
    assert world.state(leaving) == "Filled"
    assert amounts(world, entry) == [("stop", 1), ("target", 1)]
    world.check_quiet()
