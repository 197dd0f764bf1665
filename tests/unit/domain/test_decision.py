"""THE decision function: what comes first, and what is left alone."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.domain.consensus import ConsensusRule, Vote
from tradewind.domain.decision import (
    Amend,
    DecisionRules,
    Enter,
    Exit,
    HeldPosition,
    PairView,
    answer_of,
    decide,
    decision_id,
)
from tradewind.domain.exits import ExitReason, TrailingStop
from tradewind.domain.instrument import Instrument
from tradewind.domain.risk import RiskLimits, RiskView, Verdict
from tradewind.domain.sizing import Funds, Size, StakeRules

D = Decimal
BTC = Instrument("BTC/EUR", "BTC", "EUR", D("0.5"), D("0.0001"), D("0.001"), D(10))
LONG, FLAT = Vote("a", D(1), "Long", D(1), 42), Vote("a", D(1), "Flat", D(1))
HELD = HeldPosition("entry", D(2), D(100), D(95))
FUNDS = Funds(D(1000), D(0), D(1000), D(0))
RISK = RiskView("Running", D(0), 0, D(0), D(1000), D(1000), D(1000), D(0))
RULES = DecisionRules(
    rule=ConsensusRule.WEIGHTED,
    trailing=TrailingStop(D("0.04"), D("0.03")),
    limits=RiskLimits(D("0.8"), 2, D("0.03"), D("0.15"), D(1)),
    stake=StakeRules(D(200), D(1), 2, D(1), D("0.05"), D(1), D(1), D("0.0025")),
)


def decided(seen, risk=RISK, funds=FUNDS, rules=RULES):
    return decide(seen, lambda score: replace(risk, score=score), lambda: funds, rules)


def view(vote=LONG, position=None, *, high=100, close=100, busy=False):
    return PairView(BTC, D(close), D(high), answer_of([vote], RULES), position, busy)


def test_an_agreement_on_a_free_pair_is_an_entry_with_its_size_and_every_gate():
    """The size is a gate too, so that one list explains the decision."""
    made = decided(view(), RISK, FUNDS)
    assert isinstance(made, Enter)
    assert (made.go, made.reason, made.size) == (True, "consensus", Size(D(2), D(200)))
    assert made.consensus.since == 42
    assert [gate.name for gate in made.gates if gate.verdict is Verdict.NO_GO] == []
    assert (made.gates[-1].name, made.gates[-1].value) == ("size", "200.00")
    confidence = next(gate for gate in made.gates if gate.name == "confidence")
    assert confidence.value == "1.0000"


def test_without_an_agreement_nothing_is_decided():
    """Neither a candle nor a free slot is a reason to trade."""
    assert decided(view(FLAT), RISK, FUNDS) is None


@pytest.mark.parametrize(
    ("risk", "funds", "reason"),
    [
        ({"trading_state": "Paused"}, FUNDS, "trading_state"),
        ({"open_positions": 2, "balance_drift": D(1)}, FUNDS, "open_positions, balance_drift"),
        ({}, Funds(D(100), D(0), D(1000), D(0)), "size"),
        ({"trading_state": "Stopped"}, Funds(D(100), D(0), D(1000), D(0)), "trading_state, size"),
    ],
)
def test_a_refused_entry_says_by_whom(risk, funds, reason):
    """A refusal is a result, not nothing."""
    made = decided(view(), replace(RISK, **risk), funds)
    assert isinstance(made, Enter)
    assert (made.go, made.reason) == (False, reason)


def test_a_size_without_a_gate_explains_itself():
    """Whoever makes an `Enter` by hand gets the size's own words."""
    made = decided(view(), RISK, FUNDS)
    assert isinstance(made, Enter)
    assert replace(made, gates=(), size=Size(D(0), D(0), "too small")).reason == "too small"


def test_a_held_pair_is_left_when_the_agreement_ends_whatever_risk_says():
    """Gates stop entries, never exits."""
    made = decided(view(FLAT, HELD), replace(RISK, trading_state="Stopped"), FUNDS)
    assert isinstance(made, Exit)
    assert made.reason is ExitReason.EXIT_SIGNAL


