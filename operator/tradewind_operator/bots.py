"""The bots that are there, as the API server last told: their resources, packed, and what is asked of them often.

The same record is kept of a Backtest: it is a resource with children, looked at by its key. Its key cannot be a bot's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tradewind.contracts.labels import DISABLED, RECONCILE, RESTART, RESTART_OF
from tradewind_operator.kinds import BACKTEST, backtest_key

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bot:
    """One TradingBot. `packed` is the resource as JSON without the bookkeeping of field managers."""

    key: str
    uid: str
    version: int
    generation: int
    deleted_at: datetime | None
    finalizers: tuple[str, ...]
    restart: tuple[tuple[str, str], ...]
    """The annotations that ask for a restart, with their values."""
    disabled: bool
    packed: bytes

    @property
    def resource(self) -> Object:
        """The resource, unpacked anew: change it as you like."""
        found: Object = orjson.loads(self.packed)
        return found

    @property
    def intent(self) -> tuple[Any, ...]:
        """What a person may change: the same intent gives the same children."""
        return self.uid, self.generation, self.restart

    @property
    def wish(self) -> tuple[Any, ...]:
        """Everything by which a person tells the operator what to do with the bot."""
        return *self.intent, self.disabled, self.deleted_at is not None


class Bots:
    """All bots, by key (`namespace/name`)."""

    def __init__(self) -> None:
        self._bots: dict[str, Bot] = {}
        self.ends = 0
        """How many have ended so far: what was asked before the last one ended may be about that one."""

    def __len__(self) -> int:
        return len(self._bots)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._bots))

    def get(self, key: str) -> Bot | None:
        """The bot of a key."""
        return self._bots.get(key)

    def put(self, resource: Mapping[str, Any]) -> bool:
        """Take over what was watched or listed; whether it is newer than what was known.

        The predecessor of the same name is older, whatever order the two come in.
        """
        bot = read_bot(resource)
        known = self._bots.get(bot.key)
        if known is not None and known.version >= bot.version:
            return False
        self._bots[bot.key] = bot
        return True

    def answered(self, resource: Mapping[str, Any]) -> bool:
        """Take over the answer to a write of our own, unless the bot is known to be gone since.

        Returns whether it shows another wish than was known, or other finalizers: what a person has changed meanwhile
        comes by the watch as well, but later than this answer, as something old. So it has to be looked at now.
        """
        key = key_of(resource)
        known = self._bots.get(key)
        if known is None or known.uid != resource["metadata"]["uid"]:
            return False
        self.put(resource)
        bot = self._bots[key]
        return (bot.wish, bot.finalizers) != (known.wish, known.finalizers)

    def remove(self, resource: Mapping[str, Any]) -> Bot | None:
        """A resource is gone; the bot it was, None where another has taken its name meanwhile."""
        self.ends += 1
        key = key_of(resource)
        known = self._bots.get(key)
        if known is None or known.uid != resource["metadata"]["uid"]:
            return None
        return self._bots.pop(key)


def key_of(resource: Mapping[str, Any]) -> str:
    """`namespace/name` of a bot, `namespace/backtest/name` of a Backtest."""
    metadata = resource["metadata"]
    if resource.get("kind") == BACKTEST.kind:
        return backtest_key(metadata["namespace"], metadata["name"])
    return f"{metadata['namespace']}/{metadata['name']}"


def read_bot(resource: Mapping[str, Any]) -> Bot:
    """The record of a resource."""
    metadata = resource["metadata"]
    annotations = metadata.get("annotations") or {}
    deleted = metadata.get("deletionTimestamp")
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    return Bot(
        key=key_of(resource),
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        generation=int(metadata.get("generation", 0)),
        deleted_at=datetime.fromisoformat(deleted) if deleted else None,
        finalizers=tuple(metadata.get("finalizers") or ()),
        restart=tuple(
            (name, value)
            for name, value in sorted(annotations.items())
            if name == RESTART or name.startswith(RESTART_OF)
        ),
        disabled=annotations.get(RECONCILE) == DISABLED,
        packed=orjson.dumps({**resource, "metadata": kept}),
    )
