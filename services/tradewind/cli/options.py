"""Arguments and options that several commands share: one word, one meaning, one help text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """How a command prints its data."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


Bot = Annotated[Path, typer.Argument(metavar="BOT", help="The TradingBot manifest, a YAML file.", show_default=False)]
BotIfAny = Annotated[
    Path | None, typer.Argument(metavar="[BOT]", help="The TradingBot manifest, a YAML file.", show_default=False)
]
BotOrName = Annotated[
    str,
    typer.Argument(metavar="BOT", help="The TradingBot manifest, or the name of the bot.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a value of the manifest, e.g. --set spec.data.speed=3600. May be repeated.",
        show_default=False,
    ),
]
Live = Annotated[bool, typer.Option("--live", help="Let a bot of mode Live send its orders to the exchange.")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="How to print the result on stdout.")]
