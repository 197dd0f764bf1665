"""How a command is told a strategy written for freqtrade: the same options everywhere, and what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tradewind.domain.errors import ConfigError

TimerangeOption = Annotated[
    str | None,
    typer.Option(
        metavar="START-STOP", help="As in 20220101-20220301; either side may be left out.", show_default=False
    ),
]
FeeOption = Annotated[
    float | None,
    typer.Option(metavar="RATIO", help="Per side, in place of the manifest's or configuration's.", show_default=False),
]
StrategyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A strategy written for freqtrade, a Python file.", show_default=False),
]
CandleFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Its candle files, BASE-QUOTE-TIMEFRAME or BASE_QUOTE-TIMEFRAME.", show_default=False
    ),
]
FreqtradeConfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A configuration of freqtrade, JSON.", show_default=False)
]
PairNames = Annotated[
    list[str] | None,
    typer.Option(metavar="PAIR", help="A pair to trade; may be repeated. All of the folder.", show_default=False),
]


def refuse_options(needs: str, **given: Any) -> None:
    """Refuse options that mean nothing beside what else was said; `needs` is what they are for."""
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"--{name}", str(value), f"only with {needs}", f"remove --{name}")


def check_freqtrade_extra(command: str) -> None:
    """Say what to install before a traceback would."""
    from tradewind.strategies.freqtrade.installed import check_installed  # noqa: PLC0415

    check_installed(command)
