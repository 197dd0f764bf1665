"""What the voters said last, by voter and pair."""

from __future__ import annotations

from tradewind.contracts.messages import StrategyEvaluated
from tradewind.domain.consensus import Vote, Voter, entry_tag
from tradewind.domain.money import decimal_of


class Stances:
    """The latest evaluation of every voter on every pair; a stance holds until the next one."""

    def __init__(self, voters: tuple[Voter, ...]) -> None:
        self.voters = voters
        self._latest: dict[tuple[str, str, str], StrategyEvaluated] = {}

    def take(self, message: StrategyEvaluated) -> None:
        """Take an evaluation, unless a newer one is known."""
        key = (message.strategy, message.timeframe, message.pair)
        known = self._latest.get(key)
        if known is None or message.candle_time >= known.candle_time:
            self._latest[key] = message

    def forget(self) -> None:
        """Know nothing: what is known may be of later candles than those to come."""
        self._latest.clear()

    def votes(self, pair: str) -> list[Vote]:
        """What every voter says about `pair`; one that has said nothing is there with no stance."""
        return [self._vote(voter, pair) for voter in self.voters]

    def agreeing(self, pair: str) -> str:
        """The strategies that are Long, joined by `+`: the tag of an entry."""
        return entry_tag(self.voters, self.votes(pair))

    def reasons(self, pair: str) -> dict[str, tuple[str, ...]]:
        """Each voter's facts."""
        told = {voter.name: self._latest.get((voter.strategy, voter.timeframe, pair)) for voter in self.voters}
        return {name: evaluation.reasons for name, evaluation in told.items() if evaluation is not None}

    def traceparents(self, pair: str) -> list[str]:
        """The spans of the evaluations."""
        told = [self._latest.get((voter.strategy, voter.timeframe, pair)) for voter in self.voters]
        return [evaluation.traceparent for evaluation in told if evaluation is not None and evaluation.traceparent]

    def _vote(self, voter: Voter, pair: str) -> Vote:
        told = self._latest.get((voter.strategy, voter.timeframe, pair))
        if told is None:
            return Vote(voter.name, voter.weight, None)
        return Vote(voter.name, voter.weight, told.stance, decimal_of(told.confidence), told.since)
