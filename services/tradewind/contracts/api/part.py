"""The base of every part of the manifest, and the kinds of list that the API server knows as well.

A `ListMap` is a list whose items are named by one field: names are unique, server-side apply merges item by item,
and `--set` finds an item by its name. A `ListSet` holds each plain value once, a `ListAtomic` anything in an order that
matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from tradewind.contracts.api.problems import Problem, refusal

Items = TypeVar("Items", bound=Sequence[Any])

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]


class Part(BaseModel):
    """An immutable object of the manifest: camelCase on the wire, snake_case in Python, nothing unknown."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


@dataclass(frozen=True, slots=True)
class ListMap:
    """Annotation of a list whose items are told apart by their field `key` (its name in Python)."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [to_camel(self.key)]}

    def _check(self, items: Items) -> Items:
        names = [getattr(item, self.key) for item in items]
        key = to_camel(self.key)
        _refuse_repeated(names, f"a {key} that no other item of this list has", "give it another", (key,))
        return items


@dataclass(frozen=True, slots=True)
class ListSet:
    """Annotation of a list of plain values, each of which may stand in it once."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "x-kubernetes-list-type": "set"}

    def _check(self, items: Items) -> Items:
        _refuse_repeated(items, "each value once", "remove the second one", ())
        return items


@dataclass(frozen=True, slots=True)
class ListAtomic:
    """Annotation of a list of objects without names: it is set as a whole, and its order matters."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "x-kubernetes-list-type": "atomic"}


def _refuse_repeated(values: Sequence[Any], allowed: str, fix: str, below: tuple[str, ...]) -> None:
    repeated = [index for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise refusal(*(Problem(values[index], allowed, fix, (index, *below)) for index in repeated))
