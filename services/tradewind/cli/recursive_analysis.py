"""`tradewind recursive-analysis`: what a strategy's last values owe to how many candles came before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.options import BotIfAny, Output, OutputOption, Overrides
from tradewind.cli.strategy_input import CandleFolder, FreqtradeConfig, PairNames, StrategyFile, TimerangeOption

if TYPE_CHECKING:
    from tradewind.research.analyses.recursive import Dependence, Recursive


def recursive_analysis(
    bot: BotIfAny = None,
    *,
    overrides: Overrides = None,
    timerange: TimerangeOption = None,
    strategy: StrategyFile = None,
    data: CandleFolder = None,
    config: FreqtradeConfig = None,
    pair: PairNames = None,
    startup: Annotated[
        list[int] | None,
        typer.Option(
            metavar="CANDLES",
            help="A warm-up to try; may be repeated. The strategy's own and 199, 399, 499, 999, 1999.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(metavar="RATIO", min=0.0, help="A difference that does not matter.")
    ] = 0.0001,
    output: OutputOption = Output.TEXT,
) -> None:
    """Look at the last candle with several lengths of warm-up: how far each column is from what the longest gives.

    With --strategy in place of BOT: a strategy written for freqtrade, which needs the extra freqtrade of the package.
    """
    from tradewind.cli.analyzed import subjects_of  # noqa: PLC0415
    from tradewind.cli.printing import print_document  # noqa: PLC0415
    from tradewind.cli.progress import Progress  # noqa: PLC0415
    from tradewind.research.analyses.recursive import lengths_of, recursive  # noqa: PLC0415

    asked = subjects_of(
        "tradewind recursive-analysis",
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
        lengths = lengths_of(subject, startup or ())
        with Progress(subject.pair, len(lengths), "lengths") as progress:
            found.append(recursive(subject, lengths, progress.advance))
    if output is Output.TEXT:
        for one in found:
            _print(one, tolerance)
    else:
        print_document({"tolerance": tolerance, "pairs": [_document(one, tolerance) for one in found]}, output)


def _print(found: Recursive, tolerance: float) -> None:
    from tradewind.cli.printing import print_table  # noqa: PLC0415
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415

    title = f"{found.pair} · candle {iso_time(found.candle)} · difference from a warm-up of {found.lengths[-1]} candles"
    names = [f"{length}{' (own)' * (length == found.warm_up)}" for length in found.lengths[:-1]]
    rows = [
        [one.column, *(_difference(one, place) for place in range(len(names))), _steady(one, found, tolerance)]
        for one in found.columns
        if one.depends()
    ]
    if rows:
        print_table(title, ["column", *names, "steady from"], rows)
    else:
        print(f"{title}: none")
    depending = [one.column for one in found.columns if one.depends(tolerance)]
    told = ", ".join(depending) or "nothing"
    print(f"{found.pair}: the warm-up matters by more than {100 * tolerance:g} % to {told}")
    if found.never:
        print(f"{found.pair}: never a number at this candle: {', '.join(found.never)}")


def _difference(one: Dependence, place: int) -> str:
    difference = one.differences[place]
    if difference is None:
        return "nothing"
    if math.isinf(difference):
        return f"{one.values[place]:.6g}, not 0"
    return f"{100 * difference:+.4g}%" if difference else "0"


def _steady(one: Dependence, found: Recursive, tolerance: float) -> str:
    steady = one.steady_from(found.lengths, tolerance)
    return str(steady) if steady is not None and steady != found.lengths[-1] else f"beyond {found.lengths[-2]}"


def _document(found: Recursive, tolerance: float) -> dict[str, Any]:
    from tradewind.domain.candle_checks import iso_time  # noqa: PLC0415

    return {
        "pair": found.pair,
        "candle": iso_time(found.candle),
        "lengths": list(found.lengths),
        "warmUp": found.warm_up,
        "columns": [
            {
                "column": one.column,
                "kind": one.role.value,
                "values": list(one.values),
                "differences": [_finite(each) for each in one.differences],
                "steadyFrom": one.steady_from(found.lengths, tolerance),
            }
            for one in found.columns
        ],
        "depends": [one.column for one in found.columns if one.depends(tolerance)],
        "neverANumber": list(found.never),
    }


def _finite(difference: float | None) -> float | None:
    """JSON has no infinity; the values beside it tell."""
    return difference if difference is not None and math.isfinite(difference) else None
