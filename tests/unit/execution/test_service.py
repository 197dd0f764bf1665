"""What execution answers, and how it becomes the writer of an account."""

from __future__ import annotations

import pytest

from tradewind.execution.tables import leases


def ask(world, question):
    return world.run(world.runner.answers[question]())


def test_it_answers_with_orders_outcomes_and_balances(world):
    """The open ones with the sequence of the last event that made them so, for who follows from there."""
    first = world.enter()
    world.enter("ETH/EUR", kind="limit", price=9)
    world.enter(amount="0.0001")
    world.let(1)
    world.candle()
    answer = ask(world, "open_orders")
    assert answer["sequence"] == world.messages()[-1].sequence == len(world.messages())
    assert sorted(order.leg.value for order in answer["orders"]) == ["entry", "stop", "target"]
    assert ask(world, "orders")[0].client_order_id == first
    assert len(ask(world, "orders")) == 5
    assert ask(world, "summary") == {"sent": 5, "filled": 1, "canceled": 0, "expired": 0, "rejected": 1, "unknown": 0}
    assert ask(world, "balances") == world.exchange._balances


def test_every_start_is_a_new_epoch(world):
    """Whoever wrote before is fenced from then on."""
    assert (world.ledger.epoch, world.rows(leases)[0].epoch) == (1, 1)
    world.restart()
    assert (world.ledger.epoch, world.rows(leases)[0].epoch) == (2, 2)


def test_loading_again_is_not_taking_over(world):
    """After a failed unit the service loads again; it must not take the account from the one who took over from it."""
    world.take_over_after_commits(1)
    world.enter()
    world.let(1)
    world.run(world.runner._recover())
    assert world.ledger.epoch == 1
    assert world.rows(leases)[0].epoch == 2


@pytest.mark.parametrize("fail_in", range(6))
def test_a_store_that_fails_once_loses_and_doubles_nothing(world, fail_in):
    """A full disk for a moment: the unit is undone, and the service tries again or is started anew."""
    world.store.fail_in = fail_in
    entry = world.enter()
    world.let(20)
    world.candle(20)
    if not world.alive:
        world.restart()
        world.let(20)
    world.candle(20)
    assert world.state(entry) == "Filled"
    world.check_quiet()


def test_two_instances_on_one_store_are_one_writer(worlds):
    """The old one goes on for a moment: it writes nothing and its venue is asked nothing."""
    world = worlds(remote=True)
    old, old_bus = world.runner, world.bus
    old_store, world.runner = world.store, None
    world.restart()
    before, calls = world.tables(), world.venue.calls.copy()
    message = world.order_for(old_bus)
    world.let(10)
    assert type(old.failure).__name__ == "FencedError"
    after = world.tables()
    assert {**after, "outbox": before["outbox"]} == before
    assert len(after["outbox"]) == len(before["outbox"]) + 1, "the order itself"
    assert world.venue.calls == calls
    assert world.alive
    assert message.client_order_id not in world.ledger.records
    assert old_store.dead is False
    world.run(old._cancel())
