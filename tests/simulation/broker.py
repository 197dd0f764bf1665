"""The bus between the processes, as Redis Streams are to them: it keeps a message for a group until it is done.

What a process publishes is on its way for a moment, and gone when the process dies in it. A message of a shared topic
is given to one process of each service that stores what it consumes, and again when that process dies or another one
of the service starts; every other topic goes to whoever listens now. The broker may be emptied: then each process
hears of a gap, at its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
from tests.simulation.disturbances import Disturbances, Kind
from tests.simulation.virtual_loop import Process, VirtualLoop

from tradewind import catalog
from tradewind.contracts.messages import Message
from tradewind.kernel.bus.base import Mailbox

SERVICES = ("execution", "portfolio", "engine")
"""Who has groups here. A stream is kept for a group from its first entry on, also before the group is first read."""


@dataclass(slots=True)
class Entry:
    """A message that a group has not done; `holder` is who was given it."""

    message: Message
    holder: BrokerMailbox | None = None


class BrokerMailbox(Mailbox):
    """The mailbox of one service in one process; `shared` and `broadcast` are its topics."""

    def __init__(self, broker: Broker, process: Process, service: str, topics: Iterable[str]) -> None:
        super().__init__()
        self.process, self.service = process, service
        shared = set(catalog.service(service).shared_topics)
        self.shared = {topic for topic in topics if topic in shared}
        self.broadcast = {topic for topic in topics if topic not in shared}
        self._broker = broker
        self._numbers: dict[int, tuple[Message, int]] = {}

    def keep(self, message: Message, number: int) -> None:
        """A message of the group arrives."""
        self._numbers[id(message)] = (message, number)
        self.put(message)

    def done(self, messages: Sequence[Message]) -> None:
        """Say so to the broker, which hears it in a moment."""
        for message in messages:
            known = self._numbers.pop(id(message), None)
            if known is not None:
                self._broker.acknowledge(self, known[1])


class Broker:
    """The server."""

    def __init__(self, loop: VirtualLoop, disturbances: Disturbances) -> None:
        self._loop, self._disturbances = loop, disturbances
        self._entries: dict[str, dict[int, Entry]] = {}
        self._mailboxes: list[BrokerMailbox] = []
        self._buses: list[SimulatedBus] = []
        self._number = 0
        self._life = 0
        self._last: dict[tuple[int, str], float] = {}

    def join(self, bus: SimulatedBus, mailboxes: Iterable[BrokerMailbox]) -> None:
        """A process starts; it takes over what others of its groups have not done."""
        self._buses.append(bus)
        for mailbox in mailboxes:
            self._mailboxes.append(mailbox)
            for number in self._entries.get(mailbox.service, {}):
                self._give(mailbox, number)

    def leave(self, process: Process) -> None:
        """A process is gone; what it had goes to another one, after a while."""
        self._mailboxes = [one for one in self._mailboxes if one.process is not process]
        self._buses = [one for one in self._buses if one.process is not process]
        self._loop.call_later(2.0, self._give_again, context=self._loop.outside)

    def take(self, message: Message) -> None:
        """A message arrived here."""
        for service in SERVICES:
            if message.topic in catalog.service(service).shared_topics:
                self._number += 1
                self._entries.setdefault(service, {})[self._number] = Entry(message)
                holders = [one for one in self._mailboxes if one.service == service]
                if holders:
                    self._give(self._disturbances.random.choice(holders), self._number)
        for mailbox in self._mailboxes:
            if message.topic in mailbox.broadcast:
                copy = msgspec.structs.replace(message)
                self._deliver(mailbox, copy, lambda one=mailbox, told=copy: one.put(told))

    def acknowledge(self, mailbox: BrokerMailbox, number: int) -> None:
        """A message is done; this is lost where its process dies first."""
        life = self._life

        def done() -> None:
            if life == self._life:
                self._entries.get(mailbox.service, {}).pop(number, None)

        mailbox.process.call_later(self._disturbances.seconds(0.0005, 0.01), done)

    def empty(self) -> None:
        """Lose everything; each process notices within some seconds."""
        self._life += 1
        self._entries.clear()
        for bus in self._buses:
            bus.process.call_later(self._disturbances.seconds(0.2, 4.0), bus.gap)

    # ------------------------------------------------------------------------------------------------------ internals

    def _give_again(self) -> None:
        for mailbox in self._mailboxes:
            for number, entry in self._entries.get(mailbox.service, {}).items():
                if entry.holder is None or not entry.holder.process.alive:
                    self._give(mailbox, number)

    def _give(self, mailbox: BrokerMailbox, number: int) -> None:
        entry = self._entries[mailbox.service][number]
        if entry.message.topic not in mailbox.shared:
            return
        entry.holder = mailbox
        copy = msgspec.structs.replace(entry.message)
        self._deliver(mailbox, copy, lambda: mailbox.keep(copy, number))

    def _deliver(self, mailbox: BrokerMailbox, message: Message, arrive: Callable[[], None]) -> None:
        late = self._disturbances.strikes(Kind.MESSAGE_LATE)
        at = self._loop.time() + self._disturbances.seconds(0.0005, 3.0 if late else 0.02)
        place = (id(mailbox), message.topic)
        if not self._disturbances.strikes(Kind.MESSAGE_EARLY):
            # A stream is read in its order.
            at = self._last[place] = max(at, self._last.get(place, 0.0))
        life = self._life
        mailbox.process.call_later(at - self._loop.time(), lambda: arrive() if life == self._life else None)


class SimulatedBus:
    """The bus as one process sees it."""

    def __init__(self, broker: Broker, process: Process, disturbances: Disturbances) -> None:
        self.process = process
        self._broker, self._disturbances = broker, disturbances
        self._mailboxes: list[BrokerMailbox] = []
        self._callbacks: list[Callable[[], None]] = []
        self._last = 0.0

    def subscribe(self, service: str, topics: Iterable[str]) -> Mailbox:
        """Before `start`."""
        mailbox = BrokerMailbox(self._broker, self.process, service, tuple(topics))
        self._mailboxes.append(mailbox)
        return mailbox

    async def start(self) -> None:
        """Take part."""
        self._broker.join(self, self._mailboxes)

    async def close(self) -> None:
        """Nothing waits that the outbox has not."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send, in order; some twice."""
        for message in messages:
            self._send(message)
        for message in messages:
            if self._disturbances.strikes(Kind.MESSAGE_TWICE):
                self._send(message)

    def _send(self, message: Message) -> None:
        now = self.process.loop.time()
        self._last = max(self._last, now + self._disturbances.seconds(0.0002, 0.01))
        self.process.call_later(self._last - now, self._broker.take, message)

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call it when the broker was emptied."""
        self._callbacks.append(callback)

    def gap(self) -> None:
        """The broker was emptied."""
        for callback in self._callbacks:
            callback()

    async def failed(self, service: str, message: Message) -> None:
        """A message on which a service failed to the end: its process ends, and nothing is put aside."""

    def trouble(self) -> str:
        """There is none."""
        return ""