def test_a_signal_comes_before_a_raised_stop():
    """Selling now makes the stop of later pointless."""
    assert isinstance(decided(view(FLAT, HELD, high=120), RISK, FUNDS), Exit)


@pytest.mark.parametrize(("close", "follows"), [("110.5", False), (110, False), ("109.5", True)])
def test_while_the_price_is_beyond_the_resting_target_the_stop_stays(close, follows):
    """The target is trading; where a stop moves by new legs it would lose its place, and could not rest again."""
    held = replace(HELD, target_price=D(110))
    made = decided(view(LONG, held, high=112, close=close), RISK, FUNDS)
    assert isinstance(made, Amend) == follows


def test_without_a_resting_target_no_price_is_beyond_it():
    """A position that is protected by its stop alone is trailed at any price."""
    assert decided(view(LONG, HELD, high=200, close=199), RISK, FUNDS) == Amend(D(192))


def test_while_the_agreement_holds_the_stop_follows():
    """And the pair is not entered a second time."""
    assert decided(view(LONG, HELD, high=110, close=109), RISK, FUNDS) == Amend(D(106))
    assert decided(view(LONG, HELD, high=102), RISK, FUNDS) is None


@pytest.mark.parametrize("close", [100, 106])
def test_a_close_at_or_below_where_the_stop_would_be_is_an_exit(close):
    """A venue refuses a stop that would act at once: the position is sold instead, and says why."""
    made = decided(view(LONG, HELD, high=110, close=close), RISK, FUNDS)
    assert made == Exit(None, ExitReason.TRAILING_STOP_LOSS)


@pytest.mark.parametrize(
    ("rules", "position"), [(replace(RULES, trailing=None), HELD), (RULES, replace(HELD, stop_price=None))]
)
def test_nothing_to_follow_with_or_nothing_to_move_is_no_amendment(rules, position):
    """A stop that does not rest yet is found by the next candle."""
    assert decide(view(LONG, position, high=110), RISK, FUNDS, rules) is None


@pytest.mark.parametrize(("vote", "position"), [(LONG, None), (FLAT, HELD), (LONG, HELD)])
def test_a_busy_pair_is_left_alone(vote, position):
    """While an order is on its way, or on the candle on which the pair closed."""
    assert decided(view(vote, position, high=120, busy=True), RISK, FUNDS) is None


def test_a_missing_voter_neither_enters_nor_leaves():
    """Its silence is no vote."""
    silent = Vote("a", D(1), None)
    assert decided(view(silent), RISK, FUNDS) is None
    assert decided(view(silent, HELD), RISK, FUNDS) is None


def test_the_same_decision_has_the_same_id():
    """So that it is made once, however often its candle comes."""
    made = decision_id("default/bot", "BTC/EUR", 7, "Enter")
    assert re.fullmatch("[0-9a-f]{24}", made)
    assert made == decision_id("default/bot", "BTC/EUR", 7, "Enter")
    others = [
        ("x/bot", "BTC/EUR", 7, "Enter"),
        ("default/bot", "ETH/EUR", 7, "Enter"),
        ("default/bot", "BTC/EUR", 8, "Enter"),
    ]
    assert (
        len({made, *(decision_id(*other) for other in others), decision_id("default/bot", "BTC/EUR", 7, "Exit")}) == 5
    )


@pytest.mark.parametrize("vote", [LONG, FLAT])
def test_a_position_that_nothing_protects_is_sold_at_once(vote):
    """What should protect it was refused, so no signal is asked; an exit that is on its way is enough."""
    unprotected = replace(view(vote, HELD), unprotected=True)

    assert decide(unprotected, RISK, FUNDS, RULES) == Exit(None, ExitReason.EMERGENCY_EXIT)
    assert decide(replace(unprotected, busy=True), RISK, FUNDS, RULES) is None
