"""The unit of work: what was done to it, in its order, and nothing by itself."""

from __future__ import annotations

from sqlalchemy import text

from tradewind.contracts.messages import TickSettled
from tradewind.kernel.store.base import Write
from tradewind.kernel.unit import UnitOfWork


def settled(**fields):
    return TickSettled(id="settled:1", time=1, **fields)


def test_writes_stand_in_their_order_with_what_they_expect():
    """The second may rely on the first."""
    unit, one, two = UnitOfWork(), text("one"), text("two")
    unit.write(one)
    unit.write(two, {"a": 1}, expect=1)
    assert unit.writes == [Write(one, {}, None), Write(two, {"a": 1}, 1)]


def test_messages_carry_the_trace_that_is_in_force_unless_they_bring_their_own():
    """One trade is one trace."""
    unit = UnitOfWork()
    unit.publish(settled())
    unit.traceparent = "00-a-b-01"
    unit.publish(settled())
    unit.publish(settled(traceparent="00-own-own-01"))
    assert [message.traceparent for message in unit.messages] == [None, "00-a-b-01", "00-own-own-01"]


def test_callbacks_wait_for_whoever_commits():
    """A worker that is woken before the commit would find nothing."""
    unit, called = UnitOfWork(), []
    unit.on_commit(lambda: called.append(1))
    assert called == []
    for callback in unit.after_commit:
        callback()
    assert called == [1]
