"""`--set spec.risk.stopLoss=0.05`: single values put over a manifest before it is parsed.

A key is the path that our messages print. An item of a list is chosen by index or, where items have names, by name:
`spec.strategies[trend].weight`. The value is YAML, so lists and mappings may be written in flow style. Decimals are
strings on the wire, but nobody wants to quote twice in a shell: a number keeps the text that was typed where the
schema asks for a string, and is a number elsewhere.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tradewind.contracts.api.explain import unknown_field
from tradewind.contracts.api.problems import Place, place_text, shown
from tradewind.contracts.api.reading import ManifestLoader, yaml_error
from tradewind.contracts.api.schema import Node, child, node_at
from tradewind.domain.errors import ConfigError, ConfigErrors

_NAME, _SELECTOR = r"[^.\[\]\s]+", r"\[[^\[\]]+\]"
_KEY = re.compile(rf"{_NAME}({_SELECTOR})*(\.{_NAME}({_SELECTOR})*)*")
_STEP = re.compile(rf"{_SELECTOR}|{_NAME}")
_FORM = "KEY=VALUE, such as spec.risk.stopLoss=0.05 or spec.strategies[trend].weight=2"


@dataclass(frozen=True, slots=True)
class _WrittenNumber:
    """A number of a `--set` value with the text that was typed; which of the two is meant, the schema decides."""

    value: float
    text: str


class _ValueLoader(ManifestLoader):
    """Reads the value of a `--set`."""

    def construct_number(self, node: yaml.ScalarNode) -> _WrittenNumber:
        """The number with its text."""
        integer = node.tag.endswith(":int")
        number = self.construct_decimal_int(node) if integer else self.construct_yaml_float(node)
        return _WrittenNumber(number, str(node.value))


for _tag in ("int", "float"):
    _ValueLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _ValueLoader.construct_number)


def apply_overrides(document: Mapping[str, Any], overrides: Sequence[str]) -> tuple[dict[str, Any], tuple[Place, ...]]:
    """A copy of `document` with every override put over it, in order, and the places that they set.

    Raises `ConfigErrors` with one error per override that is not of the form KEY=VALUE or has no place to go.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(document))
    places: list[Place] = []
    errors: list[ConfigError] = []
    for override in overrides:
        try:
            places.append(_apply(changed, override))
        except ConfigError as error:
            errors.append(error)
    if errors:
        raise ConfigErrors(errors)
    return changed, tuple(places)


def _apply(document: dict[str, Any], override: str) -> Place:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError("--set", override, _FORM, "write the path of a field, an equals sign and its value")
    value = _value(key, text)
    *above, last = _STEP.findall(key)
    parent: Any = document
    place: Place = ()
    for written in above:
        place = (*place, _step(key, text, parent, place, written))
        parent = _below(key, parent, place)
    place = (*place, _step(key, text, parent, place, last))
    parent[place[-1]] = _settled(value, node_at(place))
    return place


def _value(key: str, text: str) -> Any:
    try:
        return yaml.load(text, Loader=_ValueLoader)  # noqa: S506 -- a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise yaml_error(error, text, f"--set {key}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"--set {key}", text, "a value in YAML", "shorten it") from None


def _step(key: str, text: str, parent: Any, place: Place, written: str) -> str | int:
    """The field or index that one part of a key names in `parent`, which stands at `place`."""
    selected = written.startswith("[")
    name = written[1:-1] if selected else written
    if isinstance(parent, list):
        return _item(key, parent, place, name, selected=selected)
    node = node_at(place)
    if node is not None and "properties" in node and name not in node["properties"]:
        unknown = unknown_field((*place, name), None)
        raise ConfigError(f"--set {key}", f"{unknown.field} (={text})", unknown.allowed, unknown.fix)
    return name


def _item(key: str, items: list[Any], place: Place, name: str, *, selected: bool) -> int:
    """The index of the item of that name, or at that index."""
    keys = (node_at(place) or {}).get("x-kubernetes-list-map-keys", ["name"])
    names = [item.get(keys[0]) if isinstance(item, Mapping) else None for item in items]
    if selected and name in names:
        return names.index(name)
    if selected and name in (indices := [str(index) for index in range(len(items))]):
        return indices.index(name)
    allowed = f"{place_text(place)} has no items in the manifest"
    if items:
        choices = [f"[{index}]" for index in range(len(items))] + [f"[{found}]" for found in names if found]
        allowed = f"an item of {place_text(place)}: {', '.join(choices)}"
    raise ConfigError(
        f"--set {key}", f"[{name}]" if selected else name, allowed, f"choose one, or set {_list_form(place)}"
    )


def _list_form(place: Place) -> str:
    return f"the whole list: {place_text(place)}=[...]"


def _below(key: str, parent: Any, place: Place) -> Any:
    """What stands at `place`, the last step of which is in `parent`; made where the manifest leaves it out."""
    step = place[-1]
    found = parent.get(step) if isinstance(parent, dict) else parent[step]
    if found is None:
        found = parent[step] = [] if (node_at(place) or {}).get("type") == "array" else {}
    if not isinstance(found, (dict, list)):
        allowed = f"a field of {place_text(place)}, which holds no fields in the manifest"
        raise ConfigError(f"--set {key}", shown(found), allowed, f"set {place_text(place)} itself")
    return found


def _settled(value: Any, node: Node | None) -> Any:
    """`value` with each number as its text where the schema wants a string, and as a number elsewhere."""
    if isinstance(value, _WrittenNumber):
        return value.text if node is not None and node.get("type") == "string" else value.value
    if isinstance(value, dict):
        names = {name: name.text if isinstance(name, _WrittenNumber) else name for name in value}
        return {names[name]: _settled(below, child(node, names[name])) for name, below in value.items()}
    if isinstance(value, list):
        return [_settled(below, child(node, index)) for index, below in enumerate(value)]
    return value
