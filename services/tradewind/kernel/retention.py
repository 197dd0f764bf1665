"""What is kept of messages, and for how long: the rows of outbox and inbox stay bounded however long a bot runs.

Each topic has one publishing service, and this one lets go of what it has published, in the background: a block of
`BLOCK` messages at a time, one transaction each, when every service that has to handle them has done so. The last
`TAIL` messages of each topic stay in any case, for whoever looks for a reason; the books (orders, fills, positions,
decisions) are tables of the services and stay for good. Where a consumer is not running, its messages wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tradewind import catalog
from tradewind.contracts.messages import MESSAGES
from tradewind.kernel.store.base import Store
from tradewind.kernel.store.trimming import Block, Held, read_block

if TYPE_CHECKING:
    from tradewind.catalog import ServiceSpec

TAIL = 1000
"""Messages of each topic that stay, although everybody is done with them; one at least, for it carries the number."""
BLOCK = 512
PAUSE = 0.1
"""Seconds between two blocks, for whoever waits for the database."""


class Retention:
    """Lets go of what `spec` has published and nobody needs; `run` beside the service, `sent` after each unit."""

    def __init__(self, store: Store, bot: str, spec: ServiceSpec, log: Any) -> None:
        self._store, self._bot, self._name, self._log = store, bot, spec.name, log
        kinds = [kind for kind in spec.publishes if MESSAGES[kind].stored]
        self._consumed = {topic: _consumed(topic) for topic in catalog.topics_of(tuple(kinds))}
        self._sent: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._due = asyncio.Event()
        self._told: set[tuple[str, str]] = set()

    def sent(self, numbers: Mapping[str, int]) -> None:
        """Learn up to which number of each topic the bus was given everything."""
        for topic in self._consumed:
            number = self._sent[topic] = numbers.get(topic, 0)
            if number >= self._next.get(topic, TAIL + BLOCK):
                self._due.set()

    async def run(self) -> None:
        """Let go of what may go, whenever a block of messages may have become free."""
        while True:
            await self._due.wait()
            await self.trim()

    async def trim(self) -> None:
        """Let go of every block that may go now."""
        self._due.clear()
        for topic in self._consumed:
            await self._trim(topic)

    async def _trim(self, topic: str) -> None:
        """A failure costs nothing but rows, which the next time takes as well."""
        self._next[topic] = self._sent.get(topic, 0) + max(BLOCK // 2, 1)
        try:
            more = await self._trim_block(topic)
            while more:
                await asyncio.sleep(PAUSE)
                more = await self._trim_block(topic)
        except Exception as error:  # noqa: BLE001 - a bot that trades is worth more than a small table
            self._log.warning("outbox not trimmed", topic=topic, error=str(error))

    async def _trim_block(self, topic: str) -> bool:
        key, name, consumed = self._bot, self._name, self._consumed[topic]
        end, rows = self._sent.get(topic, 0) - max(TAIL, 1), BLOCK
        found: Block | Held = await self._store.read(
            lambda connection: read_block(connection, key, topic, name, consumed, rows=rows, end=end)
        )
        if isinstance(found, Block):
            await self._store.commit(found.writes())
            return True
        for service in found.by:
            if (topic, service) not in self._told:
                self._told.add((topic, service))
                self._log.warning("outbox kept for a service that this version does not know", topic=topic, of=service)
        return False


def _consumed(topic: str) -> dict[str, tuple[str, ...]]:
    """The storing services that handle messages of `topic`, and the kinds of these."""
    found: dict[str, tuple[str, ...]] = {}
    for kind, services in catalog.storing_consumers().items():
        if MESSAGES[kind].topic == topic:
            for service in services:
                found[service] = (*found.get(service, ()), kind)
    return found
