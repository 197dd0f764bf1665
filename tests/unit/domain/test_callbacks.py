"""The decision with questions in it: what is asked, in which order, and what becomes of it without a reply."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.unit.domain.test_decision import BTC, FLAT, FUNDS, HELD, LONG, RISK, RULES, view

from tradewind.domain.backtest.rules import Replies
from tradewind.domain.callbacks import Callback, Question, Reply, answered, deciding
from tradewind.domain.decision import Amend, Enter, Exit, decide
from tradewind.domain.exits import ExitReason
from tradewind.domain.money import ZERO

D = Decimal
ALL = frozenset(Callback)
CONFIRM, VETO, LEAVE = Callback.CONFIRM_TRADE_ENTRY, Callback.CONFIRM_TRADE_EXIT, Callback.CUSTOM_EXIT
STAKE, STOP = Callback.CUSTOM_STAKE_AMOUNT, Callback.CUSTOM_STOPLOSS
SAYS_NOTHING = {CONFIRM: True, VETO: True, LEAVE: None, STOP: None, STAKE: 200.0}


def decided(seen, says=None, asked=ALL, rules=RULES):
    """The decision, and what was asked on the way: a callback, or for an exit the callback and its reason."""
    told, replies = [], {**SAYS_NOTHING, **(says or {})}

    def reply(question):
        told.append(f"{question.callback.value} {question.reason}".strip())
        said = replies[question.callback]
        return said if isinstance(said, Reply) else Reply(said)

    asking = deciding(seen, lambda score: replace(RISK, score=score), lambda: FUNDS, rules, asked)
    return answered(asking, reply), told


def trouble(silent=False):
    return Reply(None, "did not answer", silent=silent)


def entry(says=None):
    made, asked = decided(view(), says)
    assert isinstance(made, Enter)
    assert asked[0] == "custom_stake_amount"
    return made


def test_who_asks_nothing_decides_as_ever():
    """And nobody is asked where nothing is to be decided."""
    for seen in (view(), view(FLAT), view(FLAT, HELD), view(LONG, HELD), view(LONG, HELD, high=110), view(busy=True)):
        plain = decide(seen, lambda score: replace(RISK, score=score), lambda: FUNDS, RULES)
        assert decided(seen, asked=frozenset()) == (plain, [])
    assert decided(view(FLAT)) == (None, [])
    assert decided(view(busy=True)) == (None, [])
    assert decided(view(LONG, HELD, busy=True)) == (None, [])


def test_what_a_class_has_not_is_not_asked():
    """An exit that nobody would confirm needs no confirmation."""
    held = view(FLAT, HELD)
    assert decided(held, asked={LEAVE})[1] == []
    assert decided(view(LONG, HELD), {LEAVE: "enough"}, asked={LEAVE}) == (
        Exit(None, ExitReason.CUSTOM_EXIT, "enough"),
        ["custom_exit"],
    )
    assert decided(view(LONG, HELD), asked={STOP}) == (None, ["custom_stoploss"])
    with pytest.raises(AssertionError):
        Replies().reply(Question(LEAVE, "BTC/EUR", 0, D(100)))


def test_an_entry_is_made_when_it_is_confirmed():
    """The decision tells so, as its last gate."""
    made = entry()
    assert (made.go, made.reason, made.gates[-1].value) == (True, "consensus", "confirmed")
    assert [gate.name for gate in made.gates[-2:]] == ["size", "confirmation"]


@pytest.mark.parametrize(
    ("said", "told"), [(False, "not confirmed"), (trouble(), "did not answer"), ("yes", "not confirmed")]
)
def test_without_a_confirmation_there_is_no_entry(said, told):
    """Also where nobody says that there is none."""
    made = entry({CONFIRM: said})
    assert (made.go, made.reason, made.gates[-1].value) == (False, "confirmation", told)


def test_a_refused_entry_is_nobodys_question():
    """Whoever would confirm it confirms nothing."""
    made, asked = decided(replace(view(), instrument=replace(BTC, minimum_notional=D(5000))))
    assert (made.go, asked) == (False, [])


@pytest.mark.parametrize(
    ("said", "stake", "refusal"),
    [
        (50.0, D(50), None),
        (100_000.0, D("997.5"), None),
        (0.0, ZERO, "custom_stake_amount stakes nothing"),
        (None, ZERO, "custom_stake_amount stakes nothing"),
        (2.0, ZERO, "stake 2 is below the minimum 11.05"),
        (-7.0, ZERO, "stake -7 is below the minimum 11.05"),
        (trouble(), ZERO, "did not answer"),
    ],
)
def test_a_stake_is_cut_to_the_limits_and_none_is_no_entry(said, stake, refusal):
    """The limits of the manifest hold whatever is asked for; an entry of no size is not confirmed."""
    made, asked = decided(view(), {STAKE: said})
    assert made.size.stake == pytest.approx(stake, abs=D("0.1"))
    assert (made.size.refusal, made.go) == (refusal, refusal is None)
    assert asked == ["custom_stake_amount", *(["confirm_trade_entry"] if refusal is None else [])]


def test_a_signal_to_leave_is_vetoed_and_then_others_may_want_it():
    """In freqtrade's order; what is vetoed leaves the stop to rise."""
    held = view(FLAT, HELD, high=110, close=108)
    asked = ["confirm_trade_exit exit_signal", "custom_exit", "confirm_trade_exit enough"]

    assert decided(held)[0].reason is ExitReason.EXIT_SIGNAL
    assert decided(held, {VETO: False}) == (
        Amend(D(106)),
        ["confirm_trade_exit exit_signal", "custom_exit", "custom_stoploss"],
    )
    made, told = decided(held, {VETO: False, LEAVE: "enough", STOP: 0.01})
    assert (made, told) == (Amend(D(107)), [*asked, "custom_stoploss"])
    assert decided(view(LONG, HELD), {LEAVE: "enough"})[0] == Exit(None, ExitReason.CUSTOM_EXIT, "enough")


