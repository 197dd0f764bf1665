"""Orders: identity, the table of states, fills."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.order import (
    TERMINAL,
    Fill,
    IllegalTransitionError,
    Leg,
    Order,
    OrderState,
    OrderType,
    Side,
    client_order_id,
    is_bot_order_id,
)

S = OrderState
OPEN_AT_VENUE = {S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.UNKNOWN}
# Semantics section 6, once more and by hand: what the table in the code must say.
ALLOWED = {
    S.INTENDED: {S.SUBMITTED, S.CANCELED, S.EXPIRED, S.REJECTED},
    S.SUBMITTED: {S.ACCEPTED, S.REJECTED, *OPEN_AT_VENUE},
    S.ACCEPTED: OPEN_AT_VENUE,
    S.PARTIALLY_FILLED: OPEN_AT_VENUE,
    S.UNKNOWN: {S.SUBMITTED, S.ACCEPTED, S.REJECTED, *OPEN_AT_VENUE} - {S.UNKNOWN},
    S.FILLED: set(),
    S.CANCELED: set(),
    S.EXPIRED: set(),
    S.REJECTED: set(),
}


def order(state: OrderState = S.INTENDED, amount: str = "2") -> Order:
    return Order("id", "decision", Leg.ENTRY, "BTC/EUR", Side.BUY, OrderType.LIMIT, Decimal(amount), 0, state=state)


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_pair_of_states(before, after):
    """Allowed exactly where the rules say; a version on, nothing else changed."""
    told = order(before)
    if after in ALLOWED[before]:
        assert told.to(after) == replace(told, state=after, version=1)
    else:
        with pytest.raises(IllegalTransitionError, match=f"order id: {before} -> {after}"):
            told.to(after)


def test_an_order_is_open_until_it_has_ended():
    """Four ends, and nothing follows any of them."""
    assert {state for state in S if not order(state).is_open} == TERMINAL == {s for s, to in ALLOWED.items() if not to}


def test_the_closing_side_is_the_other_one():
    """A stop on the wrong side would double the position."""
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


# -------------------------------------------------------------------------------------------------------- identity


@given(st.text(), st.text(), st.sampled_from(Leg), st.text())
def test_a_client_order_id_fits_every_venue_and_is_always_the_same(bot, decision, leg, attempt):
    """18 characters of a-z2-7: deciding again what was decided gives the id that the venue refuses."""
    made = client_order_id(bot, decision, leg, attempt)
    assert re.fullmatch("[a-z2-7]{18}", made)
    assert made == client_order_id(bot, decision, leg, attempt)


@pytest.mark.parametrize("foreign", ["", "x-web-1", "A" * 18, "a" * 17, "a" * 19, "0" * 18])
def test_what_others_call_their_orders_is_told_from_ours(foreign):
    """An account may be shared with a person, or with another program."""
    assert is_bot_order_id(client_order_id("default/bot", "decision", Leg.ENTRY))
    assert not is_bot_order_id(foreign)


def test_a_hundred_thousand_ids_are_a_hundred_thousand():
    """Two orders with one id would be one order."""
    parts = product([f"default/bot-{n}" for n in range(5)], range(2500), Leg, ["first", "filled-3"])
    assert len({client_order_id(bot, str(decision), leg, attempt) for bot, decision, leg, attempt in parts}) == 100_000


def test_where_one_part_ends_the_next_begins():
    """`ab` + `c` is not `a` + `bc`."""
    assert client_order_id("ab", "c", Leg.ENTRY) != client_order_id("a", "bc", Leg.ENTRY)


def test_the_id_of_a_known_decision_stays_what_it_was():
    """Another hash after an upgrade would send a decision twice."""
    assert client_order_id("default/bot", "0123456789abcdef01234567", Leg.STOP) == "pwvtj627yl3vecp64w"


# ----------------------------------------------------------------------------------------------------------- fills


@pytest.mark.parametrize("state", [S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED, S.UNKNOWN])
def test_a_fill_takes_an_order_on_also_before_its_acknowledgement(state):
    """The venue's trade stream is faster than its answer."""
    part = order(state).with_fill(Decimal("0.5"), Decimal(100))
    assert (part.state, part.filled, part.remaining, part.version) == (
        S.PARTIALLY_FILLED,
        Decimal("0.5"),
        Decimal("1.5"),
        1,
    )
    whole = part.with_fill(Decimal("1.5"), Decimal(104))
    assert (whole.state, whole.remaining, whole.average, whole.version) == (S.FILLED, 0, Decimal(103), 2)


def test_what_was_never_sent_cannot_fill():
    """It would be somebody else's fill."""
    with pytest.raises(IllegalTransitionError):
        order(S.INTENDED).with_fill(Decimal(1), Decimal(100))


@pytest.mark.parametrize("amount", ["2.00000001", "0", "-1"])
@pytest.mark.parametrize("state", [S.ACCEPTED, S.CANCELED])
def test_a_fill_of_more_than_remains_or_of_nothing_is_refused(amount, state):
    """Whatever the venue says, an order fills at most its amount."""
    with pytest.raises(IllegalTransitionError, match="exceeds what remains"):
        order(state).with_fill(Decimal(amount), Decimal(100))


@pytest.mark.parametrize("state", [S.CANCELED, S.EXPIRED, S.REJECTED])
def test_a_fill_that_is_told_after_the_end_counts_and_the_end_stands(state):
    """Updates come out of order; money that moved must not be thrown away."""
    late = order(state).with_fill(Decimal("0.5"), Decimal(100))
    assert (late.state, late.filled, late.version) == (state, Decimal("0.5"), 1)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 10_000)), min_size=1, max_size=8))
def test_filled_and_average_are_those_of_the_fills(fills):
    """However many there are; the last one makes it Filled."""
    total = sum(amount for amount, _ in fills)
    told = order(S.ACCEPTED, str(total))
    assert told.average is None
    for amount, price in fills:
        told = told.with_fill(Decimal(amount), Decimal(price))
    assert (told.state, told.filled, told.version) == (S.FILLED, total, len(fills))
    assert told.average == Decimal(sum(amount * price for amount, price in fills)) / total


def test_the_cost_of_a_fill_is_without_its_fee():
    """Fees are counted by themselves."""
    fill = Fill("1", "id", "BTC/EUR", Side.BUY, Decimal(2), Decimal(50), Decimal(1), "EUR", maker=True, time=0)
    assert fill.cost == 100
