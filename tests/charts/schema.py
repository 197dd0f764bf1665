"""`values.schema.json`, made of `values.yaml`: nothing is allowed that is not there, and each refusal says what is.

Helm reads draft 7. A value without further words is of the type of its default; texts may not be null, so that a value
that is left empty by mistake is told and not taken for the default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.charts.values import Value

_QUANTITY = r"^[0-9]+(\.[0-9]+)?([EPTGMk]i?|m)?$"
_AMOUNT = {"oneOf": [{"type": "string", "pattern": _QUANTITY}, {"type": "number", "exclusiveMinimum": 0}]}
_AMOUNTS = {"type": "object", "additionalProperties": _AMOUNT}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "duration": {
        "type": "string",
        "pattern": "^[0-9]+(ms|s|m|h|d|w|y)$",
        "description": "A number with ms, s, m, h, d, w or y.",
    },
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "quantity": {"type": "string", "pattern": _QUANTITY, "description": "A quantity of Kubernetes, such as 8Gi."},
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"requests": _AMOUNTS, "limits": _AMOUNTS},
    },
    "texts": {"type": "object", "additionalProperties": {"type": "string"}},
    "toleration": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "key": {"type": "string"},
            "operator": {"enum": ["Exists", "Equal"]},
            "value": {"type": "string"},
            "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
            "tolerationSeconds": {"type": "integer"},
        },
    },
    "route": {
        "type": "object",
        "additionalProperties": False,
        "required": ["host", "service", "port"],
        "properties": {
            "host": {"type": "string", "minLength": 1},
            "service": {"type": "string", "minLength": 1},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "namespace": {"type": "string", "minLength": 1},
            "path": {"type": "string", "pattern": "^/"},
            "tlsSecret": {"type": "string", "minLength": 1},
        },
    },
}
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def schema(values: Sequence[Value]) -> str:
    """The text of the file."""
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart tradewind",
        **_closed(),
        "$defs": DEFINITIONS,
    }
    for value in values:
        node = document
        *above, name = value.path.split(".")
        for step in above:
            node = node["properties"].setdefault(step, _closed())
        node["properties"][name] = _property(value)
    # Helm itself sets it where the chart is a part of another one.
    document["properties"]["global"]["additionalProperties"] = True
    return json.dumps(document, indent=2) + "\n"


def _closed() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _property(value: Value) -> dict[str, Any]:
    words = {"description": value.text, "default": value.default}
    reference = value.schema.get("$ref")
    # Beside a reference draft 7 sees nothing else.
    return {**words, "allOf": [{"$ref": reference}]} if reference else _typed(value) | words


def _typed(value: Value) -> dict[str, Any]:
    return {"type": _TYPES[type(value.default)], **value.schema}
