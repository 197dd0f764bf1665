"""A person says that an order never arrived: believed only where nobody else can know, and never to double one."""

from __future__ import annotations

import pytest

from tradewind.domain.errors import NotFoundError, PermanentError, TemporaryError
from tradewind.domain.order import OrderState
from tradewind.execution.verdict import Verdict


def say(world, client_id):
    verdict = Verdict(world.runner.context, world.ledger, world.venue, world.sender)
    return world.run(verdict.never_arrived(client_id, "ann", "not on its page"))


@pytest.fixture
def lost(remote):
    """An entry that was sent into the void, at a venue that bounds no request's age."""

    def one(fault="lost", *, wait=600, **fields):
        remote.venue.resend_after = None
        remote.venue.plan["create"] = [fault]
        entry = remote.enter(**fields)
        remote.let(wait)
        return entry

    return one


def test_an_order_of_which_a_person_says_so_is_sent_again_with_the_same_id(remote, lost):
    """Its decision still stands. The word is in its history, with who said it."""
    entry = lost()
    assert say(remote, entry).order.state is OrderState.UNKNOWN
    remote.let(20)
    assert remote.states(entry)[3:] == [
        ("Unknown", "never arrived, says ann: not on its page"),
        ("Submitted", ""),
        ("Accepted", ""),
    ]
    assert remote.venue.accepted == {entry: 1}
    remote.candle()
    remote.check_quiet()


def test_it_ends_where_its_decision_has_expired(remote, lost):
    """An entry on another price is another trade."""
    entry = lost(expires_at=3_600_000)
    for _ in range(3):
        remote.candle(60)
    say(remote, entry)
    remote.let(20)
    assert remote.states(entry)[-1] == ("Expired", "NeverArrived")
    assert remote.venue.calls["create"] == 1


def test_the_venue_is_asked_once_more_and_what_it_finds_is_adopted(remote, lost):
    """Whoever looked may have overlooked it."""
    remote.venue.plan["find"] = ["lost"] * 500
    entry = lost("unheard", kind="limit", price=50)
    assert remote.state(entry) == "Unknown"
    with pytest.raises(TemporaryError, match="does not say whether it has"):
        say(remote, entry)
    remote.venue.plan["find"].clear()
    say(remote, entry)
    remote.let(20)
    assert remote.state(entry) == "Accepted"
    assert remote.venue.calls["create"] == 1


def test_it_is_too_early_while_the_order_may_still_be_on_its_way(remote, lost):
    """And whoever asks hears for how long."""
    entry = lost(wait=20)
    with pytest.raises(TemporaryError, match="may be on its way") as early:
        say(remote, entry)
    assert 90 < early.value.retry_after < 105
    assert remote.states(entry)[-1][0] == "Unknown"


def test_what_the_venue_once_accepted_did_arrive(remote, lost):
    """A cancellation that nobody answered makes it unknown too; sent again it would stand there twice."""
    entry = lost("fine", kind="limit", price=50, wait=5)
    assert remote.state(entry) == "Accepted"
    remote.venue.plan["cancel"] = ["lost"] * 500
    remote.venue.plan["find"] = ["lost"] * 500
    remote.cancel(entry)
    remote.let(600)
    assert remote.state(entry) == "Unknown"
    with pytest.raises(PermanentError, match="did arrive"):
        say(remote, entry)


def test_the_bot_decides_by_itself_where_it_can(remote):
    remote.venue.plan["create"] = ["lost"]
    remote.venue.plan["find"] = ["lost"] * 500
    entry = remote.enter()
    remote.let(1)
    with pytest.raises(PermanentError, match="older than 5 s, so the bot decides by itself"):
        say(remote, entry)


def test_of_an_order_whose_outcome_is_known_nothing_is_believed(remote, lost):
    entry = lost("fine", kind="limit", price=50, wait=5)
    with pytest.raises(PermanentError, match="is Accepted, so its outcome is known"):
        say(remote, entry)
    with pytest.raises(NotFoundError, match="no open order nope"):
        say(remote, "nope")
