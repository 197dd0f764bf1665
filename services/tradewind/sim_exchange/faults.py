"""Faults on request: how badly the simulated exchange behaves, how often, and to whom.

A venue that is always well is no test of a bot. Each fault waits in a table until something it matches comes by and
is then used up, once per count. The table knows only what was asked for; acting on it is the business of the wire,
except for partial fills, which the exchange makes itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tradewind.contracts.api.faults import VALUE_OF, FaultKind
from tradewind.domain.errors import ConfigError
from tradewind.domain.money import ONE, ZERO


class Fault(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One row of the table. What is None or empty among `method`, `symbol` and `client_order_id` matches everything.

    `seconds` belongs to `DelayBeyondTimeout` and `Ban`, `milliseconds` (may be negative) to `ClockSkew`, `fraction`
    of the quantity to `PartialFill`, `after_accept` to `ServerError`; `method` is the wire's name of a call.
    """

    kind: FaultKind
    count: int = 1
    method: str | None = None
    symbol: str | None = None
    client_order_id: str | None = None
    seconds: float | None = None
    milliseconds: int | None = None
    fraction: Decimal | None = None
    after_accept: bool = False

    def matches(self, method: str | None, symbol: str | None, client_order_id: str | None) -> bool:
        """Whether something with these marks is meant."""
        asked = ((self.method, method), (self.symbol, symbol), (self.client_order_id, client_order_id))
        return all(not wanted or wanted == given for wanted, given in asked)


_WORDS = Fault.__struct_encode_fields__


def _schema() -> dict[str, Any]:
    """The form of what `parse_fault` takes; which number belongs to which kind, `_check` knows."""
    schema = dict(msgspec.json.schema(Fault)["$defs"]["Fault"])
    del schema["description"]
    kind = {"type": "string", "enum": [one.value for one in FaultKind]}
    fraction = {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"type": "string"}]}
    return {**schema, "properties": {**schema["properties"], "kind": kind, "fraction": fraction}}


FAULT = _schema()


def parse_fault(document: Mapping[str, Any], field: str = "faults") -> Fault:
    """A fault from a document in camelCase words; raises `ConfigError` naming `field` and the word below it."""
    for word, value in document.items():
        if word not in _WORDS:
            raise ConfigError(f"{field}.{word}", value, f"one of {', '.join(_WORDS)}", "take the word out")
    values = {word: value for word, value in document.items() if value is not None}
    kind = values.get("kind")
    if kind not in list(FaultKind):
        raise ConfigError(f"{field}.kind", kind, ", ".join(FaultKind), "name one of these faults")
    if "fraction" in values:
        values["fraction"] = _fraction(values["fraction"], field)
    try:
        fault = msgspec.convert(values, Fault)
    except msgspec.ValidationError as error:
        raise ConfigError(
            field, document, "counts and milliseconds as integers, seconds as numbers", str(error)
        ) from None
    _check(fault, field)
    return fault


def _fraction(value: object, field: str) -> Decimal:
    try:
        fraction = Decimal(str(value))
    except InvalidOperation:
        fraction = ZERO
    if not fraction.is_finite() or not ZERO < fraction < ONE:
        raise ConfigError(f"{field}.fraction", value, "a number between 0 and 1", "write it as 0.5")
    return fraction


def _check(fault: Fault, field: str) -> None:
    if fault.count < 1:
        raise ConfigError(f"{field}.count", fault.count, "1 or more", "say how often the fault happens")
    needed = VALUE_OF.get(fault.kind)
    for word in ("seconds", "milliseconds", "fraction"):
        given = getattr(fault, word)
        if word == needed and given is None:
            raise ConfigError(f"{field}.{word}", None, f"a number: {fault.kind} needs it", f"add {word}")
        if word != needed and given is not None:
            raise ConfigError(f"{field}.{word}", given, f"nothing: {fault.kind} has none", f"take {word} out")
    if fault.seconds is not None and not 0 < fault.seconds < float("inf"):
        raise ConfigError(f"{field}.seconds", fault.seconds, "more than 0", "write the seconds as 1.5")
    if fault.after_accept and fault.kind is not FaultKind.SERVER_ERROR:
        raise ConfigError(f"{field}.afterAccept", fault.after_accept, "only with ServerError", "take it out")


class FaultTable:
    """The faults that wait, by number, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[int, Fault] = {}
        self._number = 0

    def add(self, fault: Fault) -> int:
        """Let `fault` wait; the answer is its number."""
        self._number += 1
        self._waiting[self._number] = fault
        return self._number

    def take(
        self,
        kind: FaultKind,
        *,
        method: str | None = None,
        symbol: str | None = None,
        client_order_id: str | None = None,
    ) -> Fault | None:
        """The oldest waiting fault of `kind` that matches, one use of it gone; None when there is none."""
        for number, fault in self._waiting.items():
            if fault.kind is kind and fault.matches(method, symbol, client_order_id):
                if fault.count == 1:
                    del self._waiting[number]
                else:
                    self._waiting[number] = msgspec.structs.replace(fault, count=fault.count - 1)
                return fault
        return None

    def waiting(self) -> dict[int, Fault]:
        """What waits, by number, with the uses that are left."""
        return dict(self._waiting)

    def remove(self, number: int) -> bool:
        """Take one out; whether it was there."""
        return self._waiting.pop(number, None) is not None

    def clear(self) -> None:
        """Be well again."""
        self._waiting.clear()