def test_who_does_not_answer_vetoes_no_exit_and_makes_none_up():
    """The money is safer out, and a reason that nobody gave is none."""
    made, _ = decided(view(FLAT, HELD), {VETO: trouble()})
    assert made.told == "exit_signal"
    assert decided(view(LONG, HELD), {LEAVE: trouble(), STOP: trouble()})[0] is None
    made, _ = decided(view(LONG, HELD, high=110, close=108), {LEAVE: trouble(), STOP: trouble()})
    assert made == Amend(D(106))


@pytest.mark.parametrize(("leave", "reason"), [(FLAT, "exit_signal"), (LONG, "trailing_stop_loss")])
def test_what_protects_is_asked_of_nobody(leave, reason):
    """A price below its own stop, and a position that nothing protects."""
    below = view(leave, HELD, high=110, close=100)
    made, asked = decided(below, {VETO: False})
    assert (made.told, asked) == (reason, [])
    bare, asked = decided(replace(view(LONG, HELD), unprotected=True), {VETO: False})
    assert (bare.told, asked) == ("emergency_exit", [])


@pytest.mark.parametrize(
    ("said", "made"),
    [
        (0.02, Amend(D(98))),
        (-0.02, Amend(D(98))),
        (0.0213, Amend(D(98))),
        (1.0, None),
        (-1e308, None),
        (0.3, None),
        (7.0, None),
        (0.0, None),
        (0.001, Exit(None, ExitReason.TRAILING_STOP_LOSS)),
    ],
)
def test_a_stop_is_raised_to_where_it_is_asked_for_and_never_lowered(said, made):
    """Rounded to the side of less risk; one that the venue would not take is an exit."""
    assert decided(view(LONG, HELD), {STOP: said})[0] == made


def test_a_stop_that_does_not_rest_or_whose_target_is_trading_is_not_moved():
    """Nobody asks where it should be."""
    for held in (replace(HELD, stop_price=None), replace(HELD, target_price=D(99))):
        assert decided(view(LONG, held)) == (None, ["custom_exit"])
