"""The table of strategy kinds: what a manifest may name, and the parameters of each, with their limits.

The one list of kinds. The manifest is checked against it, the custom resource's schema and the reference pages are
made from it, and `strategies.loader` has the code of every kind in it that is built in; `Freqtrade` names a file of the
user's. It needs nothing but pydantic, so that reading a manifest stays quick.

Parameters are camelCase on the wire (`entryBelow`) and snake_case in Python (`entry_below`); both are understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from tradewind.contracts.api.text import SecretName, Text
from tradewind.domain.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def _no_flag(value: object) -> object:
    # YAML reads `fast: yes` as a flag, and pydantic would take it for 1.
    if isinstance(value, bool):
        raise PydanticCustomError("flag", "a number, not a flag")
    return value


PythonFile = Annotated[
    str, Text("the path of a Python file on one line", "dip.py", "[^\\r\\n\\t]*[^/\\r\\n\\t]\\.py", 1024)
]
ClassName = Annotated[str, Text("the name of a Python class", "Dip", "[A-Za-z_][A-Za-z0-9_]*", 128)]
Count = Annotated[int, BeforeValidator(_no_flag)]
Level = Annotated[float, BeforeValidator(_no_flag)]


class StrategyParameters(BaseModel):
    """What the parameters of every kind share: they never change, and a name that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class EmaCrossParameters(StrategyParameters):
    """Periods of the two moving averages that cross."""

    fast: Count = Field(
        default=20,
        ge=1,
        le=500,
        description="Period of the fast exponential moving average, in candles, 1 to 500; less than `slow`.",
    )
    slow: Count = Field(
        default=50,
        ge=2,
        le=1000,
        validate_default=True,
        description="Period of the slow exponential moving average, in candles, 2 to 1000; more than `fast`.",
    )

    @field_validator("slow")
    @classmethod
    def _above_fast(cls, slow: int, info: ValidationInfo) -> int:
        _require_above(slow, "fast", info.data.get("fast"))
        return slow


class RsiMeanReversionParameters(StrategyParameters):
    """Period of the index and the two levels between which a position is held."""

    period: Count = Field(
        default=14,
        ge=2,
        le=500,
        description="Period of the relative strength index, in candles, 2 to 500.",
    )
    entry_below: Level = Field(
        default=30.0,
        ge=1.0,
        le=99.0,
        description="Index below which the stance becomes Long, in index points, 1 to 99; less than `exitAbove`.",
    )
    exit_above: Level = Field(
        default=55.0,
        ge=1.0,
        le=99.0,
        validate_default=True,
        description="Index above which the stance becomes Flat, in index points, 1 to 99; more than `entryBelow`.",
    )

    @field_validator("exit_above")
    @classmethod
    def _above_entry(cls, exit_above: float, info: ValidationInfo) -> float:
        _require_above(exit_above, "entryBelow", info.data.get("entry_below"))
        return exit_above


class DonchianBreakoutParameters(StrategyParameters):
    """How many earlier candles draw the channel that is broken, and the one that ends the stance."""

    entry_period: Count = Field(
        default=20,
        ge=1,
        le=1000,
        description="Earlier candles whose highest high and lowest low a close must break to enter, 1 to 1000.",
    )
    exit_period: Count = Field(
        default=10,
        ge=1,
        le=1000,
        description="Earlier candles whose opposite extreme a close must break to leave, 1 to 1000.",
    )


FREQTRADE = "Freqtrade"
"""The kind of a class that somebody wrote for freqtrade: its code is in a file of the user's, and none is here."""


class FreqtradeParameters(StrategyParameters):
    """Where the class is, and what it is given: candles to warm up, and time to answer."""

    file: PythonFile = Field(
        description="The Python file with the class: a path beside the manifest, on a cluster a key of `configMap`.",
    )
    class_name: ClassName | None = Field(
        default=None,
        description="The name of the class; without it the file holds one.",
    )
    config_map: SecretName | None = Field(
        default=None,
        description="The ConfigMap that has the file on a cluster, and its parameter file, as keys; unused elsewhere.",
    )
    startup_candles: Count = Field(
        default=400,
        ge=0,
        le=10_000,
        description="Candles that an exchange is asked for before the first decision, 0 to 10000; at least the class's"
        " `startup_candle_count`.",
    )
    time_limit: Level = Field(
        default=30.0,
        ge=0.1,
        le=600.0,
        description="Seconds within which the class answers for a pair, 0.1 to 600; after that nothing is decided.",
    )
    callback_time_limit: Level = Field(
        default=5.0,
        ge=0.1,
        le=20.0,
        description="Seconds within which a callback of the class answers, 0.1 to 20; after that nothing is entered by"
        " it, and nothing is left for it.",
    )


@dataclass(frozen=True, slots=True)
class StrategyKind:
    """One row of the table: `name` as it stands in `kind`, a `summary` of one sentence, the model of `parameters`."""

    name: str
    summary: str
    parameters: type[BaseModel]


