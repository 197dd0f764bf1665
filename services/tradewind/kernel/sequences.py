"""What a service has seen of each topic, by number, and whether a message is the one that comes next.

The stored messages of a topic are numbered without holes (decision record 0002), and whoever says "everything up to
41" relies on it that a consumer of 41 has had 40. A broker that was away, or came back empty, may bring 41 first; then
it has to wait for 40, which the outbox brings again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from tradewind.contracts.messages import Message
from tradewind.domain.errors import TemporaryError


class GapError(TemporaryError):
    """A message came before another one that nobody will send again: the view must be asked from its owner."""


class Place(Enum):
    """Where a message stands to what was seen."""

    AGAIN = auto()
    NEXT = auto()
    EARLY = auto()


class Sequences:
    """What one service has seen. `highest` is the last number that it knows of; of these it lacks those `missing`.

    Where nothing is `known`, because the service has no tables, the first message of a topic says where it stands.
    """

    def __init__(
        self,
        highest: Mapping[str, int] | None = None,
        missing: Mapping[str, Iterable[int]] | None = None,
        *,
        known: bool = True,
    ) -> None:
        self._known = known
        self._highest = dict(highest or {})
        self._missing = {topic: sorted(numbers) for topic, numbers in (missing or {}).items()}
        self._early: dict[str, dict[int, Message]] = {}

    def seen(self, topic: str) -> int:
        """The number up to which everything was seen."""
        missing = self._missing.get(topic)
        return missing[0] - 1 if missing else self._highest.get(topic, 0)

    def place(self, message: Message) -> Place:
        """Whether a stored message is the next, one seen before, or too early."""
        number, missing = message.sequence, self._missing.get(message.topic)
        highest = self._highest.get(message.topic, 0)
        if missing:
            if number == missing[0]:
                return Place.NEXT
            return Place.EARLY if number > highest or number in missing else Place.AGAIN
        if not self._known and message.topic not in self._highest:
            return Place.NEXT
        if number <= highest:
            return Place.AGAIN
        return Place.NEXT if number == highest + 1 else Place.EARLY

    def see(self, message: Message) -> None:
        """The next message was seen."""
        missing = self._missing.get(message.topic)
        if missing and missing[0] == message.sequence:
            missing.pop(0)
        self._highest[message.topic] = max(self._highest.get(message.topic, 0), message.sequence)

    def hold(self, message: Message) -> bool:
        """Keep an early message until it is the next; False for one that is kept already."""
        early = self._early.setdefault(message.topic, {})
        return early.setdefault(message.sequence, message) is message

    def released(self, topic: str) -> Message | None:
        """An early message of `topic` that is the next now, or was seen meanwhile."""
        early = self._early.get(topic)
        if not early:
            return None
        first = min(early)
        return None if self.place(early[first]) is Place.EARLY else early.pop(first)

    def held(self) -> list[Message]:
        """Every early message, by topic and number."""
        return [early[number] for early in self._early.values() for number in sorted(early)]
