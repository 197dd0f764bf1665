"""Files of somebody else taken over into the layout that bots read, checked as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.market_data.adapters.files import read_batches
from tradewind.research.candles.checking import CandleCheck
from tradewind.research.candles.folder import Folder, SourceFile, check_timeframes, find_files
from tradewind.research.candles.survey import Rows, details, told
from tradewind.research.candles.writers import writer


def find_sources(place: str, pairs: Sequence[str], timeframes: Sequence[str]) -> Folder:
    """As `find_files`; of one file, whatever its name says, a pair and timeframe that are given are its own."""
    path = Path(place).expanduser()
    if not path.is_file() or not pairs or not timeframes:
        return find_files(place, pairs, timeframes)
    if len(pairs) > 1 or len(timeframes) > 1:
        told_all = ", ".join((*pairs, *timeframes))
        raise ConfigError("--pair", told_all, "one pair and one timeframe for one file", "import file by file")
    check_timeframes(timeframes)
    return Folder((SourceFile(path, pairs[0], timeframes[0]),), ())


def take_over(file: SourceFile, target: Path, on_rows: Rows) -> dict[str, Any]:
    """Write the good candles of `file` to `target`, ascending; what was found (`survey.details`).

    Raises `ConfigError`, and leaves nothing, where the file cannot be read or a bot would refuse it.
    """
    check = CandleCheck(file.pair, file.timeframe)
    with writer(target) as write:
        for series in check.candles(told(read_batches(file.path, file.pair), on_rows)):
            write(series.open_time, [series.open, series.high, series.low, series.close, series.volume])
        found = check.findings
        if found.refusal:
            first = next(iter(found.bad_rows), None)
            place = "" if first is None else f", first row {first.row} (from 0), {first.reason}: {first.detail}"
            fix = "correct the file; its columns, the unit of its times and --timeframe are the usual causes"
            raise ConfigError("DIR", f"{found.refusal}{place}: {file.path}", f"candles of {file.timeframe}", fix)
    return details(file, found)
