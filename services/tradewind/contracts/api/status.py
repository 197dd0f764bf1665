"""The status of a `TradingBot`: what the operator saw.

It is written by the operator alone, so the parser has no model of it and drops it. Nothing in it changes with the
market: prices and profits would be a write to the API server at every candle.
"""

from __future__ import annotations

from tradewind.contracts.api.schema import Node, bot_schema


def status_schema() -> Node:
    """The schema of `status`, made anew at each call."""
    return {
        "type": "object",
        "description": "What the operator saw; written by the operator alone.",
        "properties": {
            "observedGeneration": counted("The generation of the spec that this status is about."),
            "strategies": text("The names of the strategies that vote, as one text for people.", 1024),
            "conditions": listed("What is so about the bot, one entry for each type of condition.", 32, condition()),
            "services": listed("What runs of each service of the bot.", 64, _service()),
        },
    }


def condition() -> Node:
    """The schema of one condition."""
    return {
        "type": "object",
        "description": "One thing that is so, is not so, or is not known.",
        "required": ["type", "status", "lastTransitionTime", "reason", "message"],
        "properties": {
            "type": text("The type of the condition, such as Ready.", 64, "^[A-Z][A-Za-z]*$"),
            "status": {
                "type": "string",
                "description": "Whether it is so.",
                "enum": ["True", "False", "Unknown"],
            },
            "reason": text("Why, as one word for programs.", 128, "^[A-Z][A-Za-z0-9]*$"),
            "message": text("Why, as a sentence for people.", 4096),
            "lastTransitionTime": {
                "type": "string",
                "format": "date-time",
                "description": "The moment at which the status last changed, as an RFC 3339 timestamp.",
            },
            "observedGeneration": counted("The generation of the spec that this condition is about."),
        },
    }


def _service() -> Node:
    name = bot_schema()["properties"]["spec"]["properties"]["services"]["items"]["properties"]["name"]
    return {
        "type": "object",
        "description": "What runs of one service.",
        "required": ["name", "ready", "desired", "restarts"],
        "properties": {
            "name": {"type": "string", "description": "The name of the service.", "enum": list(name["enum"])},
            "ready": counted("How many of its pods are ready."),
            "desired": counted("How many of its pods there should be."),
            "restarts": counted("How often the containers of its present pods were started again."),
        },
    }


def listed(description: str, most: int, item: Node) -> Node:
    """A list whose items are told apart by the first of their fields."""
    return {
        "type": "array",
        "description": description,
        "maxItems": most,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [next(iter(item["properties"]))],
        "items": item,
    }


def text(description: str, longest: int, pattern: str | None = None) -> Node:
    """A text of at most `longest` characters."""
    node = {"type": "string", "description": description, "maxLength": longest}
    return {**node, "pattern": pattern} if pattern else node


def counted(description: str) -> Node:
    """A whole number, 0 or more."""
    return {"type": "integer", "format": "int64", "minimum": 0, "description": description}
