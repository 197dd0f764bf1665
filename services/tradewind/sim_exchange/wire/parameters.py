"""Parameters of a request: text from a query, a form or a JSON object, read into the types of the exchange.

Whatever a client sends, however broken, becomes a value or a refusal with Binance's code; amounts and prices are read
from their text into `Decimal` and never pass through a float.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from tradewind.sim_exchange.wire import refusals

MOST_PARAMETERS = 100
LARGEST_INTEGER = 2**63 - 1

_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = r"^[0-9]{1,20}$"
_SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
_SYMBOLS = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'
_CLIENT_ORDER_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"

_IS_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
_IS_INTEGER = re.compile(r"[0-9]{1,20}", re.ASCII)
_IS_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}", re.ASCII)
_IS_SYMBOLS = re.compile(r'\[(?:"[A-Z0-9\-_.]{1,20}"(?:,"[A-Z0-9\-_.]{1,20}")*)?\]', re.ASCII)
_IS_CLIENT_ORDER_ID = re.compile(r"[a-zA-Z0-9\-_.:/]{1,36}", re.ASCII)

Choice = TypeVar("Choice", bound=StrEnum)


class Parameters:
    """The parameters of one request by name, each with one value."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        """The value, or None where it was not sent; refused when empty."""
        value = self.values.get(name)
        if value == "":
            raise refusals.empty(name)
        return value

    def required(self, name: str) -> str:
        """The value of a parameter that must be there."""
        value = self.values.get(name)
        if not value:
            raise refusals.missing(name)
        return value

    def number(self, name: str) -> Decimal | None:
        """A price or an amount: digits with or without a point, nothing else."""
        value = self.text(name)
        if value is None:
            return None
        if not _IS_NUMBER.fullmatch(value):
            raise refusals.illegal(name, _NUMBER)
        return Decimal(value)

    def required_number(self, name: str) -> Decimal:
        """A price or an amount that must be there."""
        self.required(name)
        value = self.number(name)
        assert value is not None
        return value

    def integer(self, name: str) -> int | None:
        """An id or a time."""
        value = self.text(name)
        if value is None:
            return None
        if not _IS_INTEGER.fullmatch(value) or (number := int(value)) > LARGEST_INTEGER:
            raise refusals.illegal(name, _INTEGER)
        return number

    def required_integer(self, name: str) -> int:
        """An id or a time that must be there."""
        self.required(name)
        value = self.integer(name)
        assert value is not None
        return value

    def limit(self, default: int, most: int) -> int:
        """How many rows are asked for; more than the most is the most."""
        value = self.integer("limit")
        if value is None:
            return default
        if value == 0:
            raise refusals.invalid_data("limit")
        return min(value, most)

    def symbol(self) -> str:
        """The symbol that must be there; whether it is traded, the exchange knows."""
        value = self.required("symbol")
        if not _IS_SYMBOL.fullmatch(value):
            raise refusals.illegal("symbol", _SYMBOL)
        return value

    def optional_symbol(self) -> str | None:
        """The symbol, where one was sent."""
        return None if self.text("symbol") is None else self.symbol()

    def symbols(self) -> list[str] | None:
        """The list of `symbols`, written as a JSON array; None where it was not sent."""
        value = self.text("symbols")
        if value is None:
            return None
        if "symbol" in self.values:
            raise refusals.combination()
        value = value.replace(" ", "")
        if not _IS_SYMBOLS.fullmatch(value):
            raise refusals.illegal("symbols", _SYMBOLS)
        return [part.strip('"') for part in value[1:-1].split(",") if part]

    def client_order_id(self, name: str) -> str | None:
        """An id that the client chose."""
        value = self.text(name)
        if value is not None and not _IS_CLIENT_ORDER_ID.fullmatch(value):
            raise refusals.illegal(name, _CLIENT_ORDER_ID)
        return value

    def choice(self, name: str, choices: type[Choice], code: int = -1130) -> Choice | None:
        """One of `choices` by value; refused with `code` for anything else."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return choices(value)
        except ValueError:
            raise refusals.invalid_choice(name, code) from None

    def required_choice(self, name: str, choices: type[Choice], code: int = -1130) -> Choice:
        """One of `choices` that must be there."""
        self.required(name)
        value = self.choice(name, choices, code)
        assert value is not None
        return value

    def flag(self, name: str) -> bool | None:
        """`true` or `false`."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise refusals.illegal(name, "^(true|false)$")
        return value.lower() == "true"


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
