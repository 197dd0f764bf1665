"""What is told of a bot: from the resource, its Events and the moment, to what is printed; without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tradewind.cli.kubectl.advice import advice
from tradewind.cli.kubectl.cluster import moment_of

Object = Mapping[str, Any]

LATEST = 10
"""How many Events are shown."""
COLUMNS = ("bot", "ready", "mode", "profile", "exchange", "strategies", "age", "reason")


def summary(bot: Object) -> dict[str, Any]:
    """One bot in short."""
    metadata, spec = bot["metadata"], bot["spec"]
    ready = condition(bot, "Ready")
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "ready": ready.get("status", "Unknown"),
        "reason": ready.get("reason", "NotLookedAt"),
        "message": ready.get("message", "the operator has not looked at it"),
        "mode": spec.get("mode", ""),
        "profile": spec.get("profile", ""),
        "exchanges": [one["name"] for one in spec.get("exchanges", ())],
        "strategies": [one["name"] for one in spec.get("strategies", ())],
        "suspended": bool(spec.get("suspended")),
        "created": metadata["creationTimestamp"],
    }


def row(bot: Object, now: datetime, *, everywhere: bool) -> list[str]:
    """One bot as a row of `COLUMNS`."""
    short = summary(bot)
    name = f"{short['namespace']}/{short['name']}" if everywhere else short["name"]
    return [
        name,
        short["ready"],
        short["mode"],
        short["profile"],
        ",".join(short["exchanges"]),
        ",".join(short["strategies"]),
        age(short["created"], now),
        short["reason"],
    ]


def detail(bot: Object, events: Sequence[Object]) -> dict[str, Any]:
    """Everything that is told of one bot."""
    status = bot.get("status") or {}
    return {
        **summary(bot),
        "conditions": [
            {name: one.get(name, "") for name in ("type", "status", "reason", "message", "lastTransitionTime")}
            for one in status.get("conditions", ())
        ],
        "services": list(status.get("services", ())),
        "events": [
            {
                "time": moment_of(one),
                "type": one.get("type", ""),
                "reason": one.get("reason", ""),
                "message": one.get("message", ""),
            }
            for one in events[-LATEST:]
        ],
        "next": advice(bot),
    }


def condition(bot: Object, kind: str) -> Object:
    """A condition of a bot; empty where it has none of that type."""
    conditions = (bot.get("status") or {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == kind), {})


def age(since: str, now: datetime | None = None) -> str:
    """How long ago a moment (RFC 3339) was, as kubectl says it: `45s`, `12m`, `5h`, `3d`."""
    seconds = max(0, int(((now or datetime.now(UTC)) - datetime.fromisoformat(since)).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size * 2:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
