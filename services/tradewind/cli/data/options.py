"""Options that the commands about candle files share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    str,
    typer.Argument(
        metavar="DIR", help="A folder of candle files, one file, or sample:bitvavo-2022.", show_default=False
    ),
]
Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--pair", metavar="PAIR", help="Only this pair, or pattern such as '*/EUR'; repeatable.", show_default=False
    ),
]
Timeframes = Annotated[
    list[str] | None,
    typer.Option("--timeframe", metavar="TIMEFRAME", help="Only this timeframe; repeatable.", show_default=False),
]
Into = Annotated[Path, typer.Argument(metavar="INTO", help="The folder to write into; it is made.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
