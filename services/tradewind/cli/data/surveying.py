"""What `list` and `check` have in common: every file is looked at, and one that cannot be read stops no other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tradewind.cli.progress import Progress
from tradewind.cli.wording import in_words_of
from tradewind.domain.errors import ConfigError
from tradewind.research.candles.checking import Findings
from tradewind.research.candles.folder import SourceFile, find_files
from tradewind.research.candles.survey import survey


def surveyed(
    place: str, pairs: Sequence[str], timeframes: Sequence[str]
) -> tuple[list[tuple[SourceFile, Findings]], list[ConfigError]]:
    """What was found in each file that is meant, and why others could not be read."""
    with in_words_of("DIR"):
        folder = find_files(place, pairs, timeframes)
    found, errors = [], []
    tell_unnamed(folder.unnamed)
    with Progress("reading", None, "rows") as progress:
        for file in folder.files:
            try:
                with in_words_of("DIR"):
                    found.append((file, survey(file, progress.advance)))
            except ConfigError as error:
                errors.append(error)
    for one in errors:
        print(f"error: {one}", file=sys.stderr)
    return found, errors


def tell_unnamed(paths: Sequence[Path]) -> None:
    """Say which files are left out because of their names."""
    if paths:
        names = ", ".join(path.name for path in paths[:5]) + (", ..." if len(paths) > 5 else "")
        print(f"left out, because the name says no pair and timeframe: {names}", file=sys.stderr)
