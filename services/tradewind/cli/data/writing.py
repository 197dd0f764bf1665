"""What `convert` and `import` have in common: file after file, and what is finished stays when somebody ends it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from tradewind.cli.data.surveying import cell
from tradewind.cli.options import Output
from tradewind.cli.printing import print_document, print_table
from tradewind.cli.progress import Progress
from tradewind.cli.wording import in_words_of
from tradewind.domain.errors import ConfigError, ConfigErrors, MachineError
from tradewind.research.candles.folder import SourceFile
from tradewind.research.candles.survey import Rows

Work = Callable[[SourceFile, Path, Rows], Mapping[str, Any]]
"""Writes the second from the first; what is told of it, by column."""


def each_file(targets: Mapping[SourceFile, Path], work: Work, output: Output) -> None:
    """Do the work for each file and print what was done; one that cannot be read stops no other.

    Raises `typer.Exit` when Ctrl-C ended it, and at the end `ConfigErrors` for what the user must mend.
    """
    done: list[Mapping[str, Any]] = []
    errors: list[ConfigError] = []
    interrupted = False
    with Progress("writing", None, "rows") as progress:
        try:
            for file, target in targets.items():
                try:
                    with in_words_of("DIR"):
                        told = work(file, target, progress.advance)
                except MachineError:
                    raise
                except ConfigError as error:
                    errors.append(error)
                    continue
                done.append({"pair": file.pair, "timeframe": file.timeframe, "file": target.name, **told})
        except KeyboardInterrupt:
            interrupted = True
    if output is not Output.TEXT:
        print_document(done, output)
    elif done:
        columns = [name for name, value in done[0].items() if name != "from" and not isinstance(value, list | dict)]
        print_table(None, columns, [[cell(name, row[name]) for name in columns] for row in done])
    if interrupted:
        print(f"interrupted: {len(done)} of {len(targets)} files are finished", file=sys.stderr)
        raise typer.Exit(130)
    if errors:
        raise ConfigErrors(errors)
