"""What a parameter may be: its name, how its text is read, and the same said as a JSON schema.

A route lists the fields that it takes and its handler reads by the very same objects, so the OpenAPI document and the
venue cannot disagree about a name or a type. Amounts and prices are read from their text into `Decimal` and never pass
through a float; whatever cannot be read is refused with Binance's code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from tradewind.domain.order import Side, TimeInForce
from tradewind.sim_exchange.models import Kind
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.order_shapes import ResponseType

Schema = dict[str, Any]
Value = TypeVar("Value")
Word = TypeVar("Word")
Choice = TypeVar("Choice", bound=StrEnum)

LARGEST_INTEGER = 2**63 - 1

# The ranges as Binance tells them; in a bracket it does not escape the hyphen, which is no range there.
_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = r"^[0-9]{1,20}$"
_SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
_SYMBOLS = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'
_CLIENT_ORDER_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"


@dataclass(frozen=True, slots=True)
class Field(Generic[Value]):
    """A parameter: `read` turns text that is not empty into its value or refuses it; `schema` is what it accepts."""

    name: str
    read: Callable[[str], Value]
    schema: Schema


@dataclass(frozen=True, slots=True)
class Rows(Field[int]):
    """How many rows are asked for, and how many there are where nobody says."""

    default: int


# --------------------------------------------------------------------------------------------------------------- kinds


def _matched(name: str, pattern: str) -> Callable[[str], str]:
    matches = re.compile(_escaped(pattern).removeprefix("^").removesuffix("$"), re.ASCII).fullmatch

    def read(text: str) -> str:
        if not matches(text):
            raise refusals.illegal(name, pattern)
        return text

    return read


def _escaped(pattern: str) -> str:
    return pattern.replace("9-_", r"9\-_")


def number(name: str) -> Field[Decimal]:
    """A price or an amount: digits with or without a point, nothing else."""
    read = _matched(name, _NUMBER)
    schema = {"type": "string", "format": "decimal", "pattern": _NUMBER}
    return Field(name, lambda text: Decimal(read(text)), schema)


def integer(name: str) -> Field[int]:
    """An id or a time."""
    matched = _matched(name, _INTEGER)

    def read(text: str) -> int:
        value = int(matched(text))
        if value > LARGEST_INTEGER:
            raise refusals.illegal(name, _INTEGER)
        return value

    return Field(name, read, {"type": "integer", "format": "int64", "minimum": 0, "maximum": LARGEST_INTEGER})


def rows(default: int, most: int) -> Rows:
    """The `limit` of a call; more than the most is the most."""
    whole = integer("limit")

    def read(text: str) -> int:
        value = whole.read(text)
        if value == 0:
            raise refusals.invalid_data("limit")
        return min(value, most)

    description = f"More than {most} is {most}."
    return Rows("limit", read, {**whole.schema, "minimum": 1, "default": default, "description": description}, default)


def client_order_id(name: str) -> Field[str]:
    """An id that the client chose."""
    return Field(name, _matched(name, _CLIENT_ORDER_ID), {"type": "string", "pattern": _escaped(_CLIENT_ORDER_ID)})


def one_of(name: str, words: Mapping[str, Word], code: int = -1130) -> Field[Word]:
    """The meaning of one of `words`; refused with `code` for anything else."""

    def read(text: str) -> Word:
        try:
            return words[text]
        except KeyError:
            raise refusals.invalid_choice(name, code) from None

    return Field(name, read, {"type": "string", "enum": list(words)})


def choice(name: str, choices: type[Choice], code: int = -1130) -> Field[Choice]:
    """One of `choices` by value."""
    return one_of(name, {one.value: one for one in choices}, code)


def flag(name: str) -> Field[bool]:
    """`true` or `false`."""

    def read(text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise refusals.illegal(name, "^(true|false)$")
        return text.lower() == "true"

    return Field(name, read, {"type": "boolean"})


def unused(names: str) -> tuple[Field[str], ...]:
    """Parameters that Binance has and that mean nothing here, so they are taken, whatever they say."""
    schema = {"type": "string", "description": "Taken, and without a meaning here."}
    return tuple(Field(name, str, schema) for name in names.split())


def names_of(fields: Iterable[Field[Any]]) -> frozenset[str]:
    """The names of `fields`."""
    return frozenset(field.name for field in fields)


def _symbols(name: str) -> Field[list[str]]:
    matched = _matched(name, _SYMBOLS)

    def read(text: str) -> list[str]:
        inside = matched(text.replace(" ", ""))[1:-1]
        return [part.strip('"') for part in inside.split(",") if part]

    return Field(name, read, {"type": "string", "pattern": _escaped(_SYMBOLS), "examples": ['["BTCUSDT"]']})


# ------------------------------------------------------------------------------------------- what several calls take

SYMBOL = Field("symbol", _matched("symbol", _SYMBOL), {"type": "string", "pattern": _escaped(_SYMBOL)})
SYMBOLS = _symbols("symbols")
FROM_ID, START_TIME, END_TIME = integer("fromId"), integer("startTime"), integer("endTime")
LIMIT = rows(500, 1000)

SIDE = one_of("side", {"BUY": Side.BUY, "SELL": Side.SELL}, -1117)
QUANTITY, PRICE, STOP_PRICE = number("quantity"), number("price"), number("stopPrice")
ORDER_ID = integer("orderId")
ORIGINAL_ID, NEW_ID = client_order_id("origClientOrderId"), client_order_id("newClientOrderId")
RESPONSE = choice("newOrderRespType", ResponseType)
# One account in its own market cannot trade with itself, so only NONE has a meaning.
SELF_TRADE = one_of("selfTradePreventionMode", {"NONE": None})


def order_type(name: str) -> Field[Kind]:
    """The type of an order or of a leg."""
    return choice(name, Kind, -1116)


def time_in_force(name: str) -> Field[TimeInForce]:
    """How long an order or a leg may rest."""
    return choice(name, TimeInForce, -1115)


# ----------------------------------------------------------------------------------------------- what signed calls take

TIMESTAMP = integer("timestamp")
# Newer clients may send microseconds as a fraction of a millisecond.
RECEIVE_WINDOW = number("recvWindow")
SIGNATURE = Field("signature", str, {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})
