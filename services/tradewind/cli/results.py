"""What a run and a backtest tell when they are over: on stdout, and as a report in a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tradewind.cli.options import Output
from tradewind.cli.printing import print_document
from tradewind.cli.summary import print_summary
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.research.result import RunResult, as_document


def print_result(result: RunResult, report: Path | None, output: Output) -> None:
    """The result for a person, or whole as a document."""
    if output is Output.TEXT:
        print_summary(result, report)
    else:
        print_document(as_document(result, str(report) if report is not None else None), output)


def write_run_report(target: Path, bot: TradingBot, result: RunResult) -> None:
    """Write the HTML report of a result."""
    from tradewind.research.report import RunReport, write_report  # noqa: PLC0415  (only where one is wanted)

    report = RunReport(
        bot=bot.metadata.name,
        strategies=" + ".join(f"{strategy.name} ({strategy.kind})" for strategy in bot.spec.strategies),
        mode=result.mode,
        start=result.start,
        end=result.end,
        timeframe=result.timeframe,
        currency=result.currency,
        start_balance=result.start_balance,
        end_balance=result.end_balance,
        candles=result.candles,
        equity=[(time, float(equity)) for time, equity in result.equity],
        series=result.series,
        trades=result.trades,
        trade_metrics=result.trade_metrics,
        wallet_metrics=result.wallet_metrics,
        orders=result.orders,
        data_notes=result.notes,
        created_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_report(target, report)
