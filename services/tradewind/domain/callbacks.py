"""THE decision where whoever wrote the strategy has a say in it, by the callbacks that classes for freqtrade have.

`deciding` is `decision.decide` with questions in between. It asks nobody itself: it yields a question and is sent the
reply, so that a running bot may wait for one and a backtest need not, and both decide the same.

What protects is never asked about and never vetoed: an exit because nothing rests for a position, or because the price
is below where its stop belongs. Without a reply there is no entry, a stop stays where it is, an exit that was asked for
is made, and none is made up.
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
    entering,
    is_trading,
    trailed,
)
from tradewind.domain.exits import ExitReason, stop_below
from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.risk import Gate, RiskView, Verdict
from tradewind.domain.sizing import Funds, Size, largest_stake, minimum_stake, size_entry


class Callback(StrEnum):
    """What may be asked, by freqtrade's names."""

    CUSTOM_STAKE_AMOUNT = "custom_stake_amount"
    CONFIRM_TRADE_ENTRY = "confirm_trade_entry"
    CONFIRM_TRADE_EXIT = "confirm_trade_exit"
    CUSTOM_EXIT = "custom_exit"
    CUSTOM_STOPLOSS = "custom_stoploss"


OF_POSITIONS = frozenset({Callback.CONFIRM_TRADE_EXIT, Callback.CUSTOM_EXIT, Callback.CUSTOM_STOPLOSS})
"""What is asked about a position that is held; the others are asked about entries."""


@dataclass(frozen=True, slots=True)
class Question:
    """One callback about one pair, after its candle opened at `time` (milliseconds UTC) has closed at `rate`.

    `amount` is what would be bought or sold, in base; `reason` is why it would be sold; `position` is what is held.
    `stake` is what would be staked, `least` and `most` what may be, in quote.
    """

    callback: Callback
    pair: str
    time: int
    rate: Decimal
    amount: Decimal = ZERO
    reason: str = ""
    position: HeldPosition | None = None
    stake: Decimal = ZERO
    least: Decimal = ZERO
    most: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said: whether it is confirmed, why to leave, what to stake, or how far below the price the stop belongs.

    None is no reason to leave, no stake, and a stop that stays.

    With `trouble` nothing was said, for that reason; `silent` is that it takes time to find out, and asking again
    about the next pair would take it again.
    """

    value: bool | str | float | None
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
        if decision.go and Callback.CUSTOM_STAKE_AMOUNT in asked:
            decision = yield from _staked(decision, view, funds(), rules)
        if decision.go and Callback.CONFIRM_TRADE_ENTRY in asked:
            decision = yield from _confirmed_entry(decision, view)
        return decision
    if view.position is None or view.busy or view.unprotected or OF_POSITIONS.isdisjoint(asked):
        return decision
    stop = trailed(view, view.position, rules)
    if isinstance(stop, Exit):
        return decision
    about = _about(view, view.position)
    wanted = yield from _left(decision, about, asked)
    if wanted is None and Callback.CUSTOM_STOPLOSS in asked:
        return (yield from _moved(stop, view, about))
    return wanted or stop


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


def _staked(enter: Enter, view: PairView, funds: Funds, rules: DecisionRules) -> Generator[Question, Reply, Enter]:
    """An entry with the stake that is asked for, within all limits."""
    least = minimum_stake(view.instrument, view.close, rules.stake.stop_loss)
    most = largest_stake(funds, rules.stake)
    about = Question(Callback.CUSTOM_STAKE_AMOUNT, view.instrument.pair, view.time, view.close)
    reply = yield replace(about, stake=enter.size.stake, least=least, most=most)
    if reply.trouble or not reply.value:
        size = Size(ZERO, ZERO, reply.trouble or f"{about.callback.value} stakes nothing")
    else:
        wanted = decimal_of(float(reply.value))
        size = size_entry(view.instrument, view.close, funds, rules.stake, wanted)
    return entering(enter.consensus, enter.gates[:-1], size)


def _confirmed_entry(enter: Enter, view: PairView) -> Generator[Question, Reply, Enter]:
    callback = Callback.CONFIRM_TRADE_ENTRY
    reply = yield Question(callback, view.instrument.pair, view.time, view.close, enter.size.amount)
    confirmed = reply.value is True
    told = reply.trouble or ("confirmed" if confirmed else "not confirmed")
    verdict = Verdict.GO if confirmed else Verdict.NO_GO
    return replace(enter, gates=(*enter.gates, Gate("confirmation", verdict, told, f"confirmed by {callback.value}")))


def _left(
    decision: Decision | None, about: Question, asked: Collection[Callback]
) -> Generator[Question, Reply, Exit | None]:
    """The first exit that is asked for and not vetoed, in freqtrade's order."""
    if isinstance(decision, Exit) and (yield from _confirmed_exit(decision, about, asked)):
        return decision
    if Callback.CUSTOM_EXIT in asked:
        reply = yield about
        if isinstance(reply.value, str):
            wanted = Exit(None, ExitReason.CUSTOM_EXIT, reply.value)
            if (yield from _confirmed_exit(wanted, about, asked)):
                return wanted
    return None


def _moved(stop: Amend | None, view: PairView, about: Question) -> Deciding:
    """The stop raised to where it is asked for, or further where it trails; one that would act at once is an exit."""
    position = about.position
    if position is None or position.stop_price is None or is_trading(view, position):
        return stop
    reply = yield replace(about, callback=Callback.CUSTOM_STOPLOSS)
    distance = abs(float(reply.value or 0))
    if not 0 < distance < 1:
        # As far below as the whole price, or further, is no stop at all: it raises none.
        return stop
    current = stop.stop_price if stop is not None else position.stop_price
    wanted = stop_below(view.instrument, view.close, decimal_of(distance), current)
    if wanted is None:
        return stop
    return Exit(None, ExitReason.TRAILING_STOP_LOSS) if wanted >= view.close else Amend(wanted)


def _confirmed_exit(wanted: Exit, about: Question, asked: Collection[Callback]) -> Generator[Question, Reply, bool]:
    """Whether nobody vetoes an exit; who does not answer vetoes none."""
    callback = Callback.CONFIRM_TRADE_EXIT
    if callback not in asked:
        return True
    reply = yield replace(about, callback=callback, reason=wanted.told)
    return reply.value is not False
