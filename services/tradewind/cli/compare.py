"""`tradewind compare`: results of runs and backtests side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.montecarlo import Balance, balance_of
from tradewind.cli.options import Output, OutputOption
from tradewind.domain.errors import ConfigError

if TYPE_CHECKING:
    from tradewind.research.comparison import Compared, Difference

_SHARES = frozenset({"profit_ratio", "win_rate", "cagr", "max_drawdown_ratio", "largest_drawdown_ratio"})


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT...", help="What --export wrote, or -o json of a run or a backtest of a BOT."),
    ],
    *,
    balance: Balance = None,
    trades: Annotated[int, typer.Option(min=0, help="Trades to show that differ, of each result.")] = 20,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the comparison as an HTML page.", show_default=False)
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Compare two results or more: the figures of each, and the trades in which they differ from the first."""
    from tradewind.cli.printing import print_document  # noqa: PLC0415
    from tradewind.research.comparison import compared  # noqa: PLC0415
    from tradewind.research.exported import read_exported  # noqa: PLC0415

    if len(results) < 2:
        raise ConfigError("RESULT", str(results[0]), "two files or more", "name another result to compare it with")
    found = compared([read_exported(path) for path in results], balance_of(balance))
    if report is not None:
        _write(report, found, trades)
    if output is Output.TEXT:
        _print(found, trades)
    else:
        print_document(_document(found, trades), output)


def _print(found: Sequence[Compared], most: int) -> None:
    from tradewind.cli.printing import print_table  # noqa: PLC0415

    print_table(None, ["figure", *(one.name for one in found)], _figures(found))
    for one in found[1:]:
        print(_told(one, found[0]))
        if one.differences and most:
            rows = [_row(each) for each in one.differences[:most]]
            print_table(None, ["opened", "pair", "what", found[0].name, one.name], rows)


def _write(path: Path, found: Sequence[Compared], most: int) -> None:
    from tradewind.research.report.comparison import write_comparison  # noqa: PLC0415

    differences = [(_told(one, found[0]), [_row(each) for each in one.differences[:most]]) for one in found[1:]]
    try:
        write_comparison(path, found, _figures(found), differences)
    except OSError as error:
        told = f"{error.strerror}: {path}"
        raise ConfigError("--report", told, "a file that can be written", "correct the path") from error


def _figures(found: Sequence[Compared]) -> list[list[str]]:
    return [[name.replace("_", " "), *(_figure(name, one.figures[name]) for one in found)] for name in found[0].figures]


def _figure(name: str, value: float) -> str:
    if name in _SHARES:
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def _told(one: Compared, first: Compared) -> str:
    """In a sentence: how many differ, and which is the first."""
    if not one.differences:
        return f"{one.name}: the same {one.same} trades as {first.name}"
    only = sum(each.first is None for each in one.differences)
    missing = sum(each.other is None for each in one.differences)
    changed = len(one.differences) - only - missing
    return (
        f"{one.name}: {one.same} trades as in {first.name}, {changed} changed, {missing} of {first.name} alone,"
        f" {only} of {one.name} alone; the first opened {_time(one.differences[0].time)}"
    )


def _row(each: Difference) -> list[str]:
    opened = [_time(each.time), each.pair]
    if each.field is None:
        return [*opened, "the trade", "-" if each.first is None else _closed(each.first), _closed(each.other)]
    values = [_cell(each.field, each.value(trade)) for trade in (each.first, each.other)]
    return [*opened, each.field.replace("_", " "), *values]


def _closed(trade: Any) -> str:
    return "-" if trade is None else f"closed {_time(trade.close_time)} by {trade.exit_reason}"


def _cell(field: str, value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:.10g}"
    return _time(value) if field == "close_time" and isinstance(value, int) else str(value) or "-"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _document(found: Sequence[Compared], most: int) -> dict[str, Any]:
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415
    from tradewind.research.result import camel  # noqa: PLC0415

    def value(each: Difference, trade: Any) -> Any:
        told = each.value(trade)
        return (
            iso_time(told)
            if each.field == "close_time" and isinstance(told, int)
            else None
            if told is None
            else str(told)
        )

    return {
        "results": [
            {
                "name": one.name,
                "figures": {camel(name): each for name, each in one.figures.items()},
                "sameTrades": one.same,
                "differentTrades": len(one.differences),
                "differences": [
                    {
                        "pair": each.pair,
                        "openTime": iso_time(each.time),
                        "in": "both" if each.field else "other" if each.first is None else "first",
                        "field": None if each.field is None else camel(each.field),
                        "first": value(each, each.first),
                        "other": value(each, each.other),
                    }
                    for each in one.differences[:most]
                ],
            }
            for one in found
        ]
    }
