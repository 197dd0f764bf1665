"""From pydantic's errors to ours: one line per problem, naming field, value, what is allowed and the fix.

What is allowed is read from the schema, so it cannot go out of date. Our own validators bring their words along in a
refusal; every other type of error is one of pydantic's structural ones, and those are few: something is missing,
unknown, of the wrong type, not among the choices, or out of range.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from tradewind.contracts.api.problems import REFUSAL, Place, Problem, place_text, shown
from tradewind.contracts.api.schema import Node, child, example, node_at, suggestion, words
from tradewind.domain.errors import ConfigError

_KEY_OF_MAP = "[key]"


def explained(errors: Iterable[ErrorDetails], schema: Node | None = None) -> list[ConfigError]:
    """Our errors for pydantic's, in the order of the document's fields; never empty for a non-empty input.

    `schema` is of the document, a bot's where it is not given.
    """
    found = list(errors)
    meant = {_meant(error["loc"], schema) for error in found if error["type"] == "extra_forbidden"}
    explanations = []
    for error in found:
        # A misspelt field is one problem, not two: unknown as written and missing as meant.
        if error["type"] == "missing" and place_text(error["loc"]) in meant:
            continue
        if not _counts_only_valid_items(error, schema):
            explanations.extend(_explain(error, schema))
    return explanations


def _counts_only_valid_items(error: ErrorDetails, schema: Node | None) -> bool:
    """Whether a list is called too short only because some of its items are wrong, which is said of each of them."""
    if error["type"] != "too_short":
        return False
    least: int = (node_at(error["loc"], schema) or {}).get("minItems", 0)
    return len(error["input"]) >= least


def _explain(error: ErrorDetails, schema: Node | None) -> list[ConfigError]:
    place, received = tuple(step for step in error["loc"] if step != _KEY_OF_MAP), error["input"]
    if error["type"] == REFUSAL:
        return [problem_error(place, problem) for problem in error["ctx"]["problems"]]
    if error["type"] == "extra_forbidden":
        return [unknown_field(place, received, schema)]
    if error["type"] == "missing":
        return [missing_field(place, schema)]
    node = node_at(place, schema)
    return [ConfigError(place_text(place), shown(received), words(node), _fix(error["type"], received, node))]


def problem_error(place: Place, problem: Problem) -> ConfigError:
    """A validator's problem, at its place in the whole document."""
    received = "nothing" if problem.received is None else shown(problem.received)
    return ConfigError(place_text((*place, *problem.at)), received, problem.allowed, problem.fix)


def unknown_field(place: Place, received: Any, schema: Node | None = None) -> ConfigError:
    """A field that the model does not know, with the one that was probably meant."""
    above = place[:-1]
    node = node_at(above, schema) or {}
    allowed = f"only the fields {', '.join(node.get('properties', ()))}"
    guess = _meant(place, schema)
    return ConfigError(place_text(place), shown(received), allowed, f"did you mean {guess}?" if guess else "remove it")


def missing_field(place: Place, schema: Node | None = None) -> ConfigError:
    """A required field that is not there, with an example of it."""
    node = node_at(place, schema) or {}
    return ConfigError(place_text(place), "nothing", words(node), f"add for example {place[-1]}: {_sample(node)}")


def empty_field(place: Place, node: Node | None) -> ConfigError:
    """A field with nothing after its colon."""
    fix = f"give it a value, such as {_sample(node)}, or remove it" if node else "give it a value, or remove it"
    return ConfigError(place_text(place), "nothing (null)", words(node), fix)


def _meant(place: Place, schema: Node | None) -> str | None:
    return suggestion(place[:-1], str(place[-1]), schema)


def _sample(node: Node) -> str:
    """An example as YAML on one line; JSON is YAML, and its quotes show that decimals are strings."""
    sample = example(node)
    quoted = "pattern" in node and str(sample)[:1].isdigit()
    return sample if isinstance(sample, str) and not quoted else json.dumps(sample, ensure_ascii=False)


def _fix(kind: str, received: Any, node: Node | None) -> str:
    """The fix for one of pydantic's own types of error."""
    if node is None:
        return "remove it"
    if "enum" in node:
        return _choice_fix(received, node)
    fixes = {
        "greater_than_equal": "write {minimum} or more",
        "less_than_equal": "write {maximum} or less",
        "too_long": "keep {maxItems} and remove the others",
    }
    if kind == "too_long" and "maxProperties" in node:
        return f"keep {node['maxProperties']} and remove the others"
    if kind in fixes:
        return fixes[kind].format_map(node)
    if kind == "too_short":
        return f"add an item, such as {_sample(node['items'])}"
    return _type_fix(received, node)


def _choice_fix(received: Any, node: Node) -> str:
    not_yet: dict[str, str] = node.get("x-not-yet", {})
    text = str(received)
    if text in not_yet:
        return not_yet[text]
    choices = {str(choice).lower(): str(choice) for choice in node["enum"]}
    near = get_close_matches(text.lower(), choices, 1, 0.6)
    return f"write {choices[near[0]]}" if near else f"write {words(node)}"


def _type_fix(received: Any, node: Node) -> str:
    """The fix for a value of the wrong type: the same value written rightly where that can be told."""
    wanted = node.get("type")
    if wanted in ("integer", "boolean") and isinstance(received, str):
        bare = received.strip().lower()
        truth = {"yes": "true", "on": "true", "no": "false", "off": "false"} if wanted == "boolean" else {}
        if bare in truth:
            return f"write {truth[bare]}"
        if bare.isdecimal() or bare in ("true", "false"):
            return f"write {bare} without quotes"
    if wanted == "array" and _may_be_item(received, child(node, 0)):
        return f"make it a list: [{shown(received)}]"
    return f"write for example {_sample(node)}"


def _may_be_item(received: Any, item: Node | None) -> bool:
    if item is None or isinstance(received, (list, tuple)):
        return False
    return isinstance(received, dict) == (item.get("type") == "object")
