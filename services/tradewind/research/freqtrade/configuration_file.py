"""A configuration file as freqtrade reads it: JSON with comments and trailing commas, and other files beside it.

What `add_config_files` names is read from where the naming file is. A later file of the list wins over an earlier one,
and the naming file over both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradewind.domain.errors import ConfigError

_DEEPEST = 5
_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
_OTHERS = "add_config_files"


def read_configuration(path: Path, _depth: int = 0) -> dict[str, Any]:
    """The configuration in `path` with the files that it adds. Raises `ConfigError` for what cannot be read."""
    if _depth > _DEEPEST:
        raise ConfigError(_OTHERS, str(path), f"files that add files {_DEEPEST} deep", "put them into one file")
    own = read_relaxed(path)
    others = own.pop(_OTHERS, None) or []
    if not isinstance(others, list) or not all(isinstance(name, str) for name in others):
        raise ConfigError(_OTHERS, others, "a list of paths", f"correct {path.name}")
    merged: dict[str, Any] = {}
    for name in others:
        merged = _over(read_configuration(path.parent / name, _depth + 1), merged)
    return _over(own, merged)


def read_relaxed(path: Path) -> dict[str, Any]:
    """The object in one file, comments and trailing commas allowed. Raises `ConfigError` where there is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(path.name, f"{error.strerror}: {path}", "a readable file", "correct the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(path.name, f"{error.reason}: {path}", "text in UTF-8", "save it as UTF-8") from error
    try:
        found = json.loads(_COMMA.sub(_kept, _COMMENT.sub(_kept, text)))
    except ValueError as error:
        raise ConfigError(path.name, f"{error}: {path}", "JSON", "correct the file") from error
    if not isinstance(found, dict):
        raise ConfigError(path.name, type(found).__name__, "one JSON object", "correct the file")
    return found


def _kept(match: re.Match[str]) -> str:
    """A string as it is; of anything else a line end, if it had any, so that errors name the right line."""
    return match[1] or "\n" * match[0].count("\n")


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the upper where both have a value; objects are put together inside."""
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        merged[name] = _over(value, below) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged
