"""Consensus: what the voters together say about a pair. Rules: `semantics` section 1.

A voter is a (strategy, timeframe); a strategy's weight is shared by its timeframes. A voter whose evaluation is
missing does not vote: its weight still counts, so it blocks entries, and it is named; it never causes an exit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from tradewind.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Voter:
    """One (strategy, timeframe) with its share of the strategy's weight."""

    strategy: str
    timeframe: str
    weight: Decimal

    @property
    def name(self) -> str:
        """As it stands in a decision."""
        return f"{self.strategy}/{self.timeframe}"


class ConsensusRule(StrEnum):
    """How votes become one answer."""

    WEIGHTED = "Weighted"
    MAJORITY = "Majority"
    UNANIMOUS = "Unanimous"


StanceName = Literal["Long", "Short", "Flat"]

LONG, FLAT, SHORT = 1, 0, -1

_NAMES: dict[int, StanceName] = {LONG: "Long", FLAT: "Flat", SHORT: "Short"}


def stance_name(side: int) -> StanceName:
    """A side, 1, -1 or 0, as messages have it."""
    return _NAMES[side]


@dataclass(frozen=True, slots=True)
class Vote:
    """One voter's stance; `stance` None means that its evaluation is missing. `since` as in `StrategyEvaluated`."""

    voter: str
    weight: Decimal
    stance: str | None
    confidence: Decimal = ZERO
    since: int = 0


@dataclass(frozen=True, slots=True)
class Consensus:
    """The answer for one side: `score` 0 to 1, whether it asks to `enter` or to `leave`, and who is silent.

    `since` is the open time of the candle from which the agreeing stances held together.
    """

    score: Decimal
    enter: bool
    leave: bool
    missing: tuple[str, ...]
    since: int


def consensus(votes: Sequence[Vote], rule: ConsensusRule, minimum: Decimal, side: str = "Long") -> Consensus:
    """The consensus of `votes` for `side`: an entry needs a score of at least `minimum`."""
    total = _sum(vote.weight for vote in votes)
    agreeing = [vote for vote in votes if vote.stance == side]
    weight = _sum(vote.weight for vote in agreeing)
    missing = tuple(vote.voter for vote in votes if vote.stance is None)
    # A silent voter cannot be counted as having left.
    holding = _sum(vote.weight for vote in votes if vote.stance in (side, None))
    since = max((vote.since for vote in agreeing), default=0)
    if not total:
        return Consensus(ZERO, enter=False, leave=False, missing=missing, since=since)
    confident = _sum(vote.weight * vote.confidence for vote in agreeing)
    match rule:
        case ConsensusRule.WEIGHTED:
            score = confident / total
            agreed, leave = weight > ZERO, holding * 2 <= total
        case ConsensusRule.MAJORITY:
            score = confident / weight if weight else ZERO
            agreed, leave = weight * 2 > total, holding * 2 <= total
        case ConsensusRule.UNANIMOUS:  # pragma: no branch - there is no fourth
            score = confident / weight if weight else ZERO
            agreed, leave = weight == total, holding != total
    return Consensus(
        score, enter=agreed and not missing and score >= minimum, leave=leave, missing=missing, since=since
    )


def entry_tag(voters: Sequence[Voter], votes: Sequence[Vote], side: str = "Long") -> str:
    """The strategies that are for `side`, joined by `+`: the tag of an entry. `votes` are in the order of `voters`."""
    names = [voter.strategy for voter, vote in zip(voters, votes, strict=True) if vote.stance == side]
    return "+".join(dict.fromkeys(names))


def _sum(weights: Iterable[Decimal]) -> Decimal:
    """Rounded, so that three thirds are a whole in whatever order they are added."""
    return round(sum(weights, ZERO), 12)
