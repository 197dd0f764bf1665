"""What a manifest, and the classes that it names, say about how to trade, as the parts of a backtest take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.account_order import AccountRules
from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.decision import DecisionRules


@dataclass(frozen=True, slots=True)
class DeskRules:
    """Whose orders they are, and the ratios of the entry price at which positions are protected; None for no leg."""

    bot: str
    timeframe: str
    stop_loss: Decimal | None
    take_profit: Decimal | None


@dataclass(frozen=True, slots=True)
class BacktestRules:
    """Everything that the manifest says about how to trade.

    `named` are the pairs that may be entered, `trading_state` is as in `risk.RiskView`.
    """

    desk: DeskRules
    decision: DecisionRules
    account: AccountRules
    currency: str
    start_balance: Decimal
    named: frozenset[str]
    trading_state: str = "Running"


def _nobody(question: Question) -> Reply:
    """Who replies where nobody is to be asked."""
    raise AssertionError(question)


@dataclass(frozen=True, slots=True)
class Replies:
    """Whoever has a say in decisions: what to ask, and of whom."""

    asked: frozenset[Callback] = frozenset()
    reply: Callable[[Question], Reply] = _nobody
