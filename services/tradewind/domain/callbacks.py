"""THE decision where whoever wrote the strategy has a say in it, by the callbacks that classes for freqtrade have.

`deciding` is `decision.decide` with questions in between. It asks nobody itself: it yields a question and is sent the
reply, so that a running bot may wait for one and a backtest need not, and both decide the same.

What protects is never asked about and never vetoed: an exit because nothing rests for a position, or because the price
is below where its stop belongs. Without a reply there is no entry; an exit is made, and none is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from tradewind.domain.decision import (
    Amend,
    Decision,
    DecisionRules,
    Enter,
    Exit,
    HeldPosition,
    PairView,
    decide,
    trailed,
)
from tradewind.domain.exits import ExitReason
from tradewind.domain.money import ZERO
from tradewind.domain.risk import Gate, RiskView, Verdict
from tradewind.domain.sizing import Funds


class Callback(StrEnum):
    """What may be asked, by freqtrade's names."""

    CONFIRM_TRADE_ENTRY = "confirm_trade_entry"
    CONFIRM_TRADE_EXIT = "confirm_trade_exit"
    CUSTOM_EXIT = "custom_exit"


OF_POSITIONS = frozenset({Callback.CONFIRM_TRADE_EXIT, Callback.CUSTOM_EXIT})
"""What is asked about a position that is held; the others are asked about entries."""


@dataclass(frozen=True, slots=True)
class Question:
    """One callback about one pair, after its candle opened at `time` (milliseconds UTC) has closed at `rate`.

    `amount` is what would be bought or sold, in base; `reason` is why it would be sold; `position` is what is held.
    """

    callback: Callback
    pair: str
    time: int
    rate: Decimal
    amount: Decimal = ZERO
    reason: str = ""
    position: HeldPosition | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said: whether it is confirmed, or why to leave, None for no reason.

    With `trouble` nothing was said, for that reason; `silent` is that it takes time to find out, and asking again
    about the next pair would take it again.
    """

    value: bool | str | None
    trouble: str = ""
    silent: bool = False


Deciding = Generator[Question, Reply, Decision | None]


def deciding(
    view: PairView,
    risk: Callable[[Decimal], RiskView],
    funds: Callable[[], Funds],
    rules: DecisionRules,
    asked: Collection[Callback],
) -> Deciding:
    """The decision of `decide`, with every question in `asked` that it raises."""
    decision = decide(view, risk, funds, rules)
    if isinstance(decision, Enter):
        return (yield from _confirmed_entry(decision, view, asked)) if decision.go else decision
    if view.position is None or view.busy or view.unprotected or OF_POSITIONS.isdisjoint(asked):
        return decision
    stop = trailed(view, view.position, rules)
    if isinstance(stop, Exit):
        return decision
    return (yield from _left(decision, stop, _about(view, view.position), asked))


def answered(asking: Deciding, reply: Callable[[Question], Reply]) -> Decision | None:
    """The decision where replies are at hand."""
    try:
        question = next(asking)
        while True:
            question = asking.send(reply(question))
    except StopIteration as decided:
        decision: Decision | None = decided.value
        return decision


def _about(view: PairView, position: HeldPosition) -> Question:
    """A question about what is held, still without its name."""
    amount = view.instrument.amount(position.amount)
    return Question(Callback.CUSTOM_EXIT, view.instrument.pair, view.time, view.close, amount, position=position)


def _confirmed_entry(enter: Enter, view: PairView, asked: Collection[Callback]) -> Deciding:
    callback = Callback.CONFIRM_TRADE_ENTRY
    if callback not in asked:
        return enter
    reply = yield Question(callback, view.instrument.pair, view.time, view.close, enter.size.amount)
    confirmed = reply.value is True
    told = reply.trouble or ("confirmed" if confirmed else "not confirmed")
    verdict = Verdict.GO if confirmed else Verdict.NO_GO
    return replace(enter, gates=(*enter.gates, Gate("confirmation", verdict, told, f"confirmed by {callback.value}")))


def _left(decision: Decision | None, stop: Amend | None, about: Question, asked: Collection[Callback]) -> Deciding:
    """The exits that somebody asks for, in freqtrade's order, until one is not vetoed; else the stop may be raised."""
    if isinstance(decision, Exit) and (yield from _confirmed_exit(decision, about, asked)):
        return decision
    if Callback.CUSTOM_EXIT in asked:
        reply = yield about
        if isinstance(reply.value, str):
            wanted = Exit(None, ExitReason.CUSTOM_EXIT, reply.value)
            if (yield from _confirmed_exit(wanted, about, asked)):
                return wanted
    return stop


def _confirmed_exit(wanted: Exit, about: Question, asked: Collection[Callback]) -> Generator[Question, Reply, bool]:
    """Whether nobody vetoes an exit; who does not answer vetoes none."""
    callback = Callback.CONFIRM_TRADE_EXIT
    if callback not in asked:
        return True
    reply = yield replace(about, callback=callback, reason=wanted.told)
    return reply.value is not False
