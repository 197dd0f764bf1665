"""`tradewind data convert`: candles in another form."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewind.cli.data.options import Folder, Force, Into, Pairs, Timeframes
from tradewind.cli.options import Output, OutputOption


def convert_files(
    folder: Folder,
    into: Into,
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="csv, csv.gz, parquet, feather, freqtrade-feather, freqtrade-json, freqtrade-json.gz.",
            show_default=False,
        ),
    ],
    pair: Pairs = None,
    timeframe: Timeframes = None,
    force: Force = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write the candles of a folder into another in another form: the same rows, every number as it was.

    Nothing is checked but that each row is a time and five numbers. Parquet and Feather need the extra parquet of the
    package.
    """
    from tradewind.cli.data.surveying import tell_unnamed  # noqa: PLC0415
    from tradewind.cli.data.writing import each_file  # noqa: PLC0415
    from tradewind.cli.wording import in_words_of  # noqa: PLC0415
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415
    from tradewind.research.candles.convert import convert  # noqa: PLC0415
    from tradewind.research.candles.folder import find_files, find_targets  # noqa: PLC0415
    from tradewind.research.candles.forms import FORMS  # noqa: PLC0415

    if to not in FORMS:
        raise ConfigError("--to", to, ", ".join(FORMS), "choose one of them")
    with in_words_of("DIR"):
        found = find_files(folder, pair or (), timeframe or ())
    tell_unnamed(found.unnamed)
    targets = find_targets(found.files, into, FORMS[to], "DIR", force=force)
    each_file(targets, lambda file, target, on_rows: {"rows": convert(file, target, on_rows)}, output)
