"""The money of a backtest: what is free, what is tied in trades, and how much the next trade may stake.

The fee of an entry is not taken before its trade closes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tradewind.domain.freqtrade.market import Market
from tradewind.domain.freqtrade.trade import Trade

_RAISE_LIMIT = 1.3
NEW_TRADE_STOP, ADJUSTED_TRADE_STOP = 0.05, 0.10
"""The stop (a ratio) that the least stake of a new trade, and of what a partial exit leaves, is reserved for."""


@dataclass(frozen=True, slots=True)
class StakeRules:
    """From the configuration, by freqtrade's names. `stake_amount` is None for `unlimited`.

    `max_open_trades` is infinite for -1. `available_capital`, where given, stands for balance and ratio.
    """

    stake_amount: float | None
    max_open_trades: float
    dry_run_wallet: float
    tradable_balance_ratio: float = 0.99
    available_capital: float | None = None
    amend_last_stake_amount: bool = False
    last_stake_amount_min_ratio: float = 0.5


class Wallet:
    """Balances in the stake currency, from the profits so far and the trades that are open."""

    def __init__(self, rules: StakeRules) -> None:
        self.rules = rules
        self.closed_profit = 0.0

    def tied(self, trades: Iterable[Trade]) -> float:
        """What open trades hold, those that wait for their entry included."""
        return sum((trade.stake_amount for trade in trades), 0.0)

    def free(self, trades: Iterable[Trade]) -> float:
        """What is not tied."""
        trades = list(trades)
        realized = sum((trade.realized_profit for trade in trades), 0.0)
        return self.rules.dry_run_wallet + self.closed_profit + realized - self.tied(trades)

    def total_stake(self, trades: Iterable[Trade]) -> float:
        """What may be used for trading, tied or not."""
        trades = list(trades)
        rules, tied, free = self.rules, self.tied(trades), self.free(trades)
        if rules.available_capital is not None:
            return rules.available_capital + tied + free - rules.dry_run_wallet
        return (tied + free) * rules.tradable_balance_ratio

    def available(self, trades: Iterable[Trade]) -> float:
        """What the next order may cost."""
        trades = list(trades)
        return min(self.total_stake(trades) - self.tied(trades), self.free(trades))

    def proposed_stake(self, trades: Iterable[Trade]) -> float | None:
        """The stake of a new trade by the configuration; None where there is not enough for it."""
        trades = list(trades)
        rules, available = self.rules, self.available(trades)
        if rules.stake_amount is None:
            return max(min((available + self.tied(trades)) / rules.max_open_trades, available), 0.0) or None
        if rules.stake_amount <= available:
            return rules.stake_amount
        if rules.amend_last_stake_amount and available > rules.stake_amount * rules.last_stake_amount_min_ratio:
            return available
        return None


def allowed_stake(market: Market, stake: float, least: float, rate: float, available: float) -> float | None:
    """`stake` within what the market and the wallet allow; None where no stake is.

    One below `least` is raised to it if it is at most 30 % short; one above what is available is cut.
    """
    most = min(market.maximum_stake(rate), available)
    if stake <= 0 or least > most:
        return None
    if stake < least:
        if stake * _RAISE_LIMIT < least:
            return None
        stake = least
    return min(stake, most)
