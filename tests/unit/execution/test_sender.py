"""Sending: `semantics` section 6. None lost, none doubled, whatever the venue answers or does not."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tradewind.execution.live_venue import TOO_MANY_REQUESTS, NotTakenError
from tradewind.execution.ports import Answer
from tradewind.execution.venue_call import SIGNED_AT

D = Decimal
ACCEPTED = [("Intended", "Decided"), ("Submitted", ""), ("Accepted", "")]


def names(world, client_id):
    return [state for state, _ in world.states(client_id)]


# ------------------------------------------------------------------------------------------------------------- create


def test_every_state_is_appended_before_the_next_step(remote):
    """Intended with the command, Submitted before the call, Accepted with the answer: three transactions."""
    commits = remote.store.commits
    entry = remote.enter()
    remote.let(1)
    assert remote.states(entry) == ACCEPTED
    assert remote.store.commits - commits == 3
    assert remote.venue.accepted[entry] == 1


def test_a_definite_refusal_is_the_end_with_the_venue_s_reason(remote):
    """It is not tried again."""
    remote.venue.plan["create"] = ["refused"]
    entry = remote.enter()
    remote.let(60)
    assert remote.states(entry)[-1] == ("Rejected", "TooManyRequests: try again later")
    assert remote.venue.calls["create"] == 1


@pytest.mark.parametrize("fault", ["unheard", "unheard-silent", "late"])
def test_an_order_whose_answer_was_lost_is_asked_for_and_adopted(remote, fault):
    """Accepted, but nobody heard it; also where the create arrives a second after it was given up."""
    remote.venue.plan["create"] = [fault]
    entry = remote.enter()
    remote.let(60)
    assert names(remote, entry) == ["Intended", "Submitted", "Unknown", "Accepted"]
    assert remote.venue.calls["create"] == 1
    remote.candle()
    remote.check_quiet()


@pytest.mark.parametrize("fault", ["lost", "silent"])
def test_an_order_that_never_arrived_is_sent_again_with_the_same_id_when_the_first_can_no_longer_arrive(remote, fault):
    """Not before: a delayed create and a second one would be two positions."""
    remote.venue.plan["create"] = [fault]
    entry = remote.enter()
    signed = remote.loop.time()
    remote.let(4.9)
    assert remote.state(entry) == "Unknown"
    assert remote.venue.calls["create"] == 1
    remote.let(30)
    assert names(remote, entry) == ["Intended", "Submitted", "Unknown", "Submitted", "Accepted"]
    assert remote.ledger.records[entry].signed_at - 1_700_000_000 >= signed + remote.venue.resend_after
    assert remote.venue.accepted == {entry: 1}


def test_an_order_is_sent_again_as_soon_as_that_is_safe(remote):
    """The pauses between two questions grow, and must not outlast the moment."""
    remote.venue.plan["create"] = ["lost"]
    entry = remote.enter()
    remote.let(remote.venue.resend_after + 0.2)
    assert remote.state(entry) == "Accepted"
    assert remote.venue.calls["create"] == 2


def test_an_order_that_the_venue_did_not_look_at_is_not_rejected_and_is_sent_again_soon(remote):
    """Too many requests says nothing about the order; once the venue has none, there is nothing to wait for."""
    remote.venue.plan["create"] = ["not taken"]
    entry = remote.enter()
    remote.let(1)
    assert names(remote, entry) == ["Intended", "Submitted", "Unknown", "Submitted", "Accepted"]
    assert remote.states(entry)[2][1] == "TooManyRequests: try again later"
    assert remote.venue.accepted == {entry: 1}
    remote.check_quiet()


def test_an_order_that_was_not_taken_waits_until_the_venue_says_that_it_has_none(remote):
    """Only the venue's own word leads to a second create, and in a pause it gives none."""
    remote.venue.plan["create"] = ["not taken"]
    remote.venue.plan["find"] = ["not taken"] * 3
    entry = remote.enter()
    remote.let(1)
    assert (remote.state(entry), remote.venue.calls["create"]) == ("Unknown", 1)
    remote.let(30)
    assert (remote.state(entry), remote.venue.calls["create"]) == ("Accepted", 2)


