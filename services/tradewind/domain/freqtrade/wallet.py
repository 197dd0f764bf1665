"""The money of a backtest: what is free, what is tied in trades, and how much the next trade may stake.

The fee of an entry is not taken before its trade closes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from tradewind.domain.freqtrade.market import Market, maximum_stake
from tradewind.domain.freqtrade.trade import Trade

_RAISE_LIMIT = 1.3
NEW_TRADE_STOP, ADJUSTED_TRADE_STOP = 0.05, 0.10
"""The stop (a ratio) that the least stake of a new trade, and of what a partial exit leaves, is reserved for."""


class StakeRules(NamedTuple):
    """From the configuration, by freqtrade's names. `stake_amount` is infinite for `unlimited`.

    `max_open_trades` is infinite for -1. `available_capital`, unless it is 0, stands for balance and ratio.
    """

    stake_amount: float
    max_open_trades: float
    dry_run_wallet: float
    tradable_balance_ratio: float = 0.99
    available_capital: float = 0.0
    amend_last_stake_amount: bool = False
    last_stake_amount_min_ratio: float = 0.5


class Wallet:
    """Balances in the stake currency, from the profits so far and the trades that are open."""

    def __init__(self, rules: StakeRules) -> None:
        self.rules = rules
        self.closed_profit = 0.0

    def tied(self, trades: Iterable[Trade]) -> float:
        """What open trades hold, those that wait for their entry included."""
        tied = 0.0
        for trade in trades:  # `sum` of floats is another sum from Python 3.12 on
            tied += trade.stake_amount
        return tied

    def free(self, trades: Iterable[Trade]) -> float:
        """What is not tied."""
        trades = list(trades)
        realized = 0.0
        for trade in trades:
            realized += trade.realized_profit
        return self.rules.dry_run_wallet + self.closed_profit + realized - self.tied(trades)

    def total_stake(self, trades: Iterable[Trade]) -> float:
        """What may be used for trading, tied or not."""
        trades = list(trades)
        return total_stake(self.rules, self.tied(trades), self.free(trades))

    def available(self, trades: Iterable[Trade]) -> float:
        """What the next order may cost."""
        trades = list(trades)
        return available_stake(self.rules, self.tied(trades), self.free(trades))

    def proposed_stake(self, trades: Iterable[Trade]) -> float:
        """The stake of a new trade by the configuration; 0 where there is not enough for it."""
        trades = list(trades)
        return proposed_stake(self.rules, self.tied(trades), self.available(trades))


def total_stake(rules: StakeRules, tied: float, free: float) -> float:
    """What may be used for trading, tied or not."""
    if rules.available_capital:
        return rules.available_capital + tied + free - rules.dry_run_wallet
    return (tied + free) * rules.tradable_balance_ratio


def available_stake(rules: StakeRules, tied: float, free: float) -> float:
    """What the next order may cost."""
    return min(total_stake(rules, tied, free) - tied, free)


def proposed_stake(rules: StakeRules, tied: float, available: float) -> float:
    """The stake of a new trade by the configuration; 0 where there is not enough for it."""
    if math.isinf(rules.stake_amount):
        return max(min((available + tied) / rules.max_open_trades, available), 0.0)
    if rules.stake_amount <= available:
        return rules.stake_amount
    if rules.amend_last_stake_amount and available > rules.stake_amount * rules.last_stake_amount_min_ratio:
        return available
    return 0.0


def allowed_stake(market: Market, stake: float, least: float, rate: float, available: float) -> float:
    """`stake` within what the market and the wallet allow; 0 where no stake is.

    One below `least` is raised to it if it is at most 30 % short; one above what is available is cut.
    """
    most = min(maximum_stake(market, rate), available)
    if stake <= 0 or least > most:
        return 0.0
    if stake < least:
        if stake * _RAISE_LIMIT < least:
            return 0.0
        stake = least
    return min(stake, most)
