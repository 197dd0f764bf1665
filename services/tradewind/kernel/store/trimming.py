"""What of a topic may go from outbox and inbox, and the one transaction in which it goes.

A block of rows goes at once or not at all: their outbox rows, their inbox rows and the marks that say so. Before it, a
late copy of a message is known by its inbox row, after it by its number; there is no moment between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, func, select, update

from tradewind.kernel.store.base import Write
from tradewind.kernel.store.marks import delivery_marks, mark_write
from tradewind.kernel.store.outbox import inbox, lacked_by, outbox

_MOVE = (
    update(delivery_marks)
    .where(
        delivery_marks.c.bot == bindparam("of_bot"),
        delivery_marks.c.topic == bindparam("of_topic"),
        delivery_marks.c.service == bindparam("of_service"),
        delivery_marks.c.sequence < bindparam("last"),
    )
    .values(sequence=bindparam("last"), time=bindparam("latest"))
)
_IN_BLOCK = (
    outbox.c.bot == bindparam("of_bot"),
    outbox.c.topic == bindparam("of_topic"),
    outbox.c.sequence <= bindparam("last"),
)
_DELETE_INBOX = delete(inbox).where(
    inbox.c.bot == bindparam("of_bot"),
    inbox.c.service == bindparam("of_service"),
    inbox.c.message_id.in_(select(outbox.c.message_id).where(*_IN_BLOCK)),
)
_DELETE_OUTBOX = delete(outbox).where(*_IN_BLOCK)


@dataclass(frozen=True, slots=True)
class Block:
    """Messages of `topic` up to number `last` that nobody needs; the topic named market time `time` at the latest.

    The `publisher` and the `consumers` are done with them; those `marked` have a mark already.
    """

    bot: str
    topic: str
    last: int
    time: int | None
    publisher: str
    consumers: tuple[str, ...]
    marked: frozenset[str]

    def writes(self) -> list[Write]:
        """The transaction after which they are gone. Nothing comes of it where somebody else was faster."""
        block = {"of_bot": self.bot, "of_topic": self.topic, "last": self.last}
        marks = [self._mark(service, block) for service in (self.publisher, *self.consumers)]
        handled = [Write(_DELETE_INBOX, {**block, "of_service": service}) for service in self.consumers]
        return [*marks, *handled, Write(_DELETE_OUTBOX, block)]

    def _mark(self, service: str, block: Mapping[str, object]) -> Write:
        if service in self.marked:
            return Write(_MOVE, {**block, "of_service": service, "latest": self.time})
        return mark_write(self.bot, self.topic, service, self.last, self.time)


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing goes; `by` names services that this version does not know and that have not had all, mostly none."""

    by: tuple[str, ...] = ()


def read_block(
    connection: Connection,
    bot: str,
    topic: str,
    publisher: str,
    consumed: Mapping[str, Iterable[str]],
    *,
    rows: int,
    end: int,
) -> Block | Held:
    """The next `rows` messages of `topic`, none beyond `end`, if every one of them may go.

    `consumed` maps the storing services that handle messages of the topic to the kinds of these.
    """
    mine = (delivery_marks.c.bot == bot, delivery_marks.c.topic == topic)
    marks = {row.service: row for row in connection.execute(select(delivery_marks).where(*mine))}
    first = marks[publisher].sequence if publisher in marks else 0
    last = first + rows
    if last > end:
        return Held()
    known = (publisher, *consumed)
    strangers = tuple(name for name, row in marks.items() if name not in known and row.sequence < last)
    if strangers:
        return Held(strangers)
    block = (outbox.c.bot == bot, outbox.c.topic == topic, outbox.c.sequence <= last)
    if connection.scalar(select(exists().where(*block, lacked_by(consumed)))):
        return Held()
    times = [connection.scalar(select(func.max(outbox.c.time)).where(*block)), *(row.time for row in marks.values())]
    time = max((one for one in times if one is not None), default=None)
    return Block(bot, topic, last, time, publisher, tuple(consumed), frozenset(marks))
