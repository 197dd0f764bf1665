"""A self-contained case: a directory with strategy, configuration, and what is expected of them.

`config.json` is a configuration of freqtrade with one key more, `reference`: the markets, the precision mode, and the
candle files by pair and timeframe, relative to a root that is given.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade.run import BacktestInput


@dataclass(frozen=True, slots=True)
class Case:
    """What to run, and what should come of it: trade lines and summary, None where the case has none."""

    given: BacktestInput
    expected_lines: list[dict[str, Any]] | None
    expected_summary: dict[str, Any] | None


def read_case(directory: Path, data_root: Path) -> Case:
    """Raises `ConfigError` for a directory that is no case, naming what is missing."""
    config = read_json(directory / "config.json")
    reference = config.get("reference")
    if not isinstance(reference, dict) or "markets" not in reference or "data" not in reference:
        raise ConfigError(
            "config.json", "no key reference with data and markets", "a case", "see docs/freqtrade.md for its form"
        )
    files = {(each["pair"], each["timeframe"]): data_root / each["file"] for each in reference["data"]}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise ConfigError(
            "--data-root", f"no file {missing[0]}", "the directory that holds the data files", "correct it"
        )
    for each in reference["data"]:
        _check_bytes(files[each["pair"], each["timeframe"]], each.get("sha256"))
    given = BacktestInput(
        strategy=directory / "strategy.py",
        config=config,
        files=files,
        markets=reference["markets"],
        precision_mode=int(reference.get("precision_mode", 4)),
    )
    lines, summary = directory / "expected.jsonl", directory / "summary.json"
    return Case(
        given,
        [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] if lines.is_file() else None,
        read_json(summary) if summary.is_file() else None,
    )


def _check_bytes(path: Path, sha256: str | None) -> None:
    """Candles that are not those of the case would give other trades, and nobody would see why."""
    if sha256 is not None and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ConfigError(
            "--data-root", f"other candles than the case's: {path}", f"sha256 {sha256}", "take its own file"
        )


def read_json(path: Path) -> dict[str, Any]:
    """An object in a file. Raises `ConfigError` where there is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(path.name, f"{error.strerror}: {path}", "a readable file", "correct the directory") from error
    except ValueError as error:
        raise ConfigError(path.name, f"{error}: {path}", "JSON", "correct the file") from error
