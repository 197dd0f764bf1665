"""`tradewind backtest`: a bot over the candles of its manifest, or a freqtrade strategy by freqtrade's rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.options import BotIfAny, Output, OutputOption, Overrides
from tradewind.cli.strategy_input import (
    CandleFolder,
    FeeOption,
    FreqtradeConfig,
    PairNames,
    StrategyFile,
    TimerangeOption,
    check_freqtrade_extra,
    refuse_options,
)
from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade.engine import Engine

if TYPE_CHECKING:
    from tradewind.research.freqtrade.case import Case


def backtest(
    bot: BotIfAny = None,
    *,
    overrides: Overrides = None,
    timerange: TimerangeOption = None,
    fee: FeeOption = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the closed trades: .jsonl, .json, .csv or .parquet.", show_default=False
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the HTML report of a BOT.", show_default=False)
    ] = None,
    strategy: StrategyFile = None,
    data: CandleFolder = None,
    config: FreqtradeConfig = None,
    pair: PairNames = None,
    case: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A case in place of all that: strategy.py, config.json with its key reference.",
            show_default=False,
        ),
    ] = None,
    data_root: Annotated[
        Path, typer.Option(metavar="DIR", help="What the data files of a case are relative to.")
    ] = Path(),
    engine: Annotated[
        Engine,
        typer.Option(help="Of a freqtrade strategy: the compiled engine plays millions of candles, without callbacks."),
    ] = Engine.AUTO,
    detail_timeframe: Annotated[
        str | None,
        typer.Option(
            metavar="TIMEFRAME",
            help="Of a freqtrade strategy: look inside its candles with candles of a shorter timeframe, as 5m.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the case's expected.jsonl and summary.json; exit 1 if unlike.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Trade a bot's recorded or synthetic candles at once: the trades that a paper run over them makes, in seconds.

    With --strategy or --case in place of BOT: a strategy written for freqtrade, by freqtrade's own rules. With BOT and
    --strategy: its signals in place of the bot's strategies. Both need the extra freqtrade of the package.
    """
    if export is not None:
        from tradewind.research.export import check_ending  # noqa: PLC0415

        check_ending(export)
    if bot is not None:
        from tradewind.cli.native_backtest import native_backtest  # noqa: PLC0415

        refuse_options("--strategy or --case in place of BOT", data=data, config=config, pair=pair)
        refuse_options("--case in place of BOT", case=case, check=check or None)
        refuse_options("--strategy or --case in place of BOT", engine=None if engine is Engine.AUTO else engine)
        _refuse_details(detail_timeframe)
        native_backtest(
            bot,
            overrides or (),
            timerange=timerange,
            fee=fee,
            export=export,
            report=report,
            strategy=strategy,
            output=output,
        )
        return
    refuse_options("BOT, a manifest", set=overrides, report=report)
    check_freqtrade_extra("tradewind backtest")
    _freqtrade_backtest(
        strategy,
        data,
        config,
        pair,
        timerange,
        fee,
        case,
        data_root,
        engine=engine,
        detail_timeframe=detail_timeframe,
        export=export,
        check=check,
        output=output,
    )


def _refuse_details(timeframe: str | None) -> None:
    if timeframe is not None:
        told = (
            f"{timeframe}, with BOT: its backtest makes the trades of a paper run, which knows the bot's candles alone"
        )
        fix = f"remove it, or let the bot itself trade candles of {timeframe}"
        raise ConfigError("--detail-timeframe", told, "only with --strategy or --case in place of BOT", fix)


def _freqtrade_backtest(  # noqa: PLR0917 - as the command has them
    strategy: Path | None,
    data: Path | None,
    config: Path | None,
    pair: list[str] | None,
    timerange: str | None,
    fee: float | None,
    case: Path | None,
    data_root: Path,
    *,
    engine: Engine,
    detail_timeframe: str | None,
    export: Path | None,
    check: bool,
    output: Output,
) -> None:
    from tradewind.research.export import export_trades  # noqa: PLC0415
    from tradewind.research.freqtrade.case import Case, read_case  # noqa: PLC0415
    from tradewind.research.freqtrade.given import given_by  # noqa: PLC0415
    from tradewind.research.freqtrade.lines import trade_lines  # noqa: PLC0415
    from tradewind.research.freqtrade.run import backtest as run  # noqa: PLC0415
    from tradewind.research.freqtrade.summary import summary  # noqa: PLC0415

    if case is not None:
        read = read_case(case, data_root)
        if detail_timeframe is not None:
            changed = {**read.given.config, "timeframe_detail": detail_timeframe}
            read = replace(read, given=replace(read.given, config=changed))
    elif strategy is None or data is None:
        allowed = "BOT, or --case, or --strategy and --data"
        raise ConfigError("tradewind backtest", "nothing to run", allowed, "name what to run")
    elif check:
        raise ConfigError("--check", "no --case", "a case, which says what is expected", "remove --check")
    else:
        given = given_by(
            strategy,
            data,
            config=config,
            pairs=pair or (),
            timerange=timerange,
            fee=fee,
            detail_timeframe=detail_timeframe,
        )
        read = Case(given, None, None)
    result = run(read.given, engine=engine)
    lines, found = trade_lines(result.result.closed), summary(result)
    if export is not None:
        export_trades(export, lines)
    _print(found, output)
    if check:
        _check(read, lines, found)


def _print(found: dict[str, Any], output: Output) -> None:
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415

    if output is not Output.TEXT:
        print_document(found, output)
        return
    rows = [[name, _text(value)] for name, value in found.items() if not isinstance(value, dict | list)]
    print_table(None, ["figure", "value"], rows)
    print_table(None, ["exit reason", "trades"], [[name, str(count)] for name, count in found["exit_reasons"].items()])


def _text(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _check(case: Case, lines: list[dict[str, Any]], found: dict[str, Any]) -> None:
    from tradewind.research.freqtrade.check import (  # noqa: PLC0415
        not_compared,
        shown,
        summary_differences,
        trade_differences,
    )

    if case.expected_lines is None and case.expected_summary is None:
        raise ConfigError("--check", "a case that expects nothing", "expected.jsonl or summary.json", "add one of them")
    told = []
    if case.expected_lines is not None:
        told += shown(trade_differences(lines, case.expected_lines))
    if case.expected_summary is not None:
        told += shown(summary_differences(found, case.expected_summary))
    for line in told:
        typer.echo(line, err=True)
    unknown = not_compared(case.expected_lines or ())
    if unknown:
        typer.echo(f"not compared, because no such field of an order is known: {', '.join(unknown)}", err=True)
    if told:
        raise typer.Exit(1)
    parts = [f"{len(lines)} trades"] * (case.expected_lines is not None)
    parts += ["the summary"] * (case.expected_summary is not None)
    typer.echo(f"as expected: {', and '.join(parts)}", err=True)
