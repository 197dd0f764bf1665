"""What makes one backtest better than another: functions of its closed trades, of which less is better.

The metrics are those of `domain.metrics`, with their odd corners: a ratio whose divisor is 0, as of a strategy that
never loses, is `UNDEFINED` and so counts as bad, not as perfect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from tradewind.domain.errors import ConfigError
from tradewind.domain.metrics import TradeMetrics, WalletMetrics, trade_metrics, wallet_metrics
from tradewind.domain.money import ZERO
from tradewind.domain.timeframe import DAY
from tradewind.domain.trade import ClosedTrade


@dataclass(frozen=True, slots=True)
class Traded:
    """Closed trades of a span of `length` milliseconds, begun with `start_balance` at `start` (milliseconds UTC)."""

    trades: tuple[ClosedTrade, ...]
    start_balance: Decimal
    start: int
    length: int

    @property
    def days(self) -> int:
        """Whole days, at least one."""
        return max(self.length // DAY, 1)

    @property
    def profit(self) -> Decimal:
        """What the trades brought, net of fees."""
        return sum((trade.profit for trade in self.trades), ZERO)

    @property
    def profit_ratio(self) -> float:
        """The same as a share of the start balance."""
        return float(self.profit / self.start_balance) if self.start_balance else 0.0

    def metrics(self) -> TradeMetrics:
        """The metrics of the trades."""
        return trade_metrics(self.trades, self.start_balance, self.days)

    def by_day(self) -> WalletMetrics:
        """The metrics of the balance at the end of each day, of what is closed by then."""
        profits = [ZERO] * (self.days + 1)
        for trade in self.trades:
            profits[min(max((trade.close_time - self.start) // DAY, 0), self.days)] += trade.profit
        return wallet_metrics([float(balance) for balance in accumulate(profits, initial=self.start_balance)])


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function by its name; `summary` says what it looks for."""

    name: str
    summary: str
    of: Callable[[Traded], float]


def _profit_drawdown(traded: Traded) -> float:
    fall = traded.metrics().max_drawdown_absolute
    return (fall / float(traded.start_balance) if traded.start_balance else 0.0) - traded.profit_ratio


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("profit", "most profit", lambda traded: -traded.profit_ratio),
        Loss("profit-drawdown", "most profit less the largest drawdown, in money", _profit_drawdown),
        Loss("max-drawdown", "smallest share lost from a peak", lambda traded: traded.metrics().largest_drawdown_ratio),
        Loss("sharpe", "highest Sharpe ratio of trades", lambda traded: -traded.metrics().sharpe),
        Loss("sortino", "highest Sortino ratio of trades", lambda traded: -traded.metrics().sortino),
        Loss("calmar", "highest Calmar ratio of trades", lambda traded: -traded.metrics().calmar),
        Loss("sharpe-daily", "highest Sharpe ratio of daily balances", lambda traded: -traded.by_day().sharpe),
        Loss("sortino-daily", "highest Sortino ratio of daily balances", lambda traded: -traded.by_day().sortino),
        Loss("calmar-daily", "highest Calmar ratio of daily balances", lambda traded: -traded.by_day().calmar),
        Loss("profit-factor", "most won for what is lost", lambda traded: -traded.metrics().profit_factor),
        Loss("system-quality", "highest system quality number", lambda traded: -traded.metrics().sqn),
    )
}


def loss_named(name: str) -> Loss:
    """Raises `ConfigError` for a name that is not in the table."""
    if name not in LOSSES:
        raise ConfigError("--loss", name, ", ".join(LOSSES), "name one of these")
    return LOSSES[name]


def joined(parts: Sequence[Traded]) -> Traded:
    """Spans that follow each other, each begun with the same balance, as one."""
    trades = tuple(trade for part in parts for trade in part.trades)
    return Traded(trades, parts[0].start_balance, parts[0].start, sum(part.length for part in parts))
