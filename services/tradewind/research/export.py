"""Closed trades in a file, by its ending: a line of JSON each, one JSON list, CSV, or Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.kernel.csv_text import csv_text, squared

ENDINGS = (".jsonl", ".json", ".csv", ".parquet")


def check_ending(path: Path) -> None:
    """Raises `ConfigError` for an ending that is none of `ENDINGS`; better before a run than after it."""
    if path.suffix not in ENDINGS:
        raise ConfigError("--export", path.name, f"a name ending in {', '.join(ENDINGS)}", "choose one of them")
    if path.suffix == ".parquet":
        _parquet()


def export_trades(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write `lines`. In CSV the orders of a trade are JSON. Raises `ConfigError` where that cannot be written."""
    try:
        match path.suffix:
            case ".jsonl":
                path.write_text("".join(f"{_json(line)}\n" for line in lines), encoding="utf-8")
            case ".json":
                path.write_text(_json(list(lines)) + "\n", encoding="utf-8")
            case ".csv":
                _write_csv(path, lines)
            case _:
                pyarrow, parquet = _parquet()
                parquet.write_table(pyarrow.Table.from_pylist(squared(lines)), path)
    except OSError as error:
        told_error = f"{error.strerror}: {path}"
        raise ConfigError("--export", told_error, "a file that can be written", "correct the path") from error


def _write_csv(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    rows = [{**line, "orders": _json(line["orders"])} if line.get("orders") else line for line in squared(lines)]
    path.write_text(csv_text(rows), encoding="utf-8", newline="")


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415, ICN001  (an extra, and slow to import)
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        fix = "pip install 'tradewind[parquet]', or choose another ending"
        raise ConfigError("--export", "no pyarrow", "the extra parquet", fix) from error
    return pyarrow, pyarrow.parquet


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
