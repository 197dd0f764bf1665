"""How values stand in JSON: camelCase keys, money and prices as decimal strings, moments as RFC 3339 text in UTC.

A model of an answer derives from `Answer`, that of a request's body from `Command`; both name what a value is by its
type: `Exact`, `MarketTime`, `WallTime`. `JsonResponse` writes plain documents in the same form. What was calculated
with binary floating point (statistics, confidences, seconds) stays a number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import orjson
from fastapi import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.times import MomentText
from tradewind.domain.money import plain

_LATEST = 253_402_300_799_999  # the last millisecond of the year 9999
_MOMENT = MomentText()


def time_text(milliseconds: int) -> str:
    """Milliseconds UTC as `2022-01-03T02:00:00Z`, with three more digits only where they are not zero.

    What no calendar holds (a broken row of a file may say so) stays a number.
    """
    if not 0 <= milliseconds <= _LATEST:
        return str(milliseconds)
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    form = "milliseconds" if milliseconds % 1000 else "seconds"
    return moment.isoformat(timespec=form).replace("+00:00", "Z")


def wall_text(seconds: float) -> str:
    """Seconds since the epoch as text, to the millisecond."""
    return time_text(round(seconds * 1000))


def read_time(value: Any) -> int:
    """Milliseconds UTC from a date, an RFC 3339 timestamp, or milliseconds; raises a refusal that says so."""
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) > len("20220101"):
        number = int(text)
    else:
        number = int(_MOMENT.read(text).timestamp() * 1000)
    if not 0 <= number <= _LATEST:
        raise refusal(Problem(text, "a moment from 1970 to 9999", "write for example 2022-01-01T00:00:00Z"))
    return number


Exact = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "format": "decimal", "examples": ["10000.25"]}),
]
"""A price, an amount, a sum or a weight: exact, so a string."""

MarketTime = Annotated[
    int,
    PlainSerializer(time_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2022-01-03T02:00:00Z"]}),
]
"""Market time, milliseconds UTC in Python."""

WallTime = Annotated[
    float,
    PlainSerializer(wall_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-03T02:00:00.123Z"]}),
]
"""The wall clock, seconds since the epoch in Python."""

TimeParameter = Annotated[
    int,
    BeforeValidator(read_time),
    WithJsonSchema({"type": "string", "maxLength": 40, "examples": ["2022-01-03T02:00:00Z"]}),
]
"""A moment in a query: a date, an RFC 3339 timestamp, or milliseconds UTC."""


class Answer(BaseModel):
    """Base of every model that leaves a service."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class Command(BaseModel):
    """Base of every model that a request's body must be: camelCase, and nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""What a person writes in one line: a reason."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""The name of something that may not exist."""


class JsonResponse(Response):
    """A document that has no model, in the same form as those that have one."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of `content`."""
        return encode_json(content)


def encode_json(content: Any) -> bytes:
    """JSON of plain values, decimals and datetimes."""
    return orjson.dumps(content, default=_text, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
