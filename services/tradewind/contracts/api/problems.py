"""How a validator of the model says what is wrong: a problem, in the words a person reads.

Pydantic's own messages name types (`Input should be a valid tuple`); ours name what was received, what is allowed
and the fix. A validator raises `refusal(...)`, which travels inside pydantic's `ValidationError` with its place in
the document, and `explain` turns it into a `ConfigError`. One refusal may carry several problems, each with its own
place below the value that was validated, so that a check across fields can name the field to change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

REFUSAL = "tradewind_refusal"

Place = tuple[str | int, ...]
"""Where in a document: field names as on the wire, and indices."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `at` is its place below the value that was validated."""

    received: Any
    allowed: str
    fix: str
    at: Place = ()


def refusal(*problems: Problem) -> PydanticCustomError:
    """The error to raise from a validator; at least one problem."""
    first = problems[0]
    return PydanticCustomError(
        REFUSAL,
        "allowed: {allowed}; fix: {fix}",
        {"allowed": first.allowed, "fix": first.fix, "problems": problems},
    )


def place_text(place: Place) -> str:
    """`("spec", "strategies", 0, "weight")` as `spec.strategies[0].weight`, the form that `--set` takes."""
    text = ""
    for step in place:
        if isinstance(step, int) or not step.replace("_", "").isalnum():
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def shown(value: Any) -> str:
    """A value as it would stand in a manifest."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
