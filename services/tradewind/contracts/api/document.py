"""The front door of the manifest: load, parse and write a `TradingBot`.

Every way in ends in `parse_bot`, which finds all problems at once and says each in one line. What the API server adds
to an object (`status`, `metadata.uid` and the like) is not the user's and is set aside, so that the output of
`kubectl get -o yaml` runs on a laptop as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from tradewind.contracts.api.explain import empty_field, explained
from tradewind.contracts.api.overrides import apply_overrides
from tradewind.contracts.api.problems import Place, place_text, shown
from tradewind.contracts.api.reading import START, ManifestDumper, read_document
from tradewind.contracts.api.schema import Node, node_at, words
from tradewind.contracts.api.v1alpha1 import API_VERSION, KIND, Metadata, TradingBot
from tradewind.domain.errors import ConfigError, ConfigErrors

DEEPEST = 32

Source = Literal["file", "set", "default"]
"""Where a value comes from: the manifest, a `--set`, or the schema."""

SERVER_WRITTEN = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


def load_bot(path: Path, overrides: Sequence[str] = ()) -> TradingBot:
    """The bot in the file at `path`, with `--set` overrides (`spec.risk.stopLoss=0.05`) put over it.

    Raises `ConfigError` for a file that cannot be read as one mapping, else `ConfigErrors` with every problem.
    """
    document, _ = apply_overrides(read_document(path), overrides)
    return parse_bot(document, str(path))


def parse_bot(document: Mapping[str, Any], origin: str) -> TradingBot:
    """The bot that `document` describes, in the wire's camelCase; `origin` is what it is called in messages.

    Raises `ConfigErrors` with one error per problem.
    """
    if not isinstance(document, Mapping) or not document:
        allowed = "a mapping with the fields apiVersion, kind, metadata, spec"
        raise ConfigErrors([ConfigError(origin, shown(document), allowed, START)])
    cleaned = without_server_fields(document)
    # Of another kind of object every field would be unknown: one line says what matters.
    errors = foreign(cleaned)
    if not errors:
        errors = list(irregular(cleaned))
        bot, invalid = _validated(cleaned)
        known = {error.field for error in errors}
        errors += [error for error in invalid if error.field not in known]
    if errors or bot is None:
        raise ConfigErrors(errors)
    return bot


def read_resource(resource: Mapping[str, Any]) -> TradingBot:
    """The bot of a `TradingBot` as the API server gives it: its status and what it keeps in metadata are set aside.

    Raises `ConfigErrors` with one error per problem.
    """
    metadata = resource.get("metadata")
    known = {alias for name, field in Metadata.model_fields.items() if (alias := field.alias or name)}
    kept = {name: value for name, value in metadata.items() if name in known} if isinstance(metadata, Mapping) else {}
    return parse_bot({**resource, "metadata": kept}, "the resource")


def bot_document(bot: TradingBot) -> dict[str, Any]:
    """The bot as the wire's mapping, with every effective value; a field without a value is left out."""
    return bot.model_dump(mode="json", by_alias=True, exclude_none=True)


def brief_document(bot: TradingBot) -> dict[str, Any]:
    """The bot as the wire's mapping without what is as by default; parsing it gives an equal bot.

    A version that knows fewer fields can read it, unless the bot makes use of a newer one. Parameters are in the order
    of their names, as the API server keeps them: so a file renders as the resource does that was made of it.
    """
    document = bot.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for strategy in document["spec"].get("strategies", ()):
        if "parameters" in strategy:
            strategy["parameters"] = dict(sorted(strategy["parameters"].items()))
    return document


def dump_bot(bot: TradingBot) -> str:
    """The bot as YAML with every effective value; parsing it gives an equal bot."""
    return yaml.dump(bot_document(bot), Dumper=ManifestDumper, sort_keys=False, allow_unicode=True, width=100)


def value_sources(document: Mapping[str, Any], overrides: Sequence[str] = ()) -> dict[str, Source]:
    """Where each effective value comes from, by its path; `document` is as it stands in the file.

    Raises what `parse_bot` raises.
    """
    changed, places = apply_overrides(document, overrides)
    effective = bot_document(parse_bot(changed, "the manifest"))
    return {place_text(place): _source(place, changed, places) for place in _leaves(effective, ())}


def without_server_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` without what only the API server writes."""
    cleaned = {name: value for name, value in document.items() if name != "status"}
    metadata = cleaned.get("metadata")
    if isinstance(metadata, Mapping):
        cleaned["metadata"] = {name: value for name, value in metadata.items() if name not in SERVER_WRITTEN}
    return cleaned


def foreign(document: Mapping[str, Any], ours: str = KIND) -> list[ConfigError]:
    """What says that `document` is of another kind than `ours`."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind == ours or (kind is None and version is not None):
        return []
    errors = [ConfigError("kind", "nothing" if kind is None else shown(kind), ours, f"write kind: {ours}")]
    if version != API_VERSION:
        received = "nothing" if version is None else shown(version)
        errors.insert(0, ConfigError("apiVersion", received, API_VERSION, f"write apiVersion: {API_VERSION}"))
    return errors


def irregular(value: Any, place: Place = (), schema: Node | None = None) -> Iterator[ConfigError]:
    """What pydantic would let pass or say unclearly, and JSON cannot carry; `schema` is of the whole document."""
    if len(place) > DEEPEST:
        yield ConfigError(place_text(place[:4]), "a deeper nesting", f"at most {DEEPEST} levels", "make it flatter")
    elif value is None:
        if (node := node_at(place, schema)) is not None:
            yield empty_field(place, node)
    elif isinstance(value, float) and not math.isfinite(value):
        yield ConfigError(place_text(place), str(value), words(node_at(place, schema)), "write a number that is finite")
    elif isinstance(value, Mapping):
        for name, below in value.items():
            if isinstance(name, str):
                yield from irregular(below, (*place, name), schema)
            else:
                fix = f'write "{name}" in quotes, if it is meant'
                step = name if isinstance(name, int) else str(name)
                yield ConfigError(place_text((*place, step)), shown(name), "a text as the name of a field", fix)
    elif isinstance(value, (list, tuple)):
        for index, below in enumerate(value):
            yield from irregular(below, (*place, index), schema)


def _validated(document: Mapping[str, Any]) -> tuple[TradingBot | None, list[ConfigError]]:
    try:
        return TradingBot.model_validate(document, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, explained(error.errors(include_url=False))


def _leaves(value: Any, place: Place) -> Iterator[Place]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _leaves(below, (*place, name))
    elif isinstance(value, list) and value:
        for index, below in enumerate(value):
            yield from _leaves(below, (*place, index))
    else:
        yield place


def _source(place: Place, document: Any, overridden: Sequence[Place]) -> Source:
    for step in place:
        try:
            document = document[step]
        except (KeyError, IndexError):
            return "default"
    return "set" if any(place[: len(above)] == above for above in overridden) else "file"
