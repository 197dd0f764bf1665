"""Asks a class written for freqtrade what `domain.callbacks` asks, with freqtrade's arguments, and checks what it says.

The time is that at which the candle closed, the rate is its close, and orders are market orders, as native ones are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, nan
from numbers import Real
from typing import Any

import numpy as np

from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.decision import HeldPosition
from tradewind.domain.errors import ConfigError
from tradewind.domain.exits import ExitReason
from tradewind.domain.timeframe import MINUTE
from tradewind.strategies.freqtrade.callbacks import Caller
from tradewind.strategies.freqtrade.held_trade import Around, HeldTrade
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.named import NamedClass
from tradewind.strategies.freqtrade.native import native_callbacks
from tradewind.strategies.freqtrade.seen import Seen

LONGEST_REASON = 255
"""Characters of a reason to leave that are kept, as in freqtrade."""

_LONGEST_ANSWER = 100
"""Characters of what a class returned by mistake that are told."""

_ORDER = {"order_type": "market", "time_in_force": "GTC"}


class NativeCalls:
    """The callbacks of `strategy`, which `named` describes.

    `targets` are ratios by the minutes after which they hold, for a position that has not left by then.
    """

    def __init__(self, strategy: IStrategy, named: NamedClass, timeframe: str, targets: Mapping[int, float]) -> None:
        self._strategy, self._named, self._timeframe = strategy, named, timeframe
        self._targets, self._leaves = sorted(targets.items()), Callback.CUSTOM_EXIT in native_callbacks(strategy)
        self._caller, self._name = Caller(strategy), type(strategy).__name__

    def reply(self, question: Question, now: int, seen: Callable[[str], Seen]) -> Reply:
        """What it says at `now`, when the candle of the question has closed; `seen` is what it has said of a pair.

        Raises `ConfigError` for a method that raises, or that returns what it should not.
        """
        match question.callback:
            case Callback.CONFIRM_TRADE_ENTRY:
                return self._confirm_entry(question, now, seen)
            case Callback.CONFIRM_TRADE_EXIT:
                return self._confirm_exit(question, now, seen)
            case Callback.CUSTOM_EXIT:
                return self._custom_exit(question, now, seen)
            case Callback.CUSTOM_STAKE_AMOUNT:
                return self._custom_stake(question, now, seen)
            case Callback.CUSTOM_STOPLOSS:  # pragma: no branch - there is no other
                return self._custom_stoploss(question, now, seen)

    def _confirm_entry(self, question: Question, now: int, seen: Callable[[str], Seen]) -> Reply:
        answer = self._ask(
            self._strategy.confirm_trade_entry,
            question,
            now,
            amount=float(question.amount),
            rate=float(question.rate),
            entry_tag=seen(question.pair).entry_tag(now),
            side="long",
            **_ORDER,
        )
        return Reply(self._flag(question, answer))

    def _confirm_exit(self, question: Question, now: int, seen: Callable[[str], Seen]) -> Reply:
        answer = self._ask(
            self._strategy.confirm_trade_exit,
            question,
            now,
            trade=self._trade(question, now, seen),
            amount=float(question.amount),
            rate=float(question.rate),
            exit_reason=question.reason,
            sell_reason=question.reason,
            **_ORDER,
        )
        return Reply(self._flag(question, answer))

    def _custom_exit(self, question: Question, now: int, seen: Callable[[str], Seen]) -> Reply:
        trade, rate = self._trade(question, now, seen), float(question.rate)
        asked = self._own_exit(question, now, trade) if self._leaves else Reply(None)
        if asked.value is not None:
            return asked
        age = now - _held(question).open_time
        targets = [ratio for minutes, ratio in self._targets if minutes * MINUTE <= age]
        return Reply(ExitReason.ROI.value if targets and trade.calc_profit_ratio(rate) >= targets[-1] else None)

    def _own_exit(self, question: Question, now: int, trade: HeldTrade) -> Reply:
        answer = self._ask_of(trade, self._strategy.custom_exit, question, now)
        if isinstance(answer, bool | np.bool_):
            return Reply(Callback.CUSTOM_EXIT.value if answer else None)
        if answer is None:
            return Reply(None)
        if isinstance(answer, str) and answer.isprintable():
            return Reply(_told_apart(answer[:LONGEST_REASON]) or None)
        raise self._wrong(question, answer, "a reason in one line, True, or None")

    def _custom_stake(self, question: Question, now: int, seen: Callable[[str], Seen]) -> Reply:
        answer = self._ask(
            self._strategy.custom_stake_amount,
            question,
            now,
            current_rate=float(question.rate),
            proposed_stake=float(question.stake),
            min_stake=float(question.least),
            max_stake=float(question.most),
            leverage=1.0,
            entry_tag=seen(question.pair).entry_tag(now),
            side="long",
        )
        return Reply(self._number(question, answer, "a stake, 0 or None"))

    def _custom_stoploss(self, question: Question, now: int, seen: Callable[[str], Seen]) -> Reply:
        trade = self._trade(question, now, seen)
        answer = self._ask_of(trade, self._strategy.custom_stoploss, question, now, after_fill=False)
        if isinstance(answer, float | np.floating) and np.isnan(answer):
            return Reply(None)
        return Reply(self._number(question, answer, "a ratio of the price, or None"))

    def _ask(self, method: Callable[..., Any], question: Question, now: int, /, **arguments: Any) -> Any:
        return self._caller.ask(method, question.pair, now, pair=question.pair, **arguments)

    def _ask_of(
        self, trade: HeldTrade, method: Callable[..., Any], question: Question, now: int, /, **arguments: Any
    ) -> Any:
        """With the trade, and what it would make at the price."""
        rate = float(question.rate)
        profit = trade.calc_profit_ratio(rate)
        return self._ask(method, question, now, trade=trade, current_rate=rate, current_profit=profit, **arguments)

    def _number(self, question: Question, answer: Any, allowed: str) -> float | None:
        if answer is None:
            return None
        number = None if isinstance(answer, bool | np.bool_) else _finite(answer)
        if number is None:
            raise self._wrong(question, answer, allowed)
        return number

    def _trade(self, question: Question, now: int, seen: Callable[[str], Seen]) -> HeldTrade:
        position, pair, named = _held(question), question.pair, self._named
        opened = position.open_time
        around = Around(
            pair=pair,
            strategy=self._name,
            exchange=named.exchange,
            currency=named.currency,
            timeframe=self._timeframe,
            fee=float(named.fee),
            entry_tag=lambda: seen(pair).entry_tag(opened),
            rates=lambda: seen(pair).rates(opened, now),
        )
        return HeldTrade(position, around)

    def _flag(self, question: Question, answer: Any) -> bool:
        if not isinstance(answer, bool | np.bool_):
            raise self._wrong(question, answer, "True or False")
        return bool(answer)

    def _wrong(self, question: Question, answer: Any, allowed: str) -> ConfigError:
        field = f"{self._name}.{question.callback.value}"
        return ConfigError(field, f"{_short(answer)} for {question.pair}", allowed, "return one of these")


def _held(question: Question) -> HeldPosition:
    """What is asked about."""
    assert question.position is not None, "this callback is asked about a position"
    return question.position


def _finite(answer: Any) -> float | None:
    """A number that is one; an integer may be too large for any."""
    try:
        number = float(answer) if isinstance(answer, Real) else nan
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _told_apart(reason: str) -> str:
    """A reason that nobody takes for one of the bot's own, such as `stop_loss`."""
    ours = frozenset(ExitReason) - {ExitReason.CUSTOM_EXIT}
    return f"{Callback.CUSTOM_EXIT.value} {reason}" if reason in ours else reason


def _short(answer: Any) -> str:
    try:
        return repr(answer)[:_LONGEST_ANSWER]
    except ValueError:  # an integer of thousands of digits
        return "without end"
