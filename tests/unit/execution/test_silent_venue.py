"""A venue that does not answer: entries are held back, and everything that ends a risk is tried all the same."""

from __future__ import annotations

import pytest
from tests.unit.execution.conftest import BTC, ETH

from tradewind.kernel.resilience import Circuit


class Line:
    """The line to the venue, which may be cut."""

    def __init__(self, world):
        self.cut, self.questions = False, 0
        self.world, self.act = world, world.venue._call
        world.venue._call, world.venue.open_orders = self.call, self.open_orders

    async def call(self, name, act):
        if self.cut:
            self.world.venue.calls[name] += 1
            raise ConnectionResetError("the line is cut")
        return await self.act(name, act)

    async def open_orders(self):
        self.questions += 1
        if self.cut:
            raise ConnectionResetError("the line is cut")
        return await self.world.venue.inner.open_orders()


@pytest.fixture
def line(remote):
    return Line(remote)


@pytest.fixture
def circuit(remote):
    return remote.runner.context.dependencies.of("venue")


def opened(remote, circuit):
    """The circuit as after three failures in a row, with a line that works."""

    async def fail():
        for _ in range(3):
            circuit.failed("the line is cut")

    remote.run(fail())
    assert circuit.trouble()


def silenced(remote, line):
    """An entry whose outcome is not known, and a venue that has not answered three times in a row."""
    line.cut = True
    doubtful = remote.enter(ETH, kind="limit", price=9)
    remote.let(1)
    assert remote.state(doubtful) == "Unknown"
    return doubtful


def test_an_entry_is_not_sent_to_a_venue_that_does_not_answer(remote, line, circuit):
    """It waits as if nobody had begun it, the reason is told, and once the venue answers it is sent, once."""
    doubtful = silenced(remote, line)
    assert circuit.trouble()
    entry = remote.enter(BTC)
    remote.let(3)
    assert remote.states(entry) == [("Intended", "Decided")]
    assert remote.venue.calls["create"] == 1
    assert "entries wait, exits and cancellations are tried" in remote.runner.unready()["venue"]
    assert remote.run(remote.runner.describe())["dependencies"]["venue"]["circuit"] in ("open", "half-open")

    line.cut = False
    remote.let(60)
    assert circuit.circuit is Circuit.CLOSED
    assert not remote.runner.unready()
    assert {remote.state(one) for one in (doubtful, entry)} == {"Accepted"}
    assert remote.venue.accepted == {doubtful: 1, entry: 1}
    remote.candle()
    remote.check_quiet()


def test_it_is_asked_by_a_question_whether_it_answers_and_not_by_an_entry(remote, line, circuit):
    """Nothing else may be on its way, and then nobody would find out."""
    opened(remote, circuit)
    entry = remote.enter(BTC)
    remote.let(0.01)
    assert (remote.state(entry), line.questions) == ("Intended", 0)
    line.cut = True
    remote.let(3)
    assert (remote.state(entry), remote.venue.calls["create"]) == ("Intended", 0)
    assert line.questions == 1
    line.cut = False
    remote.let(30)
    assert (remote.state(entry), remote.venue.calls["create"]) == ("Accepted", 1)
    remote.candle()
    remote.check_quiet()


def test_an_entry_that_waited_for_longer_than_its_decision_stands_is_never_sent(remote, line):
    """It ends with that reason: at a real venue the price of then is nobody's any more."""
    silenced(remote, line)
    entry = remote.enter(BTC, expires_at=0)
    remote.let(1)
    remote.candle(60)
    assert remote.states(entry) == [("Intended", "Decided"), ("Expired", "DecisionExpired")]
    assert remote.venue.calls["create"] == 1


def test_exits_and_cancellations_are_tried_while_the_circuit_is_open(remote, line, circuit):
    """And their answers are what closes it."""
    held = remote.enter(BTC)
    resting = remote.enter(ETH, kind="limit", price=9, decision="resting")
    remote.candle(5)
    assert remote.ledger.held(held) == 1
    opened(remote, circuit)
    before = remote.venue.calls.copy()
    remote.cancel(resting)
    leaving = remote.exit(held)
    remote.let(0.01)
    assert remote.venue.calls["cancel"] - before["cancel"] == 2, "the order that rests, and the legs of the position"
    assert remote.venue.accepted[leaving] == 1
    assert remote.state(resting) == "Canceled"
    assert circuit.circuit is Circuit.CLOSED
    remote.candle()
    assert remote.ledger.held(held) == 0
    remote.check_quiet()


def test_an_emergency_stop_cancels_at_a_venue_and_a_store_that_have_not_answered(remote, line, circuit):
    """Whatever is known, each order is tried; what is intended is not sent any more."""
    resting = remote.enter(ETH, kind="limit", price=9)
    remote.let(1)
    opened(remote, circuit)
    waiting = remote.enter(BTC)
    remote.let(0.01)
    canceled, troubles = remote.run(remote.sender.cancel_everything())
    assert (canceled, troubles) == (1, [])
    assert (remote.state(resting), remote.state(waiting)) == ("Canceled", "Canceled")
    assert remote.venue.accepted[waiting] == 0
    remote.check_quiet()
