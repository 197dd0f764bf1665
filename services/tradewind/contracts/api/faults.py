"""What a simulated venue does wrong on purpose, so that a bot can be seen to come through it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.part import Part, Whole
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.quantities import Distance, Seconds
from tradewind.contracts.api.text import Pair


class FaultKind(StrEnum):
    """What can go wrong at a venue."""

    TIMEOUT_AFTER_ACCEPT = "TimeoutAfterAccept"
    REJECT = "Reject"
    DELAY_BEYOND_TIMEOUT = "DelayBeyondTimeout"
    DROP_UPDATE = "DropUpdate"
    DUPLICATE_UPDATE = "DuplicateUpdate"
    REORDER_UPDATES = "ReorderUpdates"
    BAN = "Ban"
    RATE_LIMIT = "RateLimit"
    CLOCK_SKEW = "ClockSkew"
    DISCONNECT = "Disconnect"
    SERVER_ERROR = "ServerError"
    PARTIAL_FILL = "PartialFill"


VALUE_OF = {
    FaultKind.DELAY_BEYOND_TIMEOUT: "seconds",
    FaultKind.BAN: "seconds",
    FaultKind.CLOCK_SKEW: "milliseconds",
    FaultKind.PARTIAL_FILL: "fraction",
}
"""The number that belongs to a kind; the others have none."""
_FAULT_RULES: list[JsonValue] = [
    {
        "rule": "(self.kind in ['DelayBeyondTimeout', 'Ban']) == has(self.seconds)",
        "message": "seconds is required for DelayBeyondTimeout and Ban, and allowed for nothing else",
    },
    {
        "rule": "(self.kind == 'ClockSkew') == has(self.milliseconds)",
        "message": "milliseconds is required for ClockSkew, and allowed for nothing else",
    },
    {
        "rule": "(self.kind == 'PartialFill') == has(self.fraction)",
        "message": "fraction is required for PartialFill, and allowed for nothing else",
    },
]


class Fault(Part):
    """Something that the simulated venue does wrong, as many times as `count` says, from the start of the bot on."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _FAULT_RULES})

    kind: FaultKind
    """What goes wrong, such as TimeoutAfterAccept: the order is taken and nobody is told."""
    count: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1
    """How many times it happens."""
    pair: Pair | None = None
    """The pair it happens to, as BASE/QUOTE; without it any."""
    seconds: Seconds | None = None
    """How long a DelayBeyondTimeout or a Ban lasts, in seconds of the wall clock."""
    milliseconds: Annotated[Whole, Field(ge=-3_600_000, le=3_600_000)] | None = None
    """How far the venue's clock is ahead of ours in a ClockSkew; negative is behind."""
    fraction: Distance | None = None
    """The part of an order that a PartialFill fills at once, as a ratio of its amount."""

    @model_validator(mode="after")
    def _has_its_value(self) -> Fault:
        for name in ("seconds", "milliseconds", "fraction"):
            value, needed = getattr(self, name), VALUE_OF.get(self.kind) == name
            if needed and value is None:
                raise refusal(Problem(None, f"a number: {self.kind.value} needs it", f"add {name}", (name,)))
            if not needed and value is not None:
                raise refusal(Problem(str(value), f"nothing: {self.kind.value} has no {name}", "remove it", (name,)))
        return self