def test_a_venue_that_says_when_it_may_be_asked_is_asked_then(remote):
    """Each of its answers says one second; pauses that grow would leave a position without its stop for longer."""
    remote.venue.plan["create"] = ["not taken"]
    remote.venue.plan["find"] = ["not taken"] * 4
    entry = remote.enter()
    remote.let(3.9)
    assert remote.state(entry) == "Unknown"
    remote.let(0.6)
    assert (remote.state(entry), remote.venue.calls["find"]) == ("Accepted", 5)


def test_an_order_that_was_said_not_to_be_taken_and_is_there_is_adopted(remote):
    """A proxy in between may say anything; the venue's books are asked before anything is sent again."""
    create = remote.venue.inner.create

    async def take_and_deny(asked):
        await create(asked)
        raise NotTakenError(TOO_MANY_REQUESTS, "try again later", 1.0)

    remote.venue.inner.create = take_and_deny
    entry = remote.enter(kind="limit", price=90)
    remote.let(30)
    assert (remote.state(entry), remote.venue.calls["create"]) == ("Accepted", 1)
    remote.check_quiet()


def test_legs_that_the_venue_did_not_look_at_are_sent_again_together(remote):
    """A stop without its target, or twice, would be another protection."""
    entry = remote.enter()
    remote.let(1)
    remote.venue.plan["create"] = ["not taken"]
    remote.candle(5)
    assert [(leg, state) for leg, _, _, state in remote.legs(entry, open_only=False)] == [
        ("stop", "Accepted"),
        ("target", "Accepted"),
    ]
    assert remote.venue.calls["create"] == 3
    remote.check_quiet()


def test_a_decision_that_expires_while_it_is_not_taken_is_not_sent_late(remote):
    """As one that never arrived."""
    remote.venue.plan["create"] = ["not taken"]
    remote.venue.plan["find"] = ["not taken"] * 2
    entry = remote.enter(expires_at=0)
    remote.let(0.01)
    remote.candle(60)
    assert remote.states(entry)[-1] == ("Expired", "NeverArrived")
    assert remote.venue.calls["create"] == 1


def test_a_venue_without_a_bound_is_never_sent_a_create_twice(remote):
    """A person decides; until then it is asked for, ever more slowly."""
    remote.venue.resend_after = None
    remote.venue.plan["create"] = ["lost"]
    entry = remote.enter()
    remote.let(600)
    assert remote.state(entry) == "Unknown"
    assert remote.venue.calls["create"] == 1
    assert 30 < remote.venue.calls["find"] < 50


def test_a_venue_without_a_bound_is_sent_again_what_it_has_certainly_not_taken(remote):
    """Such a venue is never certain that it has no such order, so asking would leave it unknown for good."""
    remote.venue.resend_after = None
    remote.venue.plan["create"] = ["not taken", "not taken"]
    remote.venue.plan["find"] = ["lost"] * 50
    entry = remote.enter()
    remote.let(5)
    assert names(remote, entry) == ["Intended", *["Submitted", "Unknown"] * 2, "Submitted", "Accepted"]
    assert remote.venue.accepted == {entry: 1}
    assert remote.venue.calls["find"] == 0


def test_what_was_sent_again_without_a_bound_and_not_heard_of_is_asked_for_and_not_sent_a_third_time(remote):
    """That the first try was not taken says nothing of the second."""
    remote.venue.resend_after = None
    remote.venue.plan["create"] = ["not taken", "lost"]
    entry = remote.enter()
    remote.let(600)
    assert (remote.state(entry), remote.venue.calls["create"]) == ("Unknown", 2)


def test_an_entry_that_is_not_taken_until_its_decision_has_expired_ends(remote):
    """Also without a bound: an entry on another price is another trade."""
    remote.venue.resend_after = None
    remote.venue.plan["create"] = ["not taken"] * 2
    entry = remote.enter(expires_at=0)
    remote.let(0.01)
    remote.candle(60)
    assert remote.states(entry)[-1] == ("Expired", "NeverArrived")
    assert remote.venue.calls["create"] == 2


