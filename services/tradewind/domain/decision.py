"""THE decision function: what to do with one pair at one closed candle. Live, paper and native backtest call it.

It looks at nothing but its arguments and changes nothing; the caller carries out, reserving money and slots as it
goes through the pairs in whitelist order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.consensus import Consensus, ConsensusRule, Vote, consensus
from tradewind.domain.exits import ExitReason, TrailingStop, trailed_stop
from tradewind.domain.instrument import Instrument
from tradewind.domain.risk import Gate, RiskLimits, RiskView, Verdict, gates, refusals
from tradewind.domain.sizing import Funds, Size, StakeRules, size_entry


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """The engine's view of an open position, with the prices of its resting stop and target; None where none rests.

    `open_time` is when its first fill was, in milliseconds UTC.
    """

    position_id: str
    amount: Decimal
    average_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None = None
    open_time: int = 0


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair at one closed candle, which opened at `time`, and what the voters together say about it.

    `busy` while an entry or exit is on its way or the pair closed at this candle; `unprotected` when the venue refused
    what should protect the position.
    """

    instrument: Instrument
    close: Decimal
    high: Decimal
    answer: Consensus
    position: HeldPosition | None
    busy: bool
    unprotected: bool = False
    time: int = 0


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """From the manifest."""

    rule: ConsensusRule
    trailing: TrailingStop | None
    limits: RiskLimits
    stake: StakeRules


@dataclass(frozen=True, slots=True)
class Enter:
    """Buy `size`; or, with a refusing gate or without a size, do not, for the reasons given."""

    consensus: Consensus
    gates: tuple[Gate, ...]
    size: Size

    @property
    def go(self) -> bool:
        """Whether the entry is made."""
        return self.size.refusal is None and not refusals(self.gates)

    @property
    def reason(self) -> str:
        """Why not, or that nothing speaks against it."""
        refused = refusals(self.gates)
        return ", ".join(refused) if refused else self.size.refusal or "consensus"


@dataclass(frozen=True, slots=True)
class Exit:
    """Sell the whole position; by consensus, because nothing protects it, or because the price is below its stop.

    `text` is what a strategy calls its own reason.
    """

    consensus: Consensus | None
    reason: ExitReason
    text: str = ""

    @property
    def told(self) -> str:
        """The reason as the trade tells it."""
        return self.text or self.reason.value


@dataclass(frozen=True, slots=True)
class Amend:
    """Raise the resting stop."""

    stop_price: Decimal


Decision = Enter | Exit | Amend


def answer_of(votes: Sequence[Vote], rules: DecisionRules) -> Consensus:
    """What `votes` together say, by the rule and the least score of `rules`."""
    return consensus(votes, rules.rule, rules.limits.min_confidence)


def decide(
    view: PairView, risk: Callable[[Decimal], RiskView], funds: Callable[[], Funds], rules: DecisionRules
) -> Decision | None:
    """The decision, or None when nothing is to be done.

    What the account stands at is asked for where there may be an entry: the risk of one with that score.
    """
    answer = view.answer
    if view.busy:
        return None
    if view.position is not None:
        if view.unprotected:
            return Exit(None, ExitReason.EMERGENCY_EXIT)
        if answer.leave:
            return Exit(answer, ExitReason.EXIT_SIGNAL)
        return trailed(view, view.position, rules)
    if not answer.enter:
        return None
    verdicts = gates(risk(answer.score), rules.limits)
    return entering(answer, verdicts, size_entry(view.instrument, view.close, funds(), rules.stake))


def entering(answer: Consensus, verdicts: tuple[Gate, ...], size: Size) -> Enter:
    """An entry of that size, which is the last of its gates."""
    gate = Gate(
        "size",
        Verdict.NO_GO if size.refusal else Verdict.GO,
        size.refusal or size.stake,
        "stake rules and the venue's minimums",
        _money,
    )
    return Enter(answer, (*verdicts, gate), size)


def _money(value: Decimal | str) -> str:
    return value if isinstance(value, str) else f"{value:.2f}"


def decision_id(bot: str, pair: str, time: int, action: str) -> str:
    """The id of a decision: deciding the same thing about the same candle again gives the same id."""
    return hashlib.sha256(f"{bot}\x1f{pair}\x1f{time}\x1f{action}".encode()).hexdigest()[:24]


def is_trading(view: PairView, position: HeldPosition) -> bool:
    """Whether the target is trading, only slower than the price went: its stop stays then.

    Where a stop moves by new legs the target would lose its place, and no venue rests it again on this side of the
    price.
    """
    return position.target_price is not None and view.close >= position.target_price


def trailed(view: PairView, position: HeldPosition, rules: DecisionRules) -> Amend | Exit | None:
    """What the trailing stop asks for after a candle; None where the resting stop stays."""
    # Only a resting stop can be amended; where there is none yet the next candle will find it.
    if rules.trailing is None or position.stop_price is None:
        return None
    if is_trading(view, position):
        return None
    stop = trailed_stop(view.instrument, rules.trailing, position.average_price, view.high, position.stop_price)
    if stop is not None and stop >= view.close:
        # The candle closed at or below where its own high puts the stop: no venue takes one that would act at once.
        return Exit(None, ExitReason.TRAILING_STOP_LOSS)
    return Amend(stop) if stop is not None else None
