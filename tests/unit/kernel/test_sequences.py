"""The numbers of a topic: what comes next is handled, what comes again is known, what comes early waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradewind.contracts.messages import BalancesReported
from tradewind.kernel.sequences import Place, Sequences


def report(number):
    return BalancesReported(id=f"r:{number}", time=0, sequence=number, balances={})


def places(sequences, *numbers):
    return [sequences.place(report(number)) for number in numbers]


def test_the_next_is_the_one_after_the_last():
    """From nothing on, and from where the tables say."""
    assert places(Sequences(), 0, 1, 2) == [Place.AGAIN, Place.NEXT, Place.EARLY]
    fresh = Sequences({"orders.events": 7})
    assert places(fresh, 7, 8, 9) == [Place.AGAIN, Place.NEXT, Place.EARLY]
    assert (fresh.seen("orders.events"), fresh.seen("cycles")) == (7, 0)


def test_where_nothing_is_known_the_first_says_where_a_topic_stands():
    """From then on as for anybody."""
    sequences = Sequences(known=False)
    assert places(sequences, 7, 41) == [Place.NEXT, Place.NEXT]
    sequences.see(report(41))
    assert places(sequences, 41, 42, 43) == [Place.AGAIN, Place.NEXT, Place.EARLY]


def test_what_is_missing_comes_first():
    """Nothing after it is seen, whatever is known of later ones."""
    sequences = Sequences({"orders.events": 9}, {"orders.events": [8, 5]})
    assert sequences.seen("orders.events") == 4
    assert places(sequences, 4, 5, 7, 8, 9, 10) == [
        Place.AGAIN, Place.NEXT, Place.AGAIN, Place.EARLY, Place.AGAIN, Place.EARLY,
    ]  # fmt: skip
    sequences.see(report(5))
    assert sequences.seen("orders.events") == 7
    sequences.see(report(8))
    assert (sequences.seen("orders.events"), places(sequences, 10)) == (9, [Place.NEXT])


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8)), st.sets(st.integers(1, 4)))
def test_in_whatever_order_and_however_often_they_come_each_is_handled_once_in_order(order, again, missing):
    """As a broker that lost its memory may bring them."""
    sequences = Sequences({"orders.events": 4}, {"orders.events": missing})
    handled = []
    for number in [*again, *order, *again]:
        message = report(number)
        while message is not None:
            place = sequences.place(message)
            if place is Place.EARLY:
                sequences.hold(message)
                break
            if place is Place.NEXT:
                handled.append(message.sequence)
            sequences.see(message)
            message = sequences.released("orders.events")
    assert handled == [*sorted(missing), 5, 6, 7, 8]
    assert (sequences.seen("orders.events"), sequences.held()) == (8, [])


def test_what_waits_is_given_back_when_everything_is_loaded_again():
    """Once each, in order."""
    sequences = Sequences()
    assert [sequences.hold(report(number)) for number in (5, 3, 5)] == [True, True, False]
    assert [message.sequence for message in sequences.held()] == [3, 5]
    assert sequences.released("orders.events") is None
