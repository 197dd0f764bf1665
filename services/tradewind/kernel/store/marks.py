"""How far each service is done with each topic: what is left of messages that nobody needs any more.

A consumer is done when it has handled, a publisher when it has sent. The rows of a message go when everybody is done
with it, so the least mark of a topic says what is gone; a late copy is recognised by its number.

A service sets its first mark when it first loads, and nothing beyond a mark goes, whether the one who trims knows that
service or not: of two versions that take turns on one store, the older one does not take from the newer one's services
what they have not had. For the same reason, whoever takes a service from the catalog, or gives it another name, also
writes a migration for its marks: what it has left would hold the outbox for good.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, insert, select

from tradewind.contracts.messages import MESSAGES
from tradewind.kernel.store.base import Write
from tradewind.kernel.store.metadata import METADATA

delivery_marks = Table(
    "delivery_marks",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("topic", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("time", BigInteger),
)
"""`service` is done with all of `topic` up to `sequence`; `time` is the latest market time among what is gone of it."""

_INSERT = insert(delivery_marks)


def mark_write(bot: str, topic: str, service: str, sequence: int, time: int | None = None) -> Write:
    """The first mark of a service on a topic."""
    row = {"bot": bot, "topic": topic, "service": service, "sequence": sequence, "time": time}
    return Write(_INSERT, row)


def read_unmarked(connection: Connection, bot: str, service: str, kinds: Iterable[str]) -> dict[str, int]:
    """The topics of the stored ones of `kinds` that `service` has no mark on, with the number up to which all is gone.

    A service that is new to a bot begins after that number: it was not there when those before it were needed.
    """
    gone: dict[str, int] = {}
    marked: set[str] = set()
    for row in connection.execute(select(delivery_marks).where(delivery_marks.c.bot == bot)):
        gone[row.topic] = min(row.sequence, gone.get(row.topic, row.sequence))
        if row.service == service:
            marked.add(row.topic)
    topics = {MESSAGES[kind].topic for kind in kinds if MESSAGES[kind].stored}
    return {topic: gone.get(topic, 0) for topic in sorted(topics - marked)}
