"""The unit of work: what a handler writes and what it publishes becomes true together, or not at all.

A handler calls `write` and `publish`; the kernel then commits the writes, the outgoing messages (outbox) and the ids
of the handled messages (inbox) in one transaction, and only after that gives the messages to the bus. A kill at any
point loses and doubles nothing. Where nothing was written there is no transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import force_setattr

from tradewind.contracts.messages import Message
from tradewind.kernel.store.base import Write

if TYPE_CHECKING:
    from sqlalchemy.sql.base import Executable


class UnitOfWork:
    """Collects the consequences of handling one batch of messages, or of one request.

    `traceparent` is the trace context in force: that of the message being handled, until a span is entered.
    """

    __slots__ = ("after_commit", "messages", "traceparent", "writes")

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.messages: list[Message] = []
        self.after_commit: list[Callable[[], None]] = []
        self.traceparent: str | None = None

    def write(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, expect: int | None = None
    ) -> None:
        """Add one statement to the transaction. A different number of rows than `expect` undoes all of it."""
        self.writes.append(Write(statement, parameters or {}, expect))

    def publish(self, message: Message) -> None:
        """Send `message` when, and only if, the unit commits."""
        if message.traceparent is None and self.traceparent is not None:
            # Frozen for everybody else; nobody else has seen it yet.
            force_setattr(message, "traceparent", self.traceparent)
        self.messages.append(message)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the transaction is durable and before the messages go out."""
        self.after_commit.append(callback)
