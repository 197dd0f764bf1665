"""`tradewind data import`: candles of somebody else, for bots."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tradewind.cli.data.options import Folder, Force, Into, Pairs, Timeframes
from tradewind.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.research.candles.folder import SourceFile
    from tradewind.research.candles.survey import Rows


def import_files(
    folder: Folder,
    into: Into,
    *,
    pair: Pairs = None,
    timeframe: Timeframes = None,
    force: Force = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Take candle files of somebody else over into a folder for bots: checked, ascending, one CSV file each.

    freqtrade's folders, and CSV with or without names of columns; times in seconds, milliseconds or ISO 8601. Pair and
    timeframe are those of the file's name; of one file they can be given with --pair and --timeframe. Rows that
    cannot be true are left out, counted, and told with their lines.
    """
    from tradewind.cli.data.surveying import bad_row_lines, tell_unnamed  # noqa: PLC0415
    from tradewind.cli.data.writing import each_file  # noqa: PLC0415
    from tradewind.cli.wording import in_words_of  # noqa: PLC0415
    from tradewind.research.candles.folder import find_targets  # noqa: PLC0415
    from tradewind.research.candles.forms import NATIVE  # noqa: PLC0415
    from tradewind.research.candles.take_over import find_sources, take_over  # noqa: PLC0415

    with in_words_of("DIR"):
        found = find_sources(folder, pair or (), timeframe or ())
    tell_unnamed(found.unnamed)
    targets = find_targets(found.files, into, NATIVE, "DIR", force=force)

    def work(file: SourceFile, target: Path, on_rows: Rows) -> Mapping[str, Any]:
        told = take_over(file, target, on_rows)
        if told["bad"]:
            print(f"{file.path.name}: {told['bad']} bad rows are left out", file=sys.stderr)
            for line in bad_row_lines(told):
                print(line, file=sys.stderr)
        left = ("pair", "timeframe", "file", "form", "refusal")
        return {"from": file.path.name, **{name: value for name, value in told.items() if name not in left}}

    each_file(targets, work, output)
