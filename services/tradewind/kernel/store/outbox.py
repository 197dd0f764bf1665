"""Outbox and inbox: why neither a killed process nor an emptied broker loses or doubles a message.

A stored message is a row of `outbox`, written in the transaction that made it true. A service that handled it has a
row in `inbox`, written in the transaction of its consequences. A message is *done* when every consumer of its kind
has it in its inbox; what is not done is published again at start. Handling a message that changed nothing needs no
transaction of its own: its inbox row rides along with the next one, and until then handling it again is harmless.

What everybody is done with goes in time, from both tables at once (`kernel.store.retention`). So both are written with
a guard: who slept through that is told that others have gone on, and does not write below what is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
    bindparam,
    exists,
    false,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ColumnElement

from tradewind.contracts.messages import Message, decode, encode
from tradewind.kernel.delivery import Progress
from tradewind.kernel.store.base import Write
from tradewind.kernel.store.marks import delivery_marks, read_unmarked
from tradewind.kernel.store.metadata import METADATA

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

_TIMED = (outbox, delivery_marks)

_ROWS_TOGETHER = 500
"""Ids in one statement; both databases take many more."""

_INSERT_OUTBOX = insert(outbox)
_newer = outbox.alias("newer")
_INSERT_NEWEST = insert(outbox).from_select(
    [column.name for column in outbox.c],
    select(*(bindparam(column.name, type_=column.type).label(column.name) for column in outbox.c)).where(
        ~exists().where(
            _newer.c.bot == bindparam("bot"),
            _newer.c.topic == bindparam("topic"),
            _newer.c.sequence > bindparam("sequence"),
        )
    ),
)


def _insert_inbox(which: ColumnElement[bool]) -> Executable:
    """The inbox rows of those messages that still stand in the outbox, which keeps them there until it is committed."""
    rows = select(outbox.c.bot, bindparam("service", type_=String), outbox.c.message_id)
    locked = rows.where(outbox.c.bot == bindparam("bot"), which).with_for_update(read=True, key_share=True)
    return insert(inbox).from_select(["bot", "service", "message_id"], locked)


_INSERT_INBOX = _insert_inbox(outbox.c.message_id == bindparam("message_id"))
_INSERT_INBOXES = _insert_inbox(outbox.c.message_id.in_(bindparam("message_ids", expanding=True)))


def outbox_write(message: Message, publisher: str, *, newest: bool = False) -> Write:
    """The row of a message about to be published; if `newest`, none where the topic has gone beyond it (fenced).

    The number of a message that is gone is free in the table. Given again, it would be taken for one that was handled.
    """
    return Write(
        _INSERT_NEWEST if newest else _INSERT_OUTBOX,
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
        1 if newest else None,
    )


def inbox_writes(bot: str, service: str, message_ids: Sequence[str]) -> list[Write]:
    """The rows that say that `service` has handled messages.

    A message that is not in the outbox any more was handled by another instance, and everybody is done with it: whoever
    handles it after that is fenced.
    """
    if len(message_ids) == 1:
        return [Write(_INSERT_INBOX, {"bot": bot, "service": service, "message_id": message_ids[0]}, 1)]
    parts = [message_ids[first : first + _ROWS_TOGETHER] for first in range(0, len(message_ids), _ROWS_TOGETHER)]
    return [
        Write(_INSERT_INBOXES, {"bot": bot, "service": service, "message_ids": list(part)}, len(part)) for part in parts
    ]


def read_progress(connection: Connection, bot: str, service: str, kinds: Iterable[str]) -> Progress:
    """The progress of `service`, which handles messages of `kinds`; of one that stores nothing, without marks."""
    kinds = list(kinds)
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
        .where(outbox.c.bot == bot, lacked_by({service: kinds}))
        .order_by(outbox.c.topic, outbox.c.sequence)
    ):
        missing.setdefault(topic, []).append(sequence)
    return Progress(published, highest, missing, read_unmarked(connection, bot, service, kinds))


def lacked_by(consumed: Mapping[str, Iterable[str]]) -> ColumnElement[bool]:
    """Of a row of the outbox: whether some service has to handle it and has not. `consumed`: service -> its kinds."""
    return or_(
        false(),
        *(
            and_(
                outbox.c.kind.in_(list(kinds)),
                ~exists().where(
                    inbox.c.bot == outbox.c.bot,
                    inbox.c.service == service,
                    inbox.c.message_id == outbox.c.message_id,
                ),
            )
            for service, kinds in consumed.items()
        ),
    )


def read_undone(connection: Connection, bot: str, consumers: Mapping[str, Iterable[str]]) -> list[Message]:
    """Stored messages that some consumer of their kind has not handled, by topic and sequence.

    `consumers` maps a message kind to the storing services that handle it.
    """
    consumed: dict[str, list[str]] = {}
    for kind, services in consumers.items():
        for service in services:
            consumed.setdefault(service, []).append(kind)
    rows = connection.execute(
        select(outbox.c.kind, outbox.c.payload)
        .where(outbox.c.bot == bot, lacked_by(consumed))
        .order_by(outbox.c.topic, outbox.c.sequence)
    )
    return [decode(kind, payload) for kind, payload in rows]


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
    """The latest market time that any stored message names or named: where a replay resumes. None for a fresh store."""
    times = [connection.scalar(select(func.max(table.c.time)).where(table.c.bot == bot)) for table in _TIMED]
    return max((time for time in times if time is not None), default=None)
