"""How well a run traded: the numbers people compare bots by, from closed trades and from daily balances.

The definitions are the field's, odd corners included (`semantics` section 4), because a number under a known name
must mean what readers know it to mean: the Sharpe ratio of trades divides a profit per day by a deviation per trade,
its Calmar ratio carries a factor of 100, and a ratio whose divisor is 0 is `UNDEFINED` (-100), not infinity. The
ratios from daily balances are free of these oddities and are the ones we put first.

Days are calendar days and a year has 365 of them: this market never closes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise

from tradewind.domain.drawdown import maximum_drawdown
from tradewind.domain.money import ZERO
from tradewind.domain.significance import deviation, mean, two_sided_p_value
from tradewind.domain.trade import ClosedTrade

UNDEFINED = -100.0
"""What a ratio is when its divisor is 0."""

NO_LOSSES = 100.0
"""What the expectancy ratio is when nothing was lost."""

_YEAR = 365
_ANNUAL = math.sqrt(_YEAR)


@dataclass(frozen=True, slots=True)
class TradeMetrics:
    """Metrics of closed trades. Money in quote; ratios as shares (0.05 is 5 %); all 0 when there were no trades.

    `max_drawdown_ratio` is the share at the largest fall in money, `largest_drawdown_ratio` the largest share;
    `draws` broke even. `p_value` is 0 for fewer than two trades.
    """

    trades: int = 0
    wins: int = 0
    losses: int = 0
    draws: int = 0
    win_rate: float = 0.0
    profit_factor: float = 0.0
    expectancy: float = 0.0
    expectancy_ratio: float = 0.0
    sharpe: float = 0.0
    sortino: float = 0.0
    calmar: float = 0.0
    sqn: float = 0.0
    cagr: float = 0.0
    max_drawdown_absolute: float = 0.0
    max_drawdown_ratio: float = 0.0
    largest_drawdown_ratio: float = 0.0
    p_value: float = 0.0


@dataclass(frozen=True, slots=True)
class WalletMetrics:
    """Metrics of daily balances; all 0 when the balance never moved."""

    sharpe: float = 0.0
    sortino: float = 0.0
    calmar: float = 0.0
    max_drawdown_absolute: float = 0.0
    max_drawdown_ratio: float = 0.0
    largest_drawdown_ratio: float = 0.0


def trade_metrics(trades: Sequence[ClosedTrade], start_balance: Decimal, days: int) -> TradeMetrics:
    """Metrics of `trades` (any order; ties of closing time keep theirs) of a run over `days` whole days.

    All 0 without trades, or without a start balance to measure them against.
    """
    if not trades or start_balance <= ZERO:
        return TradeMetrics()
    days = max(1, days)
    profits = [trade.profit for trade in sorted(trades, key=lambda trade: trade.close_time)]
    shares = [float(profit / start_balance) for profit in profits]
    balances = list(accumulate(profits, initial=start_balance))
    fall = maximum_drawdown([float(balance) for balance in balances])
    # From the decimal balances, so that wins and losses that cancel out give exactly 0.
    total = float((balances[-1] - start_balance) / start_balance)
    per_day = total / days
    wins = [float(profit) for profit in profits if profit > ZERO]
    losses = [-float(profit) for profit in profits if profit < ZERO]
    expectancy, expectancy_ratio = _expectancy(wins, losses, len(profits))
    return TradeMetrics(
        trades=len(profits),
        wins=len(wins),
        losses=len(losses),
        draws=len(profits) - len(wins) - len(losses),
        win_rate=len(wins) / len(profits),
        profit_factor=math.fsum(wins) / math.fsum(losses) if losses else 0.0,
        expectancy=expectancy,
        expectancy_ratio=expectancy_ratio,
        sharpe=annual_ratio(per_day, deviation(shares)),
        sortino=annual_ratio(per_day, deviation([share for share in shares if share < 0])),
        calmar=annual_ratio(per_day * 100, fall.ratio),
        sqn=_system_quality(total, shares),
        cagr=annual_growth(float(balances[-1] / start_balance), days),
        max_drawdown_absolute=fall.absolute,
        max_drawdown_ratio=fall.ratio,
        largest_drawdown_ratio=fall.largest_ratio,
        p_value=two_sided_p_value(shares),
    )


def wallet_metrics(daily_balances: Sequence[float]) -> WalletMetrics:
    """Metrics of the last balance of each day, the starting balance first; days without change count."""
    if len(daily_balances) < 2 or min(daily_balances) == max(daily_balances):
        return WalletMetrics()
    returns = [_growth(before, after) for before, after in pairwise(daily_balances)]
    losing = [change for change in returns if change < 0]
    fall = maximum_drawdown(daily_balances)
    per_day = _growth(daily_balances[0], daily_balances[-1]) / len(returns)
    return WalletMetrics(
        sharpe=annual_ratio(mean(returns), deviation(returns)),
        sortino=annual_ratio(mean(returns), deviation(losing)),
        calmar=annual_ratio(per_day * 100, fall.ratio),
        max_drawdown_absolute=fall.absolute,
        max_drawdown_ratio=fall.ratio,
        largest_drawdown_ratio=fall.largest_ratio,
    )


def annual_ratio(per_day: float, divisor: float) -> float:
    """What is earned per day over what is risked, for a year; `UNDEFINED` when the divisor is 0."""
    return per_day / divisor * _ANNUAL if divisor else UNDEFINED


def annual_growth(ratio: float, days: int) -> float:
    """Compound growth per year of a balance that became `ratio` times itself in `days`; 0 when it went below 0."""
    if ratio < 0:
        return 0.0
    try:
        return math.pow(ratio, _YEAR / days) - 1
    except OverflowError:
        return math.inf


def exposure(trades: Sequence[ClosedTrade], start: int, end: int, pairs: Sequence[str]) -> float:
    """Share of the time from `start` to `end` (ms) in which a position was open, averaged over `pairs`; 0 to 1."""
    if end <= start or not pairs:
        return 0.0
    held = sum(_time_held([trade for trade in trades if trade.pair == pair], start, end) for pair in pairs)
    return held / ((end - start) * len(pairs))


def value_at_risk(returns: Sequence[float], level: float) -> float:
    """The loss that a period exceeds with a chance of 1 - `level` (0.95: one in twenty), by history.

    A share, positive for a loss, 0 where even that period gained. Between two observed returns it is interpolated.
    """
    return max(0.0, -_quantile(returns, 1.0 - level))


def conditional_value_at_risk(returns: Sequence[float], level: float) -> float:
    """The average loss of the periods that are at or beyond `value_at_risk`; never smaller than it."""
    bound = _quantile(returns, 1.0 - level)
    return max(0.0, -mean([change for change in returns if change <= bound]))


def beta(returns: Sequence[float], market_returns: Sequence[float]) -> float:
    """How much `returns` move when the market moves by 1, over the same periods; 0 when the market stood still."""
    centre, market_centre = mean(returns), mean(market_returns)
    spread = math.fsum((market - market_centre) ** 2 for market in market_returns)
    if spread == 0.0:
        return 0.0
    paired = zip(returns, market_returns, strict=True)
    return math.fsum((own - centre) * (market - market_centre) for own, market in paired) / spread


def concentration(weights: Sequence[float]) -> float:
    """Herfindahl index of the sizes of `weights`: 1 for all in one, 1/n for n equal ones, 0 for nothing held."""
    sizes = [abs(weight) for weight in weights]
    total = math.fsum(sizes)
    return math.fsum((size / total) ** 2 for size in sizes) if total else 0.0


def _expectancy(wins: list[float], losses: list[float], count: int) -> tuple[float, float]:
    """What a trade brings on average, and per unit risked; trades that broke even count in `count` alone."""
    win_rate, average_win, average_loss = len(wins) / count, mean(wins), mean(losses)
    expectancy = win_rate * average_win - len(losses) / count * average_loss
    if not losses:
        return expectancy, NO_LOSSES
    return expectancy, (1 + average_win / average_loss) * win_rate - 1


def _system_quality(total: float, shares: list[float]) -> float:
    spread = deviation(shares, 1)
    return round(total / math.sqrt(len(shares)) / spread, 4) if spread else UNDEFINED


def _growth(before: float, after: float) -> float:
    return after / before - 1 if before > 0 else 0.0


def _time_held(trades: list[ClosedTrade], start: int, end: int) -> int:
    """Milliseconds between `start` and `end` in which any of `trades` was open; overlapping ones count once."""
    held, reached = 0, start
    for trade in sorted(trades, key=lambda trade: trade.open_time):
        opened, closed = max(trade.open_time, reached), min(trade.close_time, end)
        if closed > opened:
            held, reached = held + closed - opened, closed
    return held


def _quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie, interpolated; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    position = min(max(share, 0.0), 1.0) * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
