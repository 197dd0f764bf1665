"""Who runs the services of a bot of which one alone may run: a second process stands by until the first has ended.

This is politeness and not safety. What keeps two writers apart is fencing: the epoch of an account, the numbers of the
outbox. But a process that is fenced ends, is started again and fences the other one, for as long as both are kept
running, say by `tradewind up` on two machines. So whoever starts looks here first, and waits.

A holder counts a number up every few seconds. It has ended when it said so, when it was a process of this machine that
is not there any more, or when its number has not moved for a while by the clock of whoever waits: clocks of machines
need not agree. What a process runs it takes all at once or not at all, so that nobody holds a part and waits for the
rest. One that could not reach the database for longer than that may be replaced while it works; then it is fenced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Integer, String, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.clock import Clock
from tradewind.kernel.store.base import FencedError, Store, UnknownOutcomeError, Write
from tradewind.kernel.store.metadata import METADATA

BEAT = 2.0
"""Seconds between two signs of life."""
ENDS_AFTER = 7.0
"""Seconds without one after which a holder has ended."""
LOOK = 0.5
"""Seconds between two looks of whoever stands by."""
GOODBYE = 3.0
"""Seconds for saying that it has ended; who cannot say it is found out."""
ENDED = -1
"""The number of a holder that said so."""

service_holders = Table(
    "service_holders",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("beat", Integer, nullable=False),
)

_INSERT = insert(service_holders)
_UPDATE = (
    update(service_holders)
    .where(
        service_holders.c.bot == bindparam("key_bot"),
        service_holders.c.service == bindparam("key_service"),
        service_holders.c.holder == bindparam("key_holder"),
        service_holders.c.beat == bindparam("key_beat"),
    )
    .values(holder=bindparam("holder"), beat=bindparam("beat"))
)


class Holder(msgspec.Struct, frozen=True):
    """A process, such that one on the same machine can tell whether it is still there. `since` is its wall time."""

    host: str
    machine: str
    namespace: str
    process: int
    started: str
    since: str

    @classmethod
    def here(cls, clock: Clock) -> Holder:
        """This process."""
        since = datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        process = os.getpid()
        return cls(socket.gethostname(), _machine(), _namespace(), process, _started(process), since)

    def has_ended(self, here: Holder) -> bool:
        """Whether it is known for certain, from where `here` is, that it is gone."""
        if not self.machine or (self.host, self.machine) != (here.host, here.machine):
            return False
        # A container that is started again has the name of its pod, and none of the processes of the one before.
        return self.namespace != here.namespace or _started(self.process) != self.started

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


class Holding:
    """What this process runs alone: `take` it, signs of life follow by themselves, and `release` it."""

    def __init__(self, store: Store, bot: str, services: Sequence[str], clock: Clock, log: Any) -> None:
        self._store, self._bot, self._services, self._log = store, bot, tuple(services), log
        self._holder = Holder.here(clock)
        self._text = msgspec.json.encode(self._holder).decode()
        self._in_doubt = False
        self._seen: dict[str, tuple[str, int]] = {}
        self._since: dict[str, float] = {}
        self._beats: dict[str, int] = {}
        self._keeping: asyncio.Task[None] | None = None

    async def take(self, told: Callable[[str], None], *, by_force: bool = False) -> None:
        """Wait until nobody else runs the services, and say that this process does; `told` hears who is waited for."""
        while waiting := await self._look(by_force=by_force):
            told(waiting)
            await asyncio.sleep(LOOK)
        told("")
        self._keeping = asyncio.create_task(self._keep(), name="store.holding")

    async def release(self) -> None:
        """Say that it has ended."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        with contextlib.suppress(TemporaryError, FencedError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._store.commit([self._move(name, ENDED) for name in self._beats])

    # ------------------------------------------------------------------------------------------------------ internals

    async def _look(self, *, by_force: bool) -> str:
        """Take all of it; where that cannot be, why not."""
        try:
            rows = await self._store.read(self._read)
            if not by_force and (words := self._others(rows)):
                return words
            await self._store.commit([self._write(name, rows.get(name), 0) for name in self._services])
        except TemporaryError as error:
            # Whoever holds them cannot give a sign either, so no time has gone by.
            self._seen.clear()
            self._in_doubt = isinstance(error, UnknownOutcomeError)
            return str(error)
        except (FencedError, IntegrityError):
            return "another process took them at the same moment"
        self._beats = dict.fromkeys(self._services, 0)
        return ""

    def _read(self, connection: Connection) -> dict[str, tuple[str, int]]:
        table = service_holders.c
        query = select(service_holders).where(table.bot == self._bot, table.service.in_(self._services))
        return {row.service: (row.holder, row.beat) for row in connection.execute(query)}

    def _others(self, rows: dict[str, tuple[str, int]]) -> str:
        """Who runs some of the services, in words; empty where nobody does."""
        now = asyncio.get_running_loop().time()
        running: dict[str, list[str]] = {}
        for name, (text, beat) in rows.items():
            if self._in_doubt and text == self._text:
                continue  # the commit was true of which no answer came
            if self._seen.get(name) != (text, beat):
                self._seen[name], self._since[name] = (text, beat), now
            holder = _read(text)
            gone = isinstance(holder, Holder) and holder.has_ended(self._holder)
            if beat != ENDED and not gone and now - self._since[name] < ENDS_AFTER:
                running.setdefault(str(holder), []).append(name)
        words = (f"{', '.join(sorted(names))} of {self._bot} in {holder}" for holder, names in running.items())
        return f"stands by for {'; '.join(words)}: goes on when that has ended" if running else ""

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self._store.commit([self._move(name, beat + 1) for name, beat in self._beats.items()])
                self._beats = {name: beat + 1 for name, beat in self._beats.items()}
            except FencedError:
                # Also where the answer to a beat was lost: what it became is read before the next one.
                if not await self._is_still_mine():
                    self._log.warning("another process has taken over", services=self._services)
                    return
            except Exception as error:  # noqa: BLE001 - whatever it is, the next beat comes
                self._log.info("no sign of life given", reason=str(error))

    async def _is_still_mine(self) -> bool:
        try:
            rows = await self._store.read(self._read)
        except TemporaryError:
            return True  # nobody knows; the next beat asks again
        self._beats = {name: beat for name, (text, beat) in rows.items() if text == self._text and beat != ENDED}
        return len(self._beats) == len(self._services)

    def _move(self, name: str, beat: int) -> Write:
        return self._write(name, (self._text, self._beats[name]), beat)

    def _write(self, name: str, before: tuple[str, int] | None, beat: int) -> Write:
        """This process and `beat` in the row of a service, where that still says what it said `before`."""
        mine = {"holder": self._text, "beat": beat}
        if before is None:
            return Write(_INSERT, {"bot": self._bot, "service": name, **mine})
        holder, number = before
        keys = {"key_bot": self._bot, "key_service": name, "key_holder": holder, "key_beat": number}
        return Write(_UPDATE, {**keys, **mine}, 1)


def _read(text: str) -> Holder | str:
    """Who it is; as it stands where another version of the program has written it."""
    try:
        return msgspec.json.decode(text, type=Holder)
    except msgspec.MsgspecError:
        return text


def _machine() -> str:
    """What tells this machine from others of its name; empty where nothing does."""
    return _text_of("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    """In which processes have their numbers."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(process: int) -> str:
    """When a process of this machine began, as the kernel counts it; empty for one that is not there."""
    _, _, fields = _text_of(f"/proc/{process}/stat").rpartition(") ")
    words = fields.split()
    return "" if len(words) < 20 or words[0] in "ZX" else words[19]


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