def test_while_the_venue_is_silent_it_is_asked_with_growing_pauses_and_one_timer(remote):
    """However many candles come meanwhile, none of them starts another round of questions."""
    remote.venue.plan["create"] = ["unheard"]
    remote.venue.plan["find"] = ["lost"] * 500
    entry = remote.enter(kind="limit", price=50)
    for _ in range(20):
        remote.candle(1)
    asked = remote.venue.calls["find"]
    remote.let(150)
    assert remote.venue.calls["find"] - asked == 10
    remote.venue.plan["find"].clear()
    remote.let(20)
    assert remote.state(entry) == "Accepted"


def test_a_decision_that_has_expired_is_neither_sent_nor_sent_again(remote):
    """An entry on another price is another trade."""
    remote.venue.plan["create"] = ["lost"]
    first = remote.enter(expires_at=3_600_000)
    remote.let(1)
    remote.candle(0.5)
    remote.candle(60)
    assert remote.states(first)[-1] == ("Expired", "NeverArrived")
    second = remote.enter(expires_at=3_600_000)
    remote.let(1)
    assert remote.states(second)[-1] == ("Expired", "DecisionExpired")
    assert remote.venue.accepted == {}


def test_an_id_that_the_venue_has_already_is_asked_for_and_not_given_up(remote):
    """The venue forgot it for a moment and was sent it again: Rejected would leave it there, live and unknown."""
    remote.venue.plan["create"] = ["unheard"]
    entry = remote.enter(kind="limit", price=90)
    find, remote.venue.find = remote.venue.find, _absent
    remote.let(8)
    assert remote.venue.calls["create"] > 1
    remote.venue.find = find
    remote.let(60)
    assert remote.state(entry) == "Accepted"
    assert remote.venue.accepted == {entry: 1}
    remote.check_quiet()


async def _absent(order):
    return None


def test_an_order_that_an_answer_leaves_out_is_asked_for(remote):
    """What is neither accepted nor refused is unknown."""
    create = remote.venue.inner.create

    async def half(asked):
        await create(asked)
        return Answer()

    remote.venue.inner.create = half
    entry = remote.enter(kind="limit", price=90)
    remote.let(60)
    assert remote.states(entry)[2:] == [("Unknown", "NotAnswered"), ("Accepted", "AsVenueSays")]


def test_an_order_that_was_filled_before_anybody_heard_of_it_brings_its_fills(remote):
    """Found Filled: its trades are fetched, none is guessed, and the position is protected."""
    remote.venue.plan["create"] = ["unheard"]
    remote.venue.plan["find"] = ["lost"] * 3
    entry = remote.enter(kind="limit", price=110)
    remote.let(0)
    remote.kill()
    remote.time += 3_600_000
    remote.candles[remote.time] = {p: c._replace(open_time=remote.time) for p, c in remote.candles[0].items()}
    for pair, one in remote.candles[remote.time].items():
        remote.venue.match(pair, one, "Open")
    remote.restart()
    remote.let(60)
    assert remote.state(entry) == "Filled"
    assert [leg[0] for leg in remote.legs(entry)] == ["stop", "target"]
    remote.check_quiet()


def test_trades_that_do_not_come_are_waited_for(remote):
    """The order says filled, the trades say nothing yet: it stays Unknown rather than lose money."""
    remote.venue.plan["create"] = ["unheard"]
    entry = remote.enter()
    remote.let(0.1)
    remote.kill()
    remote.time += 3_600_000
    remote.candles[remote.time] = {p: c._replace(open_time=remote.time) for p, c in remote.candles[0].items()}
    remote.venue.match("BTC/EUR", remote.candles[remote.time]["BTC/EUR"], "Open")
    held_back, remote.venue.trades = remote.venue.trades, []
    remote.restart()
    remote.let(30)
    assert remote.state(entry) == "Unknown"
    remote.venue.trades = held_back
    remote.let(30)
    assert remote.state(entry) == "Filled"


def test_a_fill_that_overtakes_the_acknowledgement_does_no_harm(remote):
    """The stream is faster than the answer: the order is Filled, and stays so."""
    inner, create = remote.venue.inner, remote.venue.inner.create
    candle = remote.candles[0]["BTC/EUR"]._replace(open_time=3_600_000)

    async def create_and_fill(asked):
        answer = await create(asked)
        updates, _ = remote.venue.match("BTC/EUR", candle, "Open")
        async with remote.runner.unit() as unit:
            remote.ledger.apply(updates, unit)
        return answer

    inner.create = create_and_fill
    entry = remote.enter(bracket=(None, None))
    remote.let(10)
    assert remote.alive, remote.runner.failure
    assert names(remote, entry) == ["Intended", "Submitted", "Filled"]


