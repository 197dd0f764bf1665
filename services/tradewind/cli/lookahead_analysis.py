"""`tradewind lookahead-analysis`: does a strategy know what it cannot know?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.options import BotIfAny, Output, OutputOption, Overrides
from tradewind.cli.strategy_input import CandleFolder, FreqtradeConfig, PairNames, StrategyFile, TimerangeOption

if TYPE_CHECKING:
    from tradewind.research.analyses.lookahead import Bias, Lookahead


def lookahead_analysis(
    bot: BotIfAny = None,
    *,
    overrides: Overrides = None,
    timerange: TimerangeOption = None,
    strategy: StrategyFile = None,
    data: CandleFolder = None,
    config: FreqtradeConfig = None,
    pair: PairNames = None,
    moments: Annotated[
        int,
        typer.Option(
            min=1,
            help="Moments to ask at of each pair, and as many where each signal begins, before, and where it ends.",
        ),
    ] = 20,
    output: OutputOption = Output.TEXT,
) -> None:
    """Find signals and indicators that change when later candles are cut away; exit 1 where there are any.

    With --strategy in place of BOT: a strategy written for freqtrade, which needs the extra freqtrade of the package.
    """
    from tradewind.cli.analyzed import subjects_of  # noqa: PLC0415
    from tradewind.cli.printing import print_document  # noqa: PLC0415
    from tradewind.cli.progress import Progress  # noqa: PLC0415
    from tradewind.research.analyses.lookahead import lookahead  # noqa: PLC0415

    asked = subjects_of(
        "tradewind lookahead-analysis",
        bot,
        overrides,
        timerange=timerange,
        strategy=strategy,
        data=data,
        config=config,
        pairs=pair,
    )
    found = []
    for subject in asked:
        with Progress(subject.pair, None, "moments") as progress:
            found.append(lookahead(subject, moments, progress.advance))
    if output is Output.TEXT:
        _print(found)
    else:
        print_document(_document(found), output)
    if any(one.biases for one in found):
        raise typer.Exit(1)


def _print(found: Sequence[Lookahead]) -> None:
    from tradewind.cli.printing import print_table  # noqa: PLC0415

    rows = [[one.pair, f"{one.candles:,}", str(one.moments), str(len(one.columns)), _verdict(one)] for one in found]
    print_table(None, ["pair", "candles", "moments", "columns", "outcome"], rows)
    biases = [bias for one in found for bias in one.biases]
    if not biases:
        return
    columns = ["pair", "column", "kind", "moments", "looks ahead", "first candles at fault", "said then", "said later"]
    print_table(None, columns, [_row(bias) for bias in biases])


def _verdict(one: Lookahead) -> str:
    return f"looks ahead: {', '.join(bias.column for bias in one.biases)}" if one.biases else "looks at the past alone"


def _row(bias: Bias) -> list[str]:
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415

    cells = [[iso_time(each.candle), _text(each.value), _text(each.later)] for each in bias.first]
    told = ["\n".join(column) for column in zip(*cells, strict=True)]
    ahead = f">= {bias.ahead} candle{'s' * (bias.ahead != 1)}"
    return [bias.pair, bias.column, bias.role.value, str(bias.moments), ahead, *told]


def _text(value: float | str | None) -> str:
    return "nothing" if value in {None, ""} else f"{value:.6g}" if isinstance(value, float) else str(value)


def _document(found: Sequence[Lookahead]) -> dict[str, Any]:
    return {
        "clean": not any(one.biases for one in found),
        "pairs": [
            {
                "pair": one.pair,
                "candles": one.candles,
                "moments": one.moments,
                "columns": list(one.columns),
                "biases": [_bias(bias) for bias in one.biases],
            }
            for one in found
        ],
    }


def _bias(bias: Bias) -> dict[str, Any]:
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415

    first = [
        {**asdict(fault), "candle": iso_time(fault.candle), "known": iso_time(fault.known)} for fault in bias.first
    ]
    return {
        "column": bias.column,
        "kind": bias.role.value,
        "moments": bias.moments,
        "candlesAhead": bias.ahead,
        "first": first,
    }
