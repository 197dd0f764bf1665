"""Outbox and inbox: why neither a killed process nor an emptied broker loses or doubles a message.

A stored message is a row of `outbox`, written in the transaction that made it true. A service that handled it has a
row in `inbox`, written in the transaction of its consequences. A message is *done* when every consumer of its kind
has it in its inbox; what is not done is published again at start. Handling a message that changed nothing needs no
transaction of its own: its inbox row rides along with the next one, and until then handling it again is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    and_,
    func,
    insert,
    or_,
    select,
)

from tradewind.contracts.messages import Message, decode, encode
from tradewind.kernel.store.base import METADATA, Write

outbox = Table(
    "outbox",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("message_id", String, primary_key=True),
    Column("publisher", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("outbox_sequence", "bot", "topic", "sequence", unique=True),
)

inbox = Table(
    "inbox",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("message_id", String, primary_key=True),
)

_INSERT_OUTBOX = insert(outbox)
_INSERT_INBOX = insert(inbox)


def outbox_write(message: Message, publisher: str) -> Write:
    """The row of a message about to be published."""
    return Write(
        _INSERT_OUTBOX,
        {
            "bot": message.bot,
            "message_id": message.id,
            "publisher": publisher,
            "topic": message.topic,
            "sequence": message.sequence,
            "kind": type(message).__name__,
            "time": message.time,
            "payload": encode(message),
        },
    )


def inbox_write(bot: str, service: str, message_id: str) -> Write:
    """The row that says that `service` has handled a message."""
    return Write(_INSERT_INBOX, {"bot": bot, "service": service, "message_id": message_id})


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a service stands: the ids of what it handled and, by topic, some numbers.

    These are that of what it published last, the last that was given by anybody, and those of what it should have
    handled and has not.
    """

    handled: set[str]
    published: dict[str, int]
    highest: dict[str, int]
    missing: dict[str, list[int]]


def read_progress(connection: Connection, bot: str, service: str, kinds: Iterable[str]) -> Progress:
    """The progress of `service`, which handles messages of `kinds`."""
    mine = and_(inbox.c.bot == outbox.c.bot, inbox.c.message_id == outbox.c.message_id, inbox.c.service == service)
    handled = set(connection.scalars(select(inbox.c.message_id).where(inbox.c.bot == bot, inbox.c.service == service)))
    published: dict[str, int] = dict(
        connection.execute(
            select(outbox.c.topic, func.max(outbox.c.sequence))
            .where(outbox.c.bot == bot, outbox.c.publisher == service)
            .group_by(outbox.c.topic)
        ).all()
    )
    highest: dict[str, int] = dict(
        connection.execute(
            select(outbox.c.topic, func.max(outbox.c.sequence)).where(outbox.c.bot == bot).group_by(outbox.c.topic)
        ).all()
    )
    missing: dict[str, list[int]] = {}
    for topic, sequence in connection.execute(
        select(outbox.c.topic, outbox.c.sequence)
        .outerjoin(inbox, mine)
        .where(outbox.c.bot == bot, outbox.c.kind.in_(list(kinds)), inbox.c.message_id.is_(None))
        .order_by(outbox.c.topic, outbox.c.sequence)
    ):
        missing.setdefault(topic, []).append(sequence)
    return Progress(handled, published, highest, missing)


def read_undone(connection: Connection, bot: str, consumers: Mapping[str, Iterable[str]]) -> list[Message]:
    """Stored messages that some consumer of their kind has not handled, by topic and sequence.

    `consumers` maps a message kind to the storing services that handle it.
    """
    handled: dict[str, set[str]] = {}
    for service, message_id in connection.execute(
        select(inbox.c.service, inbox.c.message_id).where(inbox.c.bot == bot)
    ):
        handled.setdefault(message_id, set()).add(service)
    kinds = [kind for kind, services in consumers.items() if services]
    rows = connection.execute(
        select(outbox.c.message_id, outbox.c.kind, outbox.c.payload)
        .where(outbox.c.bot == bot, outbox.c.kind.in_(kinds))
        .order_by(outbox.c.topic, outbox.c.sequence)
    )
    return [
        decode(kind, payload)
        for message_id, kind, payload in rows
        if not set(consumers[kind]) <= handled.get(message_id, set())
    ]


def read_unsent(connection: Connection, bot: str, publisher: str, sent: Mapping[str, int]) -> list[Message]:
    """What `publisher` has stored beyond the sequences (by topic) that it gave to the bus, by topic and sequence."""
    rows = connection.execute(
        select(outbox.c.topic, outbox.c.sequence, outbox.c.kind, outbox.c.payload)
        .where(
            outbox.c.bot == bot,
            outbox.c.publisher == publisher,
            or_(
                outbox.c.topic.not_in(list(sent)),
                *(and_(outbox.c.topic == topic, outbox.c.sequence > last) for topic, last in sent.items()),
            ),
        )
        .order_by(outbox.c.topic, outbox.c.sequence)
    )
    return [decode(row.kind, row.payload) for row in rows]


def read_last_time(connection: Connection, bot: str) -> int | None:
    """The latest market time that any stored message names: where a replay resumes. None for a fresh store."""
    latest: int | None = connection.scalar(select(func.max(outbox.c.time)).where(outbox.c.bot == bot))
    return latest