# ------------------------------------------------------------------------------------------------------------- cancel


def test_what_was_never_sent_is_canceled_without_asking_the_venue(remote):
    """Both commands come before the sender does anything."""
    with remote.at_once():
        entry = remote.enter(kind="limit", price=90)
        remote.cancel(entry)
    remote.let(10)
    assert remote.states(entry) == [("Intended", "Decided"), ("Canceled", "Requested")]
    assert remote.venue.calls["create"] == remote.venue.calls["cancel"] == 0


@pytest.mark.parametrize("fault", ["lost", "unheard", "unheard-silent", "late", "pending", "refused"])
def test_a_cancellation_is_asked_after_until_it_is_certain(remote, fault):
    """Lost, unheard, taken note of, refused for now: in the end it is canceled, once, and nothing is left waiting."""
    entry = remote.enter(kind="limit", price=90)
    remote.let(1)
    remote.venue.plan["cancel"] = [fault]
    remote.cancel(entry)
    remote.let(60)
    assert remote.state(entry) == "Canceled"
    assert "Unknown" in names(remote, entry)
    assert remote.venue.calls["cancel"] <= 4
    remote.check_quiet()


def test_a_venue_that_will_not_cancel_is_not_asked_without_a_pause(remote):
    """Each round is a question and a try, and the rounds grow apart."""
    entry = remote.enter(kind="limit", price=90)
    remote.let(1)
    remote.venue.plan["cancel"] = ["refused"] * 1000
    remote.cancel(entry)
    remote.let(300)
    assert remote.venue.calls["cancel"] < 60
    remote.venue.plan["cancel"].clear()
    remote.let(30)
    assert remote.state(entry) == "Canceled"


def test_a_cancellation_that_comes_too_late_finds_the_fill(remote):
    """An unknown order is not a canceled one."""
    entry = remote.enter(kind="limit", price=99, bracket=(None, None))
    remote.let(1)
    remote.venue.plan["cancel"] = ["lost"]
    remote.venue.plan["find"] = ["lost"] * 3
    remote.cancel(entry)
    remote.let(0.01)
    remote.candle(60, BTC=(100, 100, 98, 100))
    assert remote.state(entry) == "Filled"
    remote.check_quiet()


def test_canceling_twice_or_what_is_gone_changes_nothing(world):
    """At least once is what commands promise."""
    entry = world.enter(kind="limit", price=90)
    world.let(1)
    world.cancel(entry)
    world.let(1)
    before = world.states(entry)
    world.cancel(entry)
    world.let(1)
    assert world.states(entry) == before
    assert before[-1] == ("Canceled", "Requested")


# -------------------------------------------------------------------------------------------------------------- amend


def protected(world, **fields):
    entry = world.enter(**fields)
    world.let(1)
    world.candle()
    assert world.state(entry) == "Filled"
    return entry


def test_an_amendment_moves_the_stop_and_names_the_exit(world):
    """From then on it is a trailing stop."""
    entry = protected(world)
    stop = world.stop_of(entry)
    world.amend(stop, "97.5")
    world.let(1)
    assert (world.order(stop).stop_price, world.order(stop).tag) == (D("97.5"), "trailing_stop_loss")
    assert world.states(stop)[-1] == ("Accepted", "Amended")
    world.check_quiet()


@pytest.mark.parametrize("fault", ["lost", "unheard", "late"])
def test_an_amendment_whose_answer_was_lost_is_made_again(remote, fault):
    """Moving a stop to where it is is harmless; leaving it where it was is not."""
    entry = protected(remote)
    stop = remote.stop_of(entry)
    remote.venue.plan["amend"] = [fault]
    remote.amend(stop, 97)
    remote.let(60)
    assert remote.order(stop).stop_price == remote.at_venue()[stop].working.stop_price == 97
    remote.check_quiet()


