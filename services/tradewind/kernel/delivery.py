"""What is written down of the messages that a service handles and publishes, as its runner sees it.

A service that stores has outbox and inbox beside its own tables (`kernel.store.delivery`). One that stores nothing has
neither, and its process needs no database: it hears what is told from now on and asks the owners for the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from tradewind.contracts.messages import Message
from tradewind.domain.errors import TradewindError
from tradewind.kernel.store.base import Write


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a service stands, in numbers by topic.

    These are that of what it published last, the last that was given by anybody, and those of what it should have
    handled and has not. `unmarked` are the topics of which it has to handle something and has no mark yet, with the
    number up to which all is gone.
    """

    published: dict[str, int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)
    unmarked: dict[str, int] = field(default_factory=dict)


class Delivery(Protocol):
    """The books of one service. `tasks` run beside it."""

    @property
    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What runs beside the service."""
        ...

    async def progress(self, owed: Sequence[Message]) -> Progress:
        """Where the service stands; of `owed`, what was handled and is not written down yet, it is by then."""
        ...

    def outgoing(self, message: Message, *, newest: bool) -> Write:
        """The row of a message about to be published; if `newest`, none where its topic has gone beyond it (fenced)."""
        ...

    def handled(self, messages: Sequence[Message]) -> list[Write]:
        """The rows that say that messages were handled."""
        ...

    async def undone(self) -> list[Message]:
        """What this service stored and somebody has not handled."""
        ...

    async def unsent(self, sent: Mapping[str, int]) -> list[Message]:
        """What this service stored beyond the numbers, by topic, that it gave to the bus."""
        ...

    def sent(self, numbers: Mapping[str, int]) -> None:
        """Learn up to which number of each topic the bus was given everything."""
        ...


class NothingStored:
    """The books of a service that has no tables."""

    tasks: Sequence[Callable[[], Awaitable[None]]] = ()

    def __init__(self, service: str) -> None:
        self._service = service

    async def progress(self, owed: Sequence[Message]) -> Progress:  # noqa: ARG002
        """Nothing is known."""
        return Progress()

    def outgoing(self, message: Message, *, newest: bool) -> Write:  # noqa: ARG002
        """Refused: what is promised to arrive must be written down."""
        raise TradewindError(f"{self._service} stores nothing, its catalog row says: not {type(message).__name__}")

    def handled(self, messages: Sequence[Message]) -> list[Write]:  # noqa: ARG002
        """Nothing is."""
        return []

    async def undone(self) -> list[Message]:
        """Nothing is."""
        return []

    async def unsent(self, sent: Mapping[str, int]) -> list[Message]:  # noqa: ARG002
        """Nothing is."""
        return []

    def sent(self, numbers: Mapping[str, int]) -> None:
        """Nothing is kept that could go."""


class NoStore:
    """The store of a process in which no service has tables."""

    async def commit(self, writes: Sequence[Write]) -> None:  # noqa: ARG002
        """Refused."""
        self._refuse()

    async def read(self, query: Callable[[Any], Any]) -> Any:  # noqa: ARG002
        """Refused."""
        self._refuse()

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _refuse(self) -> NoReturn:
        raise TradewindError("no service of this process stores anything, their catalog rows say")
