"""`tradewind data check`: every rule that candles of a bot must pass, over files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradewind.cli.data.options import Folder, Pairs, Timeframes
from tradewind.cli.options import Output, OutputOption

GAPS_SHOWN = 10
"""So many gaps of a file are shown in a text; `-o json` has more."""


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
    if errors or any(one["bad"] or one["refusal"] or (gaps and one["gaps"]) for one in documents):
        raise typer.Exit(1)


def _lines(document: dict[str, Any]) -> list[str]:
    from tradewind.cli.data.surveying import bad_row_lines  # noqa: PLC0415

    name, bad, gaps = document["file"], document["bad"], document["gaps"]
    if not bad and not gaps:
        return [f"{name}: {document['candles']} candles, nothing wrong"]
    lines = [f"{name}: {document['candles']} candles, {bad} bad rows, {document['missing']} missing in {gaps} gaps"]
    lines += [f"  a bot refuses this file: {document['refusal']}"] * bool(document["refusal"])
    lines += bad_row_lines(document)
    for gap in document["firstGaps"][:GAPS_SHOWN]:
        lines.append(f"  {gap['missing']} missing between {gap['after']} and {gap['before']}")
    lines += [f"  ... {gaps - GAPS_SHOWN} more gaps"] * (gaps > GAPS_SHOWN)
    return lines
