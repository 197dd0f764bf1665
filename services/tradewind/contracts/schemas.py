"""The JSON schemas of all messages: what another program, or an older version of this one, may rely on.

`python -m tradewind.contracts.schemas` prints them; `tests/contract/messages.json` is the golden copy.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from tradewind.contracts.messages import MESSAGES


def message_schemas() -> dict[str, Any]:
    """Schema, topic and durability of every message, by name."""
    schemas, components = msgspec.json.schema_components(MESSAGES.values(), ref_template="#/$defs/{name}")
    del schemas
    return {
        "messages": {
            name: {"topic": kind.topic, "stored": kind.stored, "schema": components[name]}
            for name, kind in sorted(MESSAGES.items())
        },
        "$defs": {name: schema for name, schema in sorted(components.items()) if name not in MESSAGES},
    }


if __name__ == "__main__":
    json.dump(message_schemas(), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
