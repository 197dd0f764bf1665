"""Consensus: `semantics` section 1."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.consensus import FLAT, LONG, SHORT, ConsensusRule, Vote, Voter, consensus, entry_tag, stance_name

D = Decimal
WEIGHTED, MAJORITY, UNANIMOUS = ConsensusRule


def votes(*told):
    """`(weight, stance, confidence)`; stance as L, S, F or None for missing."""
    words = {"L": "Long", "S": "Short", "F": "Flat", None: None}
    return [
        Vote(f"voter-{n}", D(str(weight)), words[stance], D(str(confidence)), n)
        for n, (weight, stance, confidence) in enumerate(told)
    ]


def ask(rule, *told, minimum="0.8", side="Long"):
    answer = consensus(votes(*told), rule, D(minimum), side)
    return float(answer.score), answer.enter, answer.leave


def test_weighted_is_the_confident_weight_over_all_weight():
    """Who disagrees pulls the score down; at the limit is enough."""
    assert ask(WEIGHTED, (2, "L", 1), (2, "L", "0.6")) == (0.8, True, False)
    assert ask(WEIGHTED, (2, "L", 1), (2, "L", "0.59")) == (0.795, False, False)
    assert ask(WEIGHTED, (4, "L", 1), (1, "F", 0)) == (0.8, True, False)
    assert ask(WEIGHTED, (3, "L", 1), (1, "S", 1)) == (0.75, False, False)


def test_majority_needs_more_than_half_of_the_weight():
    """Exactly half is none; the score is the confidence of those who agree."""
    assert ask(MAJORITY, (2, "L", "0.9"), (1, "F", 0)) == (0.9, True, False)
    assert ask(MAJORITY, (1, "L", 1), (1, "F", 0)) == (1.0, False, True)
    assert ask(MAJORITY, (2, "L", "0.7"), (1, "F", 0)) == (0.7, False, False)


def test_unanimous_needs_everybody():
    """One that does not agree is enough against it, to enter and to stay."""
    assert ask(UNANIMOUS, (1, "L", 1), (1, "L", "0.8")) == (0.9, True, False)
    assert ask(UNANIMOUS, (9, "L", 1), (1, "F", 0)) == (1.0, False, True)


@pytest.mark.parametrize("rule", [WEIGHTED, MAJORITY])
def test_an_exit_when_the_agreeing_weight_falls_to_half(rule):
    """Confidence does not count here: a position is not left because a model grew unsure."""
    assert ask(rule, (1, "L", "0.01"), (1, "F", 0))[2] is True
    assert ask(rule, (2, "L", "0.01"), (1, "S", 1))[2] is False
    assert ask(rule, (1, "F", 1), (1, "F", 1))[2] is True


@pytest.mark.parametrize("rule", list(ConsensusRule))
def test_a_missing_voter_blocks_the_entry_is_named_and_never_causes_an_exit(rule):
    """Silence is neither agreement nor a change of mind."""
    answer = consensus(votes((9, "L", 1), (1, None, 0)), rule, D("0.8"))
    assert (answer.enter, answer.leave, answer.missing) == (False, False, ("voter-1",))
    assert ask(rule, (1, None, 0), (1, None, 0))[1:] == (False, False)
    assert ask(rule, (1, "L", 1), (9, None, 0))[1:] == (False, False)


def test_a_missing_voter_does_not_hide_those_who_left():
    """Two of three left: the third may say what it will."""
    assert ask(WEIGHTED, (1, "F", 0), (1, "F", 0), (1, None, 0))[2] is True
    assert ask(UNANIMOUS, (1, "F", 0), (1, None, 0))[2] is True


@pytest.mark.parametrize("rule", list(ConsensusRule))
def test_without_weight_nothing_is_asked_for(rule):
    """Neither an entry nor an exit."""
    assert ask(rule, minimum="0") == (0.0, False, False)
    assert ask(rule, (0, "L", 1), minimum="0") == (0.0, False, False)


@pytest.mark.parametrize("rule", list(ConsensusRule))
def test_nobody_agreeing_is_no_entry_even_with_no_limit(rule):
    """A limit of 0 asks for an agreement of any confidence, not for none."""
    assert ask(rule, (1, "F", 1), (1, "S", 1), minimum="0") == (0.0, False, True)


def test_the_other_side_by_the_same_rules():
    """Short, where a venue has it."""
    assert ask(WEIGHTED, (1, "S", 1), (1, "S", "0.8"), side="Short") == (0.9, True, False)
    assert ask(WEIGHTED, (1, "L", 1), (1, "S", 1), side="Short")[2] is True


def test_the_agreement_is_as_old_as_its_youngest_part():
    """One refusal is written once for one agreement, by the candle at which it came about."""
    assert consensus(votes((1, "L", 1), (1, "F", 1), (1, "L", 1)), WEIGHTED, D("0.1")).since == 2
    assert consensus(votes((1, "F", 1), (1, "F", 1)), WEIGHTED, D("0.1")).since == 0


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(1, 7), st.sampled_from(["Long", "Flat", None]), st.integers(0, 100)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(ConsensusRule),
    st.integers(0, 100),
    st.randoms(use_true_random=False),
)
def test_weights_shared_by_timeframes_decide_as_exact_fractions_would(strategies, rule, minimum, random):
    """A third is no decimal: three of them must still be a whole, in whatever order they are added."""
    shared = [
        (Vote(f"{s}/{t}", D(weight) / timeframes, stance, D(confidence) / 100), Fraction(weight, timeframes))
        for s, (weight, timeframes, stance, confidence) in enumerate(strategies)
        for t in range(timeframes)
    ]
    random.shuffle(shared)
    answer = consensus([vote for vote, _ in shared], rule, D(minimum) / 100)

    total = sum(weight for _, weight in shared)
    agreeing = sum(weight for vote, weight in shared if vote.stance == "Long")
    silent = sum(weight for vote, weight in shared if vote.stance is None)
    confident = sum(weight * Fraction(vote.confidence) for vote, weight in shared if vote.stance == "Long")
    of = {WEIGHTED: total, MAJORITY: agreeing, UNANIMOUS: agreeing}[rule]
    score = confident / of if of else Fraction(0)
    agreed = {WEIGHTED: agreeing > 0, MAJORITY: agreeing * 2 > total, UNANIMOUS: agreeing == total}[rule]
    leave = agreeing + silent != total if rule is UNANIMOUS else (agreeing + silent) * 2 <= total
    assert answer.leave is leave
    assert abs(Fraction(answer.score) - score) < Fraction(1, 10**9)
    if abs(score - Fraction(minimum, 100)) > Fraction(1, 10**9) or score in {0, 1}:
        assert answer.enter is (agreed and not silent and score >= Fraction(minimum, 100))


def test_the_tag_of_an_entry_names_the_strategies_that_agree():
    """Each once, however many of its timeframes do; who is silent or against it is not named."""
    voters = [Voter("trend", "1h", D(1)), Voter("trend", "4h", D(1)), Voter("breakout", "1h", D(1))]

    assert "trend+breakout" == entry_tag(voters, votes((1, "L", 1), (1, "L", 1), (1, "L", 1)))
    assert "trend" == entry_tag(voters, votes((1, "S", 1), (1, "L", 1), (1, None, 0)))
    assert "breakout" == entry_tag(voters, votes((1, "L", 1), (1, "F", 1), (1, "S", 1)), "Short")
    assert "trend/4h" == voters[1].name


def test_a_side_has_a_name():
    """As messages have it."""
    assert ["Long", "Flat", "Short"] == [stance_name(side) for side in (LONG, FLAT, SHORT)]
