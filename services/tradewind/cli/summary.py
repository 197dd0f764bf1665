"""What a finished run prints for a person."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from tradewind.cli.printing import print_table
from tradewind.domain.money import ZERO
from tradewind.domain.trade import ClosedTrade
from tradewind.research.result import RunResult, iso


def print_summary(result: RunResult, report: Path | None) -> None:
    """The key figures, profit by pair and by exit reason, what was wrong with the data, and where a report is."""
    trades, wallet = result.trade_metrics, result.wallet_metrics
    change = result.profit / result.start_balance if result.start_balance else ZERO
    title = f"{result.bot} · {result.mode} · {result.timeframe} · {iso(result.start)[:10]} to {iso(result.end)[:10]}"
    rows = [
        ["candles", f"{result.candles:,}"],
        ["trades", str(trades.trades)],
        ["win rate", f"{trades.win_rate:.1%}"],
        ["start balance", f"{result.start_balance:,.2f} {result.currency}"],
        ["end balance", f"{result.end_balance:,.2f} {result.currency}"],
        ["profit", f"{result.profit:+,.2f} {result.currency} ({change:+.2%})"],
        ["fees", f"{result.fees:,.2f} {result.currency}"],
        ["max drawdown", f"{wallet.max_drawdown_ratio:.1%}"],
        ["Sharpe (daily balance)", f"{wallet.sharpe:.2f}"],
        ["profit factor", f"{trades.profit_factor:.2f}"],
        ["exposure", f"{result.exposure:.1%}"],
        ["orders", ", ".join(f"{count} {name}" for name, count in result.orders.items() if count)],
    ]
    print_table(title, ["figure", "value"], rows)
    print_table(None, *_grouped("pair", result.trades, lambda trade: trade.pair))
    print_table(None, *_grouped("exit reason", result.trades, lambda trade: trade.exit_reason))
    for note in result.notes:
        print(f"data: {note}", file=sys.stderr)
    if report is not None:
        print(f"report: {report}")


def _grouped(
    name: str, trades: tuple[ClosedTrade, ...], key: Callable[[ClosedTrade], str]
) -> tuple[list[str], list[list[str]]]:
    groups: dict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in trades:
        groups[key(trade)].append(trade)
    rows = []
    for label, members in sorted(groups.items()):
        profit = sum((trade.profit for trade in members), Decimal(0))
        fees = sum((trade.fees for trade in members), Decimal(0))
        wins = sum(1 for trade in members if trade.profit > 0)
        rows.append([label, str(len(members)), f"{wins / len(members):.1%}", f"{profit:+,.2f}", f"{fees:,.2f}"])
    return [name, "trades", "win rate", "profit", "fees"], rows
