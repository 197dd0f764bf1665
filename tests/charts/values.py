"""`values.yaml` as a person reads it: every value with its default, its comment, and what it may be.

A comment of `# --` stands above each value, and goes on in lines of `#`. A line `# @schema` holds what the default
alone does not tell, as JSON schema written in YAML. So values, schema and documents have one source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "tradewind"
_KEY = re.compile(r"( *)([A-Za-z][A-Za-z0-9]*):")


@dataclass(frozen=True)
class Value:
    """One value: `path` is `redis.persistence.size`; `schema` what the line `# @schema` says."""

    path: str
    default: Any
    text: str
    schema: dict[str, Any] = field(default_factory=dict)


def values() -> list[Value]:
    """Every value that is documented, in the order of the file; raises `ValueError` for one that is not."""
    text = (CHART / "values.yaml").read_text()
    defaults = yaml.safe_load(text)
    found = list(_documented(text, defaults))
    described = {one.path for one in found}
    lacking = [path for path in _leaves(defaults, ()) if not described & {path, *_above(path)}]
    if lacking:
        raise ValueError(f"values without a comment `# --`: {', '.join(lacking)}")
    return found


def _documented(text: str, defaults: dict[str, Any]) -> Iterator[Value]:
    place: list[str] = []
    comment: list[str] = []
    schema: dict[str, Any] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# @schema "):
            schema = yaml.safe_load(stripped.removeprefix("# @schema "))
        elif stripped.startswith("# -- "):
            comment = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.removeprefix("#").strip())
        elif (key := _KEY.match(line)) is not None:
            place = [*place[: len(key[1]) // 2], key[2]]
            if comment:
                yield Value(".".join(place), _at(defaults, place), " ".join(comment), schema)
            comment, schema = [], {}


def _at(defaults: Any, place: list[str]) -> Any:
    for step in place:
        defaults = defaults[step]
    return defaults


def _leaves(node: Any, place: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, dict) and node:
        for name, value in node.items():
            yield from _leaves(value, (*place, name))
    else:
        yield ".".join(place)


def _above(path: str) -> list[str]:
    steps = path.split(".")
    return [".".join(steps[:count]) for count in range(1, len(steps))]
