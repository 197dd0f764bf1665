"""The numbers of a run, under freqtrade's names. What is defined as elsewhere comes from `domain.metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from itertools import accumulate, groupby
from math import fsum
from statistics import fmean, median
from typing import Any

from tradewind.domain.candle_checks import iso_time
from tradewind.domain.drawdown import Drawdown, maximum_drawdown
from tradewind.domain.freqtrade.signals import Result
from tradewind.domain.freqtrade.trade import Trade
from tradewind.domain.metrics import annual_growth, annual_ratio, trade_metrics, wallet_metrics
from tradewind.domain.money import decimal_of
from tradewind.domain.timeframe import DAY
from tradewind.domain.trade import ClosedTrade
from tradewind.research.freqtrade.run import BacktestOutput

_NEVER = {"canceled_trade_entries": 0, "canceled_entry_orders": 0, "replaced_entry_orders": 0}
"""What only `adjust_entry_price` and its kin bring about, which are refused."""


def summary(output: BacktestOutput) -> dict[str, Any]:
    """All metrics. Money in the stake currency, ratios as shares, `*_ts` in milliseconds UTC, `*_s` in seconds."""
    result, settings = output.result, output.settings
    start = settings.stakes.dry_run_wallet
    trades = result.closed
    days = max(1, (result.end - result.start) // DAY)
    slots = settings.stakes.max_open_trades
    found = {
        "total_trades": len(trades),
        **_profits(trades, start),
        "final_balance": result.final_balance,
        "starting_balance": start,
        **_metrics(trades, start, days),
        "cagr": annual_growth(result.final_balance / start, days) if start else 0.0,
        "market_change": output.market_change,
        **_sizes(trades, days),
        **_streaks(trades),
        **_days(trades),
        **_csum(trades, start),
        "backtest_start_ts": result.start,
        "backtest_end_ts": result.end,
        "backtest_days": (result.end - result.start) // DAY,
        "max_open_trades": min(slots, len(output.pairs)),
        "max_open_trades_setting": slots if slots != float("inf") else -1,
        **asdict(result.counts),
        **_NEVER,
        "still_open": [_still_open(trade) for trade in result.still_open],
        "exit_reasons": dict(sorted(Counter(str(trade.exit_reason) for trade in trades).items())),
        "trades_per_pair": {pair: sum(trade.pair == pair for trade in trades) for pair in output.pairs},
        "wallet": wallet(result, start),
    }
    if settings.protections:
        found["locks"] = [
            {
                "pair": lock.pair,
                "start": iso_time(lock.start),
                "end": iso_time(lock.end),
                "side": lock.side,
                "reason": lock.reason,
            }
            for lock in result.locks
        ]
    return found


def wallet(result: Result, start: float) -> dict[str, Any]:
    """Metrics of the balance before each candle: its falls at every candle, its returns by the day."""
    balances = [balance for _, balance in result.balances] or [start]
    times = [time for time, _ in result.balances] or [result.start]
    daily = list({time // DAY: balance for time, balance in zip(times, balances, strict=True)}.values())
    by_day = wallet_metrics(daily)
    fall = maximum_drawdown(balances)
    days = max(1, (times[-1] - times[0]) // DAY)
    high, low = max(balances), min(balances)
    return {
        "start_balance": start,
        "end_balance": balances[-1],
        "high_balance": high,
        "low_balance": low,
        "low_ts": times[balances.index(low)],
        "high_ts": times[balances.index(high)],
        "sharpe": by_day.sharpe,
        "sortino": by_day.sortino,
        "calmar": annual_ratio((balances[-1] / start - 1) * 100 / days, fall.ratio),
        "max_drawdown_account": fall.ratio,
        "max_relative_drawdown": fall.largest_ratio,
        "max_drawdown_abs": fall.absolute,
    }


def _profits(trades: Sequence[Trade], start: float) -> dict[str, Any]:
    total = sum((_profit(trade) for trade in trades), 0.0)
    ratios = [trade.close_profit or 0.0 for trade in trades]
    return {
        "profit_total": total / start if start else 0.0,
        "profit_total_abs": total,
        "profit_mean": fmean(ratios) if ratios else 0.0,
        "profit_median": median(ratios) if ratios else 0.0,
    }


def _metrics(trades: Sequence[Trade], start: float, days: int) -> dict[str, Any]:
    """By closing time, ties in the order of closing: what the reference cases call the stable order."""
    metrics = trade_metrics([closed_trade(trade) for trade in trades], decimal_of(start), days)
    ordered = sorted(trades, key=lambda trade: trade.close_time or 0)
    profits = list(accumulate((_profit(trade) for trade in ordered), initial=0.0))
    fall = maximum_drawdown([start + profit for profit in profits])
    drawdown = {
        "max_drawdown_abs": metrics.max_drawdown_absolute,
        "max_drawdown_account": metrics.max_drawdown_ratio,
        "max_relative_drawdown": metrics.largest_drawdown_ratio,
        "calmar": metrics.calmar,
    }
    return {
        **drawdown,
        **_drawdown_places(ordered, profits, fall),
        "sharpe": metrics.sharpe,
        "sortino": metrics.sortino,
        "sqn": metrics.sqn,
        "p_value": metrics.p_value,
        "winrate": metrics.win_rate,
        "wins": metrics.wins,
        "losses": metrics.losses,
        "draws": metrics.draws,
        "expectancy": metrics.expectancy,
        "expectancy_ratio": metrics.expectancy_ratio,
        "profit_factor": metrics.profit_factor,
        "stable_order": {
            "equal_close_dates": len(trades) - len({trade.close_time for trade in trades}),
            **drawdown,
        },
    }


def _drawdown_places(ordered: Sequence[Trade], profits: Sequence[float], fall: Drawdown) -> dict[str, Any]:
    """When and where the largest fall began and ended; one from the very start begins with the first closing."""
    if not fall.absolute:
        return {"drawdown_start_ts": 0, "drawdown_end_ts": 0, "max_drawdown_high": 0.0, "max_drawdown_low": 0.0}
    return {
        "drawdown_start_ts": ordered[max(fall.peak_at - 1, 0)].close_time,
        "drawdown_end_ts": ordered[fall.low_at - 1].close_time,
        "max_drawdown_high": profits[fall.peak_at],
        "max_drawdown_low": profits[fall.low_at],
    }


def _sizes(trades: Sequence[Trade], days: int) -> dict[str, Any]:
    filled = [(trade, order) for trade in trades for order in trade.orders if order.filled_at is not None]
    durations = [((trade.close_time or 0) - trade.open_time) / 1000 for trade in trades]
    return {
        "total_volume": fsum(order.amount * order.price * (1 + trade.fee_open) for trade, order in filled),
        "avg_stake_amount": fmean(trade.stake_amount for trade in trades) if trades else 0.0,
        "trades_per_day": round(len(trades) / days, 2),
        "holding_avg_s": round(fmean(durations) / 60) * 60.0 if durations else 0.0,
    }


def _streaks(trades: Sequence[Trade]) -> dict[str, Any]:
    longest = {True: 0, False: 0}
    for won, streak in groupby(_profit(trade) > 0 for trade in trades):
        longest[won] = max(longest[won], len(list(streak)))
    return {"max_consecutive_wins": longest[True], "max_consecutive_losses": longest[False]}


def _days(trades: Sequence[Trade]) -> dict[str, Any]:
    """Profit by calendar day from the first closing to the last; a day without one is a draw."""
    by_day: dict[int, float] = {}
    for trade in trades:
        day = (trade.close_time or 0) // DAY
        by_day[day] = by_day.get(day, 0.0) + _profit(trade)
    profits = [by_day.get(day, 0.0) for day in range(min(by_day), max(by_day) + 1)] if by_day else []
    return {
        "backtest_best_day_abs": max(profits, default=0.0),
        "backtest_worst_day_abs": min(profits, default=0.0),
        "winning_days": sum(profit > 0 for profit in profits),
        "draw_days": sum(profit == 0 for profit in profits),
        "losing_days": sum(profit < 0 for profit in profits),
    }


def _csum(trades: Sequence[Trade], start: float) -> dict[str, Any]:
    sums = [start + profit for profit in accumulate(_profit(trade) for trade in trades)]
    return {"csum_min": min(sums, default=0.0), "csum_max": max(sums, default=0.0)}


def _still_open(trade: Trade) -> dict[str, Any]:
    return {"pair": trade.pair, "open_date": iso_time(trade.open_time), "stake_amount": trade.stake_amount}


def closed_trade(trade: Trade) -> ClosedTrade:
    """A closed trade as reports and metrics see it; its fees are in its profit."""
    profit = decimal_of(_profit(trade))
    return ClosedTrade(
        pair=trade.pair,
        open_time=trade.open_time,
        close_time=trade.close_time or 0,
        open_rate=decimal_of(trade.open_rate),
        close_rate=decimal_of(trade.close_rate or 0.0),
        amount=decimal_of(trade.amount),
        fees=Decimal(0),
        profit=profit,
        profit_ratio=decimal_of(trade.close_profit or 0.0),
        exit_reason=str(trade.exit_reason),
        entry_tag=trade.enter_tag,
    )


def _profit(trade: Trade) -> float:
    return trade.close_profit_abs or 0.0
