"""`tradewind montecarlo`: what else might have come of the same trades."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.options import Output, OutputOption
from tradewind.domain.errors import ConfigError

if TYPE_CHECKING:
    from tradewind.domain.metrics import TradeMetrics
    from tradewind.research.exported import Exported
    from tradewind.research.monte_carlo import Method, MonteCarlo

Balance = Annotated[
    str | None,
    typer.Option(
        metavar="MONEY", help="What the account began with, where a file has trades alone.", show_default=False
    ),
]


def montecarlo(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="What --export wrote, or -o json of a run or a backtest of a BOT.")
    ],
    *,
    balance: Balance = None,
    samples: Annotated[int, typer.Option(min=1, max=10_000_000, help="How often to draw.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 0,
    with_replacement: Annotated[
        bool,
        typer.Option("--with-replacement", help="Draw which trades there were too, in place of their order alone."),
    ] = False,
    ruin: Annotated[
        float, typer.Option(metavar="RATIO", min=0.0, max=1.0, help="The share of the start that is lost in a ruin.")
    ] = 0.5,
    output: OutputOption = Output.TEXT,
) -> None:
    """Draw the order of trades again and again: the spread of the final balance and of the drawdown."""
    from tradewind.cli.printing import print_document  # noqa: PLC0415
    from tradewind.cli.progress import Progress  # noqa: PLC0415
    from tradewind.domain.metrics import trade_metrics  # noqa: PLC0415
    from tradewind.research.exported import read_exported  # noqa: PLC0415
    from tradewind.research.monte_carlo import Method, monte_carlo  # noqa: PLC0415

    exported = read_exported(result)
    start = exported.balance(balance_of(balance))
    method = Method.REPLACED if with_replacement else Method.SHUFFLED
    with Progress(exported.name, samples, "samples") as progress:
        found = monte_carlo(
            [float(trade.profit) for trade in exported.trades],
            float(start),
            samples=samples,
            seed=seed,
            method=method,
            ruin=ruin,
            on_samples=progress.advance,
        )
    observed = trade_metrics(exported.trades, start, exported.days)
    document = _document(exported, start, observed, found, seed=seed, method=method, ruin=ruin)
    if output is Output.TEXT:
        _print(document)
    else:
        print_document(document, output)


def balance_of(text: str | None) -> Decimal | None:
    """The value of `--balance`. Raises `ConfigError` for text that is no number."""
    try:
        found = None if text is None else Decimal(text)
    except InvalidOperation:
        found = Decimal("nan")
    if found is not None and not found.is_finite():
        raise ConfigError("--balance", text, "a number above 0", "write 1000")
    return found


def _document(
    exported: Exported,
    start: Decimal,
    observed: TradeMetrics,
    found: MonteCarlo,
    *,
    seed: int,
    method: Method,
    ruin: float,
) -> dict[str, Any]:
    from tradewind.domain.money import plain  # noqa: PLC0415
    from tradewind.research.monte_carlo import PERCENTILES  # noqa: PLC0415

    final = start + sum(trade.profit for trade in exported.trades)
    spreads = {
        "finalBalance": found.final_balance,
        "maxDrawdown": found.drawdown,
        "maxDrawdownRatio": found.drawdown_ratio,
    }
    return {
        "result": exported.name,
        "currency": exported.currency,
        "trades": len(exported.trades),
        "startBalance": plain(start),
        "method": method.value,
        "samples": found.samples,
        "seed": seed,
        "observed": {
            "finalBalance": float(final),
            "maxDrawdown": observed.max_drawdown_absolute,
            "maxDrawdownRatio": observed.max_drawdown_ratio,
        },
        "mean": {name: spread.mean for name, spread in spreads.items()},
        "percentiles": {
            str(level): {name: spread.percentiles[place] for name, spread in spreads.items()}
            for place, level in enumerate(PERCENTILES)
        },
        "probabilityOfLoss": found.loss,
        "probabilityOfRuin": found.ruin,
        "ruin": ruin,
    }


def _print(document: dict[str, Any]) -> None:
    from tradewind.cli.printing import print_table  # noqa: PLC0415

    drawn = "trades with replacement" if document["method"] == "replaced" else "the order of trades"
    title = (
        f"{document['result']} · {document['trades']} trades · {document['samples']:,} samples of {drawn}"
        f" · seed {document['seed']}"
    )
    rows = [
        ["as it was", document["observed"]],
        ["mean", document["mean"]],
        *([f"{level} %", figures] for level, figures in document["percentiles"].items()),
    ]
    print_table(
        title,
        ["percentile", "final balance", "max drawdown", "max drawdown ratio"],
        [
            [
                name,
                f"{figures['finalBalance']:,.2f}",
                f"{figures['maxDrawdown']:,.2f}",
                f"{figures['maxDrawdownRatio']:.2%}",
            ]
            for name, figures in rows
        ],
    )
    print(f"probability of a loss: {document['probabilityOfLoss']:.2%}")
    print(f"probability of a ruin ({document['ruin']:.0%} of the start lost): {document['probabilityOfRuin']:.2%}")
