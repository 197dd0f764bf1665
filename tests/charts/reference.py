"""`docs/reference/chart-values.md`: every value of the chart with its default, made of `values.yaml`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.charts.values import Value

HEADER = """# Values of the chart

Made by `make generate` from `charts/tradewind/values.yaml`; change that instead. Helm refuses a value that is not in
this list, or not of its kind, before anything is applied (`charts/tradewind/values.schema.json`).
"""


def reference(values: Sequence[Value]) -> str:
    """The text of the page: a table for each part."""
    parts: dict[str, list[str]] = {}
    for value in values:
        part = value.path.split(".")[0] if "." in value.path else "general"
        text = value.text.replace("|", "\\|")
        parts.setdefault(part, []).append(f"| `{value.path}` | `{_shown(value)}` | {text} |")
    head = "| value | default | what it is |\n|---|---|---|\n"
    tables = [f"\n## {part}\n\n{head}" + "\n".join(rows) + "\n" for part, rows in parts.items()]
    return HEADER + "".join(tables)


def _shown(value: Value) -> str:
    return json.dumps(value.default)
