"""The books of a service that stores: outbox, inbox and marks, in the database beside its own tables."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

from tradewind import catalog
from tradewind.contracts.messages import Message
from tradewind.kernel.delivery import Progress
from tradewind.kernel.retention import Retention
from tradewind.kernel.store.base import Store, Write
from tradewind.kernel.store.marks import mark_write
from tradewind.kernel.store.outbox import inbox_writes, outbox_write, read_progress, read_undone, read_unsent


class StoredDelivery:
    """`kernel.delivery.Delivery` of the service of a catalog row."""

    def __init__(self, store: Store, bot: str, spec: catalog.ServiceSpec, log: Any) -> None:
        self._store, self._bot, self._spec, self._log = store, bot, spec, log
        self._retention = Retention(store, bot, spec, log)

    @property
    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Letting go of what everybody is done with."""
        return (self._retention.run,)

    async def progress(self, owed: Sequence[Message]) -> Progress:
        """Where the tables say that it stands; its first question says that it is there."""
        progress = await self._read()
        if progress.unmarked:
            await self._mark_first(progress.unmarked)
            progress = await self._read()
        # What is owed was handled: forgotten with the caches, it would be waited for until the next start.
        handled = [one for one in owed if one.sequence in progress.missing.get(one.topic, ())]
        if handled:
            await self._store.commit(self.handled(handled))
            progress = await self._read()
        return progress

    def outgoing(self, message: Message, *, newest: bool) -> Write:
        """A row of the outbox."""
        return outbox_write(message, self._spec.name, newest=newest)

    def handled(self, messages: Sequence[Message]) -> list[Write]:
        """Rows of the inbox."""
        return inbox_writes(self._bot, self._spec.name, [one.id for one in messages])

    async def undone(self) -> list[Message]:
        """Of the topics that it publishes, what some storing service has not in its inbox."""
        undone = await self._store.read(
            lambda connection: read_undone(connection, self._bot, catalog.storing_consumers())
        )
        topics = set(self._spec.publishes_topics)
        return [message for message in undone if message.topic in topics]

    async def unsent(self, sent: Mapping[str, int]) -> list[Message]:
        """The rows of the outbox beyond `sent`."""
        return await self._store.read(lambda connection: read_unsent(connection, self._bot, self._spec.name, sent))

    def sent(self, numbers: Mapping[str, int]) -> None:
        """Learn what may go in time."""
        self._retention.sent(numbers)

    async def _read(self) -> Progress:
        spec = self._spec
        return await self._store.read(lambda connection: read_progress(connection, self._bot, spec.name, spec.consumes))

    async def _mark_first(self, topics: Mapping[str, int]) -> None:
        """Say that this service is there: from now on nothing goes that it has not handled."""
        for topic, gone in topics.items():
            if gone:
                self._log.info("begins after what is gone", topic=topic, after=gone)
        # Another instance that starts at this moment says the same.
        with contextlib.suppress(IntegrityError):
            await self._store.commit(
                [mark_write(self._bot, topic, self._spec.name, gone) for topic, gone in topics.items()]
            )
