"""The bus of one process: a message is handed over as the object it is, without encoding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from tradewind.contracts.messages import Message
from tradewind.kernel.bus.base import Mailbox


class MemoryBus:
    """Delivers into mailboxes at once. What a killed process loses here, the outbox publishes again at its start."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, Mailbox] = {}
        self._routes: dict[str, list[Mailbox]] = defaultdict(list)

    def subscribe(self, service: str, topics: Iterable[str]) -> Mailbox:
        """The mailbox of `service`; subscribing again returns the same one."""
        mailbox = self._mailboxes.setdefault(service, Mailbox())
        for topic in topics:
            if mailbox not in self._routes[topic]:
                self._routes[topic].append(mailbox)
        return mailbox

    async def start(self) -> None:
        """There is nothing to begin."""

    async def close(self) -> None:
        """Nothing waits here."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Put each message into the mailbox of every subscriber of its topic."""
        for message in messages:
            for mailbox in self._routes[message.topic]:
                mailbox.put(message)

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Nothing is ever lost while this process lives."""

    async def failed(self, service: str, message: Message) -> None:
        """What is remembered would go with this process."""

    def trouble(self) -> str:
        """There is none."""
        return ""