STRATEGY_KINDS: dict[str, StrategyKind] = {
    kind.name: kind
    for kind in (
        StrategyKind(
            "EmaCross",
            "Long while the fast exponential moving average is above the slow one, Short while it is below.",
            EmaCrossParameters,
        ),
        StrategyKind(
            "RsiMeanReversion",
            "Long from an oversold relative strength index until it has recovered; never Short.",
            RsiMeanReversionParameters,
        ),
        StrategyKind(
            "DonchianBreakout",
            "Long from a close above the highest high of earlier candles, Short from one below their lowest low.",
            DonchianBreakoutParameters,
        ),
        StrategyKind(
            FREQTRADE,
            "Long from a signal to enter of a class written for freqtrade until its signal to exit; never Short.",
            FreqtradeParameters,
        ),
    )
}


def parse_parameters(field: str, kind: str, parameters: Mapping[str, object]) -> BaseModel:
    """The checked parameters of `kind`, defaults filled in.

    `field` is where the strategy stands, like `spec.strategies[0]`; errors name fields below it. Raises `ConfigError`
    for an unknown kind and `ConfigErrors`, one error for each bad parameter, for the rest.
    """
    if kind not in STRATEGY_KINDS:
        raise unknown_kind(f"{field}.kind", kind)
    model = STRATEGY_KINDS[kind].parameters
    try:
        return model.model_validate({str(name): value for name, value in parameters.items()})
    except ValidationError as invalid:
        schema = _Schema.of(model)
        errors = [schema.explain(f"{field}.parameters", detail) for detail in invalid.errors()]
        raise ConfigErrors(errors) from None


def unknown_kind(field: str, kind: str) -> ConfigError:
    """The error for a `kind` that is not in the table; it suggests the closest one, if any is close."""
    allowed = sorted(STRATEGY_KINDS)
    closest = _closest(kind, allowed)
    fix = f"did you mean {closest}?" if closest else "use one of the allowed kinds"
    return ConfigError(field, kind, ", ".join(allowed), fix)


@dataclass(frozen=True, slots=True)
class _Schema:
    """A model's fields by their name on the wire, for messages."""

    fields: dict[str, dict[str, Any]]
    wire_names: dict[str, str]

    @classmethod
    def of(cls, model: type[BaseModel]) -> Self:
        wire_names = {name: info.alias or name for name, info in model.model_fields.items()}
        return cls(model.model_json_schema(by_alias=True).get("properties", {}), wire_names)

    def explain(self, field: str, detail: ErrorDetails) -> ConfigError:
        given = str(detail["loc"][0])
        name = self.wire_names.get(given, given)
        for problem in detail.get("ctx", {}).get("problems", ()):
            return ConfigError(f"{field}.{name}", problem.received, problem.allowed, problem.fix)
        received = "nothing" if detail["type"] == "missing" else detail["input"]
        allowed, fix = self._remedy(name, detail)
        return ConfigError(f"{field}.{name}", received, allowed, fix)

    def _remedy(self, name: str, detail: ErrorDetails) -> tuple[str, str]:
        if name not in self.fields:
            closest = _closest(name, list(self.fields))
            fix = f"did you mean {closest}?" if closest else f"remove {name}"
            return ", ".join(self.fields) or "no parameters", fix
        if detail["type"] == "extra_forbidden":
            return f"{name} once", f"remove {detail['loc'][0]}, which is {name} again"
        if detail["type"] == "not_above":
            return detail["msg"], detail["ctx"]["fix"].format(name=name)
        default = self.fields[name].get("default")
        fix = f"set {name} within the limits"
        return self._limits(name), fix if default is None else f"{fix}, or remove it to have {default}"

    def _limits(self, name: str) -> str:
        schema = self.fields[name]
        for form in (schema, *schema.get("anyOf", ())):
            if "x-words" in form:
                return str(form["x-words"])
        words = "a whole number" if schema.get("type") == "integer" else f"a {schema.get('type', 'value')}"
        if "minimum" in schema and "maximum" in schema:
            words += f" from {schema['minimum']} to {schema['maximum']}"
        return words


def _require_above(value: float, other: str, limit: float | None) -> None:
    # A limit of None has failed on its own and is reported there.
    if limit is not None and value <= limit:
        fix = f"raise {{name}} above {limit} or lower {other} below {value}"
        context: dict[str, Any] = {"other": other, "limit": limit, "fix": fix}
        raise PydanticCustomError("not_above", "more than {other}, which is {limit}", context)


def _closest(given: str, names: list[str]) -> str | None:
    # Compared without case and separators: `ema-cross` means EmaCross, `entry_below` means entryBelow.
    plain = {_letters(name): name for name in names}
    found = get_close_matches(_letters(given), plain, n=1)
    return plain[found[0]] if found else None


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
