"""`--vary spec.strategies[0].parameters.fast=5..20`: what of a bot is varied, named as `--set` names it.

Two bounds, both included, with as many decimals as they are written with; `:STEP` sets another step. Or values with
commas between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradewind.contracts.api.overrides import apply_overrides
from tradewind.domain.errors import ConfigError
from tradewind.domain.money import decimal_of, plain
from tradewind.research.optimize.space import Choice, Dimension, Space, Steps, Values

_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?")
_FORM = "KEY=LOW..HIGH, KEY=LOW..HIGH:STEP or KEY=VALUE,VALUE"
_EXAMPLE = "such as spec.strategies[0].parameters.fast=5..20"
VARIABLE = ("spec.strategies", "spec.decision", "spec.risk", "spec.capital")
"""Below these a bot may be varied; what is beside them says which candles it trades."""
_WHOLE = re.compile(r"\.(name|kind|timeframes?|agents?|startingBalance|currency)\b")


def vary_space(varied: Sequence[str], document: Mapping[str, Any]) -> Space:
    """The dimensions, by key. Raises `ConfigError` for a form, a key or a range that cannot be."""
    found: dict[str, Dimension] = {}
    for text in varied:
        key, equals, given = (part.strip() for part in text.partition("="))
        if not equals or not key or not given:
            raise ConfigError("--vary", text, _FORM, f"write a field and its range, {_EXAMPLE}")
        if not key.startswith(VARIABLE) or _WHOLE.search(key):
            allowed = f"parameters and limits below {', '.join(VARIABLE)}"
            raise ConfigError("--vary", key, allowed, "vary what does not change which candles are traded")
        if key in found:
            raise ConfigError("--vary", text, "each key once", "remove one of them")
        dimension = found[key] = _dimension(text, given)
        first = dimension.at(0) if isinstance(dimension, Steps) else dimension.values[0]
        try:
            apply_overrides(document, overrides_of({key: first}))
        except ConfigError as error:
            received = str(error.received)
            raise ConfigError("--vary", f"{key}: {received}", error.allowed, error.fix) from error
    if not found:
        raise ConfigError("--vary", "nothing to vary", _FORM, f"name what to vary, {_EXAMPLE}")
    return found


def overrides_of(values: Values) -> list[str]:
    """Values as `--set` takes them."""
    return [f"{key}={_text(value)}" for key, value in values.items()]


def _dimension(text: str, given: str) -> Steps | Choice:
    bounds = _RANGE.fullmatch(given)
    if bounds is None:
        values = tuple(part.strip() for part in given.split(","))
        if ".." in given or not all(values):
            raise ConfigError("--vary", text, _FORM, f"write numbers on both sides of .., {_EXAMPLE}")
        if len(set(values)) < 2:
            raise ConfigError("--vary", text, "at least two values", f"write a range, {_EXAMPLE}")
        return Choice(values)
    low, high = Decimal(bounds[1]), Decimal(bounds[2])
    decimals = max(-int(each.as_tuple().exponent) for each in (low, high))
    step = Decimal(bounds[3]) if bounds[3] else Decimal(1).scaleb(-decimals)
    if low >= high:
        raise ConfigError("--vary", text, "a lower bound below the upper", "turn it round, or use --set for one value")
    if not 0 < step <= high - low:
        raise ConfigError("--vary", text, f"a step above 0, up to {plain(high - low)}", "correct the step")
    return Steps.between(low, high, step)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else plain(decimal_of(value))
