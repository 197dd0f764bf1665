"""`tradewind data list`: which candles a folder holds."""

from __future__ import annotations

import typer

from tradewind.cli.data.options import Folder, Pairs, Timeframes
from tradewind.cli.options import Output, OutputOption


def list_files(
    folder: Folder, pair: Pairs = None, timeframe: Timeframes = None, output: OutputOption = Output.TEXT
) -> None:
    """List the files of a folder: candles that a bot can trade on, the first and the last, gaps, bad rows."""
    from tradewind.cli.data.surveying import cell, surveyed  # noqa: PLC0415
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415
    from tradewind.research.candles.survey import summary  # noqa: PLC0415

    found, errors = surveyed(folder, pair or (), timeframe or ())
    rows = [summary(file, findings) for file, findings in found]
    if output is Output.TEXT:
        columns = ["pair", "timeframe", "form", "candles", "first", "last", "gaps", "missing", "bad"]
        print_table(None, columns, [[cell(name, row[name]) for name in columns] for row in rows])
    else:
        print_document(rows, output)
    if errors:
        raise typer.Exit(1)
