"""The model as one JSON Schema tree without references, and the questions that are asked of it.

Error messages, `--set`, `config show` and the custom resource definition all read this tree, so none of them can
disagree with the model. Beside what Kubernetes knows, a node may carry `x-words` (what is allowed, in words),
`x-example` and `x-not-yet` (values that a later version may bring, each with what to do until then).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel

from tradewind.contracts.api.problems import Place, place_text
from tradewind.contracts.api.v1alpha1 import TradingBot

Node = dict[str, Any]

_COPIED = (
    "type",
    "description",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
)


@cache
def bot_schema() -> Node:
    """The schema of a whole `TradingBot` document. Shared: do not change it."""
    return model_schema(TradingBot)


def model_schema(model: type[BaseModel]) -> Node:
    """The schema of a model of ours, made anew at each call."""
    root = model.model_json_schema(by_alias=True, mode="validation")
    return _plain_node(root, root.get("$defs", {}))


def _plain_node(raw: Node, definitions: Node) -> Node:
    """`raw` with references put in place, no alternative with null, and defaults for objects that may be left out."""
    raw = _resolved(raw, definitions)
    if "const" in raw:
        raw["enum"] = [raw["const"]]
    node = {key: raw[key] for key in _COPIED if key in raw}
    node |= {key: value for key, value in raw.items() if key.startswith("x-")}
    if raw.get("default") is not None:
        node["default"] = raw["default"]
    if "items" in raw:
        node["items"] = _plain_node(raw["items"], definitions)
    if "properties" in raw:
        required = raw.get("required", ())
        node["properties"] = {
            name: _property(child, definitions, required=name in required) for name, child in raw["properties"].items()
        }
    elif node.get("type") == "object":
        node["additionalProperties"] = _values_of_map(raw, definitions)
    return node


def _resolved(raw: Node, definitions: Node) -> Node:
    """A copy of `raw` with its reference, or its one alternative that is not null, merged in; its own words win."""
    merged = dict(raw)
    alternatives = [node for node in merged.pop("anyOf", ()) if node.get("type") != "null"]
    for source in alternatives:
        merged = {**source, **merged}
    if "$ref" in merged:
        merged = {**definitions[merged.pop("$ref").rpartition("/")[2]], **merged}
    return merged


def _property(raw: Node, definitions: Node, *, required: bool) -> Node:
    node = _plain_node(raw, definitions)
    may_be_left_out = not required and "anyOf" not in raw
    if may_be_left_out and node.get("type") == "object":
        node["default"] = {}
    return node


def _values_of_map(raw: Node, definitions: Node) -> Node | bool:
    """The schema of the values of a free-form object: `True` where anything goes."""
    values = next(iter(raw.get("patternProperties", {}).values()), raw.get("additionalProperties", True))
    return _plain_node(values, definitions) if isinstance(values, dict) and values else True


def node_at(place: Place, schema: Node | None = None) -> Node | None:
    """The schema of one place in a document, or None where the model knows of nothing or leaves it free.

    `schema` is of the document, a bot's where it is not given.
    """
    node: Node | None = schema or bot_schema()
    for step in place:
        node = child(node, step)
        if node is None:
            return None
    return node


def child(node: Node | None, step: str | int) -> Node | None:
    """The schema one step below `node`, or None."""
    if node is None:
        return None
    if isinstance(step, int):
        return node.get("items")
    if "properties" in node:
        found: Node | None = node["properties"].get(step)
        return found
    values = node.get("additionalProperties")
    return values if isinstance(values, dict) else None


def words(node: Node | None) -> str:
    """What is allowed at a node, in words."""
    if node is None:
        return "what the schema knows"
    if "x-words" in node:
        return str(node["x-words"])
    if "enum" in node:
        return _either(node["enum"])
    return _TYPE_WORDS[node.get("type", "")](node)


def _either(values: list[Any]) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} or {last}" if most else last


def _object_words(node: Node) -> str:
    if "properties" in node:
        return f"a mapping with the fields {', '.join(node['properties'])}"
    most = f", at most {node['maxProperties']}" if "maxProperties" in node else ""
    return f"a mapping of names to values{most}"


def _list_words(node: Node) -> str:
    least, most = node.get("minItems", 0), node.get("maxItems", "any number of")
    count = f"exactly {least}" if least == most else f"{least} to {most}"
    items = "items" if most != 1 else "item"
    return f"a list of {count} {items}, each {words(node['items'])}"


_TYPE_WORDS: dict[str, Callable[[Node], str]] = {
    "boolean": lambda _node: "true or false",
    "integer": lambda node: f"a whole number from {node['minimum']} to {node['maximum']}",
    "string": lambda _node: "text",
    "object": _object_words,
    "array": _list_words,
    "": lambda _node: "any value",
}


def example(node: Node) -> Any:
    """A value that is allowed at a node: its default or example, or the least that its parts require."""
    for key in ("default", "x-example", "enum"):
        if node.get(key):
            return node[key][0] if key == "enum" else node[key]
    match node.get("type"):
        case "object":
            properties = node.get("properties", {})
            return {name: example(properties[name]) for name in node.get("required", ())}
        case "array":
            return [example(node["items"])]
        case _:
            return {"boolean": False, "integer": node.get("minimum", 1)}.get(node.get("type", ""), "text")


def suggestion(above: Place, unknown: str, schema: Node | None = None) -> str | None:
    """The path of the field that was probably meant by an unknown one: beside it, or of that name elsewhere."""
    properties = (node_at(above, schema) or {}).get("properties", {})
    beside = {_folded(name): place_text((*above, name)) for name in properties}
    elsewhere = _paths() if schema is None else _paths_of(schema)
    folded = _folded(unknown)
    for candidates in (beside, elsewhere):
        if folded in candidates:
            return candidates[folded]
    for candidates, cutoff in ((beside, 0.7), (elsewhere, 0.85)):
        if found := get_close_matches(folded, candidates, 1, cutoff):
            return candidates[found[0]]
    return None


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _paths() -> dict[str, str]:
    """Every field name of a bot, folded, with the path of its shallowest place."""
    return _paths_of(bot_schema())


def _paths_of(schema: Node) -> dict[str, str]:
    deepest_first = sorted(_walk((), schema), key=len, reverse=True)
    return {_folded(str(place[-1])): place_text(place) for place in deepest_first}


def _walk(place: Place, node: Node) -> Iterator[Place]:
    for name, below in node.get("properties", {}).items():
        yield (*place, name)
        yield from _walk((*place, name), below)
        if "items" in below:
            yield from _walk((*place, name, 0), below["items"])