def test_an_amendment_that_the_venue_will_not_have_is_given_up(remote):
    """The stop stays where it was, and the bot goes on."""
    entry = protected(remote)
    stop = remote.stop_of(entry)
    remote.venue.plan["amend"] = ["refused"]
    remote.amend(stop, 97)
    remote.let(60)
    assert remote.order(stop).stop_price == 95
    assert remote.venue.calls["amend"] == 1
    remote.check_quiet()


def test_an_amendment_of_a_stop_that_has_acted_meanwhile_changes_nothing(remote):
    """It finds the order gone, and the fill."""
    entry = protected(remote, bracket=("0.05", None))
    stop = remote.stop_of(entry)
    remote.venue.plan["amend"] = ["lost"]
    remote.venue.plan["find"] = ["lost"] * 2
    remote.amend(stop, 97)
    remote.let(0.01)
    remote.candle(60, BTC=(90, 90, 90, 90))
    assert remote.state(stop) == "Filled"
    assert remote.order(stop).tag == "stop_loss"
    remote.check_quiet()


def test_a_fill_that_overtakes_the_answer_to_an_amendment_stands(remote):
    """The order has ended; it is not written to again."""
    entry = protected(remote, bracket=("0.05", None))
    stop, amend = remote.stop_of(entry), remote.venue.inner.amend
    candle = remote.candles[remote.time]["BTC/EUR"]._replace(open_time=remote.time + 3_600_000, open=90.0)

    async def amend_and_fill(order, stop_price):
        answer = await amend(order, stop_price)
        updates, _ = remote.venue.match("BTC/EUR", candle, "Open")
        async with remote.runner.unit() as unit:
            remote.ledger.apply(updates, unit)
        return answer

    remote.venue.inner.amend = amend_and_fill
    remote.amend(stop, 97)
    remote.let(10)
    assert remote.alive, remote.runner.failure
    assert names(remote, stop)[-1] == "Filled"


# --------------------------------------------------------------------------------------------------------------- exit


def test_an_exit_takes_the_legs_away_first_and_sells_what_is_left(world):
    """Two orders over one amount would sell it twice."""
    entry = protected(world)
    legs = world.legs(entry)
    leaving = world.exit(entry)
    world.let(1)
    assert world.legs(entry) == []
    assert len(legs) == 2
    assert world.states(leaving) == ACCEPTED
    world.candle()
    assert world.account().open == {}
    world.check_quiet()


@pytest.mark.parametrize("fault", ["lost", "unheard", "pending", "refused", "late"])
def test_an_exit_waits_until_it_is_certain_that_its_legs_are_gone(remote, fault):
    """And is then carried out without anybody asking again."""
    entry = protected(remote)
    remote.venue.plan["cancel"] = [fault]
    remote.venue.plan["find"] = ["lost"]
    leaving = remote.exit(entry)
    remote.let(0.05)
    assert remote.state(leaving) == "Intended"
    remote.let(60)
    assert remote.state(leaving) == "Accepted"
    remote.candle()
    assert remote.account().open == {}
    remote.check_quiet()


def test_an_exit_of_a_position_that_its_stop_has_closed_sells_nothing(remote):
    """The cancellation came too late: the stop has sold."""
    entry = protected(remote, bracket=("0.05", None))
    remote.venue.plan["cancel"] = ["lost"]
    remote.venue.plan["find"] = ["lost"] * 2
    leaving = remote.exit(entry)
    remote.let(0.01)
    remote.candle(60, BTC=(90, 90, 90, 90))
    assert remote.states(leaving)[-1] == ("Canceled", "PositionClosed")
    assert remote.account().balances["BTC"] == 0
    remote.check_quiet()


def test_an_exit_sells_no_more_than_a_target_has_left(worlds):
    """The target sold a part between the decision and the exit."""
    world = worlds(volume=4.0)
    entry = protected(world, bracket=("0.05", "0.1"), amount="3")
    world.candle(BTC=(100, 111, 100, 105))
    assert world.legs(entry)[1][1] == 2
    leaving = world.exit(entry, amount="3")
    world.let(1)
    assert world.order(leaving).amount == 2
    assert ("Intended", "PositionReduced") in world.states(leaving)
    world.candle()
    world.check_quiet()


