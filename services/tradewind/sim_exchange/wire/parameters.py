"""Parameters of a request: text from a query, a form or a JSON object, read as the fields of a call.

Whatever a client sends, however broken, becomes a value or a refusal with Binance's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.fields import Field, Rows

MOST_PARAMETERS = 100

Value = TypeVar("Value")


class Parameters:
    """The parameters of one request by name, each with one value."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def __contains__(self, field: Field[Any]) -> bool:
        return field.name in self.values

    def get(self, field: Field[Value]) -> Value | None:
        """The value, or None where it was not sent; refused when empty."""
        text = self.values.get(field.name)
        if text is None:
            return None
        if not text:
            raise refusals.empty(field.name)
        return field.read(text)

    def need(self, field: Field[Value]) -> Value:
        """The value of a parameter that must be there."""
        text = self.values.get(field.name)
        if not text:
            raise refusals.missing(field.name)
        return field.read(text)

    def rows(self, field: Rows) -> int:
        """How many rows are asked for, or as many as there are by default."""
        value = self.get(field)
        return field.default if value is None else value


def parse_form(*parts: bytes) -> dict[str, str]:
    """Names and values of the query and the form of one request, the query's winning; a name twice is refused."""
    values: dict[str, str] = {}
    for part in reversed(parts):
        if part:
            values.update(_parse(part))
    return values


def _parse(form: bytes) -> dict[str, str]:
    pairs = [pair for pair in form.split(b"&") if pair]
    if len(pairs) > MOST_PARAMETERS:
        raise refusals.too_many(MOST_PARAMETERS, len(pairs))
    values: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        decoded = _decode(name)
        if decoded in values:
            raise refusals.duplicate()
        values[decoded] = _decode(value)
    return values


def _decode(text: bytes) -> str:
    try:
        if b"%" in text or b"+" in text:
            text = unquote_to_bytes(text.replace(b"+", b" "))
        return text.decode()
    except UnicodeDecodeError:
        raise refusals.unreadable() from None


def refuse_unread(parameters: Parameters, known: frozenset[str], *, signed: bool) -> None:
    """Refuse a parameter that nobody reads: a misspelt one must not silently mean something else."""
    sent: Iterable[str] = parameters.values
    read = sum(1 for name in sent if name in known)
    if read != len(parameters.values):
        count = len(parameters.values)
        raise refusals.unread(read, count) if signed else refusals.too_many(read, count)
