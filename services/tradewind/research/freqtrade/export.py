"""Closed trades in a file, by its ending: a line of JSON each, one JSON list, CSV, or Parquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

from tradewind.domain.errors import ConfigError

ENDINGS = (".jsonl", ".json", ".csv", ".parquet")


def check_ending(path: Path) -> None:
    """Raises `ConfigError` for an ending that is none of `ENDINGS`; better before a run than after it."""
    if path.suffix not in ENDINGS:
        raise ConfigError("--export", path.name, f"a name ending in {', '.join(ENDINGS)}", "choose one of them")


def export_trades(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Write `lines`. In CSV the orders of a trade are JSON. Raises `ConfigError` where that cannot be written."""
    try:
        match path.suffix:
            case ".jsonl":
                path.write_text("".join(f"{_json(line)}\n" for line in lines), encoding="utf-8")
            case ".json":
                path.write_text(_json(list(lines)) + "\n", encoding="utf-8")
            case ".csv":
                told = [{**line, "orders": _json(line["orders"])} if "orders" in line else line for line in lines]
                DataFrame(told).to_csv(path, index=False)
            case _:
                DataFrame(list(lines)).to_parquet(path, index=False)
    except OSError as error:
        told_error = f"{error.strerror}: {path}"
        raise ConfigError("--export", told_error, "a file that can be written", "correct the path") from error


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
