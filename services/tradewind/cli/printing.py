"""Data on stdout: as JSON, as YAML, or as tables for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tradewind.cli.options import Output


def print_document(document: Any, output: Output) -> None:
    """One JSON object (or list) or YAML document on stdout."""
    if output is Output.YAML:
        import yaml  # noqa: PLC0415  (only where it is used: start-up time)

        sys.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    else:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; every column but the first is a number when all of its cells look like one."""
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = index > 0 and all(_is_number(row[index]) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # Cells are what somebody else wrote too: a class gives its exits any name, `[/x]` for one.
    width = None if sys.stdout.isatty() else 110
    console = Console(width=width, markup=False, highlight=False, soft_wrap=False)
    if title is not None:
        console.print(title, style="bold")  # not the table's own, which would fold it to the table's width
    console.print(table)


def _is_number(text: str) -> bool:
    return not text or text.strip("+-%").replace(",", "").replace(".", "").isdigit()
