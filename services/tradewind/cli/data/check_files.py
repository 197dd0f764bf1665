"""`tradewind data check`: every rule that candles of a bot must pass, over files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradewind.cli.data.options import Folder, Pairs, Timeframes
from tradewind.cli.options import Output, OutputOption

SHOWN = 10
"""So many rows and gaps of a file are shown in a text; `-o json` has more."""


def check_files(
    folder: Folder,
    pair: Pairs = None,
    timeframe: Timeframes = None,
    gaps: Annotated[
        bool, typer.Option("--gaps/--no-gaps", help="Whether missing candles are wrong; few venues have none.")
    ] = True,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check files by every rule that a bot's candles must pass; exit 1 where a row is bad or a candle is missing.

    A bot leaves out bad rows, and refuses a file with more than 5 % of them.
    """
    from tradewind.cli.data.surveying import surveyed  # noqa: PLC0415
    from tradewind.cli.printing import print_document  # noqa: PLC0415
    from tradewind.research.candles.survey import details  # noqa: PLC0415

    found, errors = surveyed(folder, pair or (), timeframe or ())
    documents = [details(file, findings) for file, findings in found]
    if output is Output.TEXT:
        for document in documents:
            for line in _lines(document):
                print(line)
    else:
        print_document(documents, output)
    if errors or any(one["bad"] or one["refused"] or (gaps and one["gaps"]) for one in documents):
        raise typer.Exit(1)


def _lines(document: dict[str, Any]) -> list[str]:
    name, bad, gaps = document["file"], document["bad"], document["gaps"]
    if not bad and not gaps:
        return [f"{name}: {document['candles']} candles, nothing wrong"]
    lines = [f"{name}: {document['candles']} candles, {bad} bad rows, {document['missing']} missing in {gaps} gaps"]
    lines += ["  a bot refuses this file: more than 5 % of its rows are bad"] * document["refused"]
    for row in document["badRows"][:SHOWN]:
        place = f"row {row['row']} (from 0)" if row["line"] is None else f"line {row['line']}"
        lines.append(f"  {place}: {row['reason']}, {row['detail']}")
    lines += [f"  ... {bad - SHOWN} more bad rows"] * (bad > SHOWN)
    for gap in document["firstGaps"][:SHOWN]:
        lines.append(f"  {gap['missing']} missing between {gap['after']} and {gap['before']}")
    lines += [f"  ... {gaps - SHOWN} more gaps"] * (gaps > SHOWN)
    return lines
