"""Compares a run with what its case expects, and says in plain words what differs.

Text, dates and whole numbers must be equal; rates and amounts agree to 1e-8, profits and metrics to 1e-6, relative.
Where trades close at one moment, drawdowns depend on an order that freqtrade does not fix: then those of the case's
`stable_order` count, and the others are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tradewind.research.freqtrade.lines import ORDER_FIELDS

RATES, PROFITS = 1e-8, 1e-6
_ABSOLUTE = 1e-8
"""Profits have eight decimals, so the last of them may differ; rates and amounts have as many as they need."""

_OF_ORDER = frozenset(
    {
        "max_drawdown_abs",
        "max_drawdown_account",
        "max_relative_drawdown",
        "max_drawdown_high",
        "max_drawdown_low",
        "drawdown_start_ts",
        "drawdown_end_ts",
        "calmar",
    }
)
_NOISE = "days_with_rounding_noise"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_MOST_SHOWN = 20


def trade_differences(lines: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each way in which the trades are not those expected; empty where they are."""
    return list(_trades(lines, expected))


def summary_differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """One line for each figure that is not as expected; empty where all are."""
    ties = (expected.get("stable_order") or {}).get("equal_close_dates", 0) > 0
    kept = [name for name in expected if not (ties and name in _OF_ORDER)]
    return [line for name in kept for line in _value(name, found.get(name), expected[name])]


def not_compared(expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """Fields of expected orders that no line of ours has, so that a check is silent about them."""
    names = {name for line in expected for order in line.get("orders") or () for name in order}
    return sorted(names - set(ORDER_FIELDS))


def shown(told: Sequence[str]) -> list[str]:
    """The first of `told`, and how many there are besides."""
    more = len(told) - _MOST_SHOWN
    return [*told[:_MOST_SHOWN], f"... and {more} more"] if more > 0 else list(told)


def _trades(lines: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ours = {_key(line): line for line in lines}
    theirs = {_key(line): line for line in expected}
    if len(lines) != len(expected):
        yield f"{len(lines)} trades, expected {len(expected)}"
    for key, line in theirs.items():
        if key not in ours:
            yield f"{_named(line)}: expected, closed {line['close_date']} by {line['exit_reason']}; not traded"
        else:
            yield from _trade(ours[key], line)
    for key, line in ours.items():
        if key not in theirs:
            yield f"{_named(line)}: traded, closed {line['close_date']} by {line['exit_reason']}; not expected"
    if set(ours) == set(theirs) and list(ours) != list(theirs):
        place = next(place for place, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
        yield f"the order of closing differs from trade {place + 1} on"


def _trade(line: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for name in [name for name in expected if name != "orders"]:
        tolerance = PROFITS if name.startswith("profit") else RATES
        if name not in line:
            yield f"{_named(expected)}: {name} is expected, {expected[name]}, and missing"
        elif not _equal(line[name], expected[name], tolerance):
            yield f"{_named(expected)}: {name} is {line[name]}, expected {expected[name]}"
    orders, wanted = line.get("orders") or (), expected.get("orders") or ()
    if len(orders) != len(wanted):
        yield f"{_named(expected)}: {len(orders)} orders told, expected {len(wanted)}"
        return
    for number, (order, other) in enumerate(zip(orders, wanted, strict=True), 1):
        for name in sorted(order.keys() & other.keys()):
            if not _equal(order[name], other[name], RATES):
                yield f"{_named(expected)}: order {number} has {name} {order[name]}, expected {other[name]}"


def _value(name: str, found: Any, expected: Any) -> list[str]:
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping):
            return [f"{name} is {found}, expected {expected}"]
        noisy = expected.get(_NOISE, 0) > 0
        kept = [key for key in expected if key != _NOISE and not (noisy and key == "sortino")]
        return [line for key in kept for line in _value(f"{name}.{key}", found.get(key), expected[key])]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{name} has {len(found or ())} entries, expected {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True), 1)
        return [line for place, (one, other) in pairs for line in _value(f"{name} {place}", one, other)]
    return [] if _equal(found, expected, PROFITS) else [f"{name} is {found}, expected {expected}"]


def _equal(found: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, bool) or found is None or expected is None:
        return bool(found == expected)
    if isinstance(expected, int | float) and isinstance(found, int | float):
        if float(expected).is_integer() and float(found).is_integer():
            return found == expected
        return math.isclose(found, expected, rel_tol=tolerance, abs_tol=_ABSOLUTE if tolerance == PROFITS else 0.0)
    if isinstance(expected, str) and isinstance(found, str) and found != expected:
        # Reasons of locks print raw floats, whose last digit depends on the order of a sum.
        ours, theirs = _NUMBER.findall(found), _NUMBER.findall(expected)
        near = all(_equal(float(one), float(other), tolerance) for one, other in zip(ours, theirs, strict=False))
        return near and len(ours) == len(theirs) > 0 and _NUMBER.sub("", found) == _NUMBER.sub("", expected)
    return bool(found == expected)


def _key(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["pair"], line["open_date"]


def _named(line: Mapping[str, Any]) -> str:
    return f"{line['pair']} opened {line['open_date']}"