@pytest.mark.parametrize("bracket", [("0.05", "0.1"), ("0.05", None), (None, "0.1")])
def test_an_exit_that_the_venue_refuses_gives_the_position_its_legs_back(remote, bracket):
    """Where they were, a raised stop where it was raised to: a bare position is nobody's wish."""
    entry = protected(remote, bracket=bracket)
    if bracket[0]:
        remote.amend(remote.stop_of(entry), "97.5")
        remote.let(1)
    before = remote.legs(entry)
    remote.venue.plan["create"] = ["refused"]
    leaving = remote.exit(entry)
    remote.let(10)
    assert remote.state(leaving) == "Rejected"
    assert remote.legs(entry) == before
    remote.check_quiet()
    again = remote.exit(entry)
    remote.let(1)
    remote.candle()
    assert remote.state(again) == "Filled"
    remote.check_quiet()


def test_what_an_exit_does_not_sell_is_protected_again(world):
    """A part of a position stays: its stop covers that part."""
    entry = protected(world, amount="3")
    world.exit(entry, amount="1")
    world.let(1)
    world.candle()
    assert [(leg, amount) for leg, amount, _, _ in world.legs(entry)] == [("stop", 2), ("target", 2)]
    world.check_quiet()


def test_an_exit_without_legs_just_sells(world):
    """A position without a bracket has nothing to free."""
    entry = protected(world, bracket=(None, None))
    leaving = world.exit(entry)
    world.let(1)
    world.candle()
    assert world.state(leaving) == "Filled"
    world.check_quiet()


# ----------------------------------------------------------------------------------------------------------- the lease


ACTS = {
    "enter": lambda world, entry: world.enter("ETH/EUR"),
    "cancel": lambda world, entry: world.cancel(world.stop_of(entry)),
    "amend": lambda world, entry: world.amend(world.stop_of(entry), 97),
    "exit": lambda world, entry: world.exit(entry),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_writer_that_lost_the_lease_stops_before_its_next_call(remote, act):
    """Not after it: a stop that an old instance takes away would be missing at the venue."""
    entry = protected(remote)
    calls, tables = remote.venue.calls.copy(), remote.tables()
    remote.take_over_after_commits(1)
    ACTS[act](remote, entry)
    remote.let(10)
    assert type(remote.runner.failure).__name__ == "FencedError"
    assert remote.venue.calls == calls
    changed = [name for name, rows in remote.tables().items() if rows != tables[name]]
    assert set(changed) <= {"execution_leases", "execution_orders", "execution_order_states", "inbox", "outbox"}
    remote.restart()
    remote.let(60)
    assert not remote.sender.work()


def test_the_paper_venue_of_a_writer_that_lost_the_lease_is_undone(world):
    """Its books are in our store: what it took away is there again for the one who took over."""
    entry = protected(world)
    before = world.tables()
    world.take_over_after_commits(1)
    world.exit(entry)
    world.let(10)
    assert type(world.runner.failure).__name__ == "FencedError"
    assert world.tables()["paper_orders"] == before["paper_orders"]
    world.restart()
    world.let(10)
    world.candle()
    assert world.account().open == {}
    world.check_quiet()


def test_what_is_sent_is_signed_with_a_time_from_before_the_lease_was_looked_at(remote):
    """Who stands still in between, and was taken for dead meanwhile, goes on with a request that is too old."""
    clock, seen, looked = remote.runner.context.clock, {}, []
    commit = remote.store.commit

    async def slow_commit(writes):
        await asyncio.sleep(0.5)  # as long as a process may stand still
        await commit(writes)
        looked.append(clock.now())

    def noting(name, call):
        async def noted(*arguments):
            seen[name] = (SIGNED_AT.get(), looked[-1])
            return await call(*arguments)

        return noted

    for name in ("create", "cancel"):
        setattr(remote.venue, name, noting(name, getattr(remote.venue, name)))
    remote.store.commit = slow_commit
    entry = remote.enter(kind="limit", price=90, bracket=(None, None))
    remote.let(5)
    assert remote.ledger.records[entry].signed_at == seen["create"][0]
    remote.cancel(entry)
    remote.let(5)
    assert remote.state(entry) == "Canceled"
    for signed, lease in seen.values():
        assert signed < lease
