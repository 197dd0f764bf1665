"""The venue's ledger in the store, and the journal that makes changes durable before anybody hears of them.

Calls that come while a transaction is on its way share the next one, so the cost of a transaction is shared too.
When one fails, nobody knows more than the tables do: the memory is made anew from them, and every call whose change
was not safe yet hears that its outcome is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, insert, select, update
from sqlalchemy.sql.base import Executable

from tradewind.kernel.store.base import Store, Write
from tradewind.sim_exchange import tables
from tradewind.sim_exchange.models import RefusalError

Row = dict[str, Any]
Key = tuple[str, tuple[Any, ...]]
"""Table and primary key without the account."""

_TABLES = {
    table.name.removeprefix("sim_exchange_"): table
    for table in (
        tables.accounts,
        tables.balances,
        tables.markets,
        tables.orders,
        tables.order_lists,
        tables.trades,
    )
}
_KEYS = {name: tuple(column.name for column in table.primary_key)[1:] for name, table in _TABLES.items()}


def _update(table: Table) -> Executable:
    keys = [column for column in table.columns if column.primary_key]
    values: Row = {column.name: bindparam(column.name) for column in table.columns if not column.primary_key}
    return update(table).where(and_(*(column == bindparam(f"k_{column.name}") for column in keys))).values(values)


_INSERTS: dict[str, Executable] = {name: insert(table) for name, table in _TABLES.items()}
_UPDATES = {name: _update(table) for name, table in _TABLES.items()}


@dataclass(slots=True)
class Ledger:
    """Everything that is stored, as rows by table; `account` is None before the first change."""

    account: Row | None
    rows: dict[str, list[Row]]


class Persistence:
    """One account's rows in a store."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account
        self._stored: set[Key] = set()

    async def load(self) -> Ledger:
        """Read everything, orders and trades in the order of their ids."""
        rows = await self._store.read(self._read)
        self._stored = {(name, _key(name, row)) for name, found in rows.items() for row in found}
        return Ledger(next(iter(rows["accounts"]), None), rows)

    def _read(self, connection: Connection) -> dict[str, list[Row]]:
        found = {}
        for name, table in _TABLES.items():
            query = select(table).where(table.c.account == self._account).order_by(*table.primary_key)
            found[name] = [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name
        return found

    async def write(self, changed: dict[Key, Row]) -> None:
        """Make rows true, all or none; each row is whole, without the account."""
        # One statement for all rows of a kind: calls that share a transaction write many of them.
        new: dict[str, list[Row]] = {}
        old: dict[str, list[Row]] = {}
        for (name, key), row in changed.items():
            if (name, key) in self._stored:
                old.setdefault(name, []).append(self._updated(name, key, row))
            else:
                new.setdefault(name, []).append({**row, "account": self._account})
        await self._store.commit(
            [Write(_INSERTS[name], found) for name, found in new.items()]
            + [Write(_UPDATES[name], found) for name, found in old.items()]
        )
        self._stored.update(changed)

    def _updated(self, name: str, key: tuple[Any, ...], row: Row) -> Row:
        keys = {f"k_{column}": value for column, value in zip(_KEYS[name], key, strict=True)}
        values = {column: value for column, value in row.items() if column not in _KEYS[name]}
        return {**values, **keys, "k_account": self._account}


def _key(name: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[column] for column in _KEYS[name])


@dataclass(slots=True)
class Change:
    """Rows that are different now, and what to tell once they are safe."""

    rows: dict[Key, Row] = field(default_factory=dict)
    told: list[Any] = field(default_factory=list)

    def put(self, name: str, row: Row) -> None:
        """A row as it is now; what it was before in this change is forgotten."""
        self.rows[name, _key(name, row)] = row


@dataclass(slots=True)
class _Batch:
    change: Change
    done: asyncio.Future[None]


class Journal:
    """Makes changes durable in their order, several in one transaction, and then has them told.

    `tell` gets everything of a transaction that became true; `reload` makes the memory anew after one that did not.
    """

    def __init__(
        self,
        persistence: Persistence,
        tell: Callable[[Iterable[Any]], None],
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        self._persistence, self._tell, self._reload = persistence, tell, reload
        self._next: _Batch | None = None
        self._task: asyncio.Task[None] | None = None
        self._stale = False

    async def ready(self) -> None:
        """Wait for the memory to agree with the tables; refuse when they cannot be read."""
        while self._stale:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._recover(), name="sim-exchange.recover")
            await asyncio.shield(self._task)
            if self._stale:
                raise outcome_unknown()

    async def commit(self, change: Change) -> None:
        """Return when `change` is durable and told; raise a refusal with status 503 when it may not be."""
        if not change.rows and not change.told:
            return
        if self._next is None:
            self._next = _Batch(change, asyncio.get_running_loop().create_future())
        else:
            self._next.change.rows.update(change.rows)
            self._next.change.told.extend(change.told)
        batch = self._next
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="sim-exchange.journal")
        await asyncio.shield(batch.done)

    async def settled(self) -> None:
        """Return when everything that the memory shows is durable."""
        await self.ready()
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)
            await self.ready()

    async def _run(self) -> None:
        """Commit until nothing waits."""
        while self._next is not None:
            batch, self._next = self._next, None
            try:
                await self._persistence.write(batch.change.rows)
            except BaseException as error:
                self._stale = True
                await self._fail([batch], error)
                if not isinstance(error, Exception):
                    raise
                return
            try:
                self._tell(batch.change.told)
            except Exception as error:  # noqa: BLE001 - a listener's defect must not keep anybody from its answer
                context = {"message": "a listener of the simulated exchange failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
            batch.done.set_result(None)

    async def _fail(self, failed: list[_Batch], error: BaseException) -> None:
        """The memory is ahead of the tables, and so is whatever built on it meanwhile."""
        if isinstance(error, Exception):
            await self._recover()
        if self._next is not None:
            failed.append(self._next)
            self._next = None
        for batch in failed:
            batch.done.set_exception(outcome_unknown())
            batch.done.exception()  # it may be that nobody waits any more

    async def _recover(self) -> None:
        try:
            await self._reload()
        except Exception:  # noqa: BLE001 - it stays stale, and the next call tries again
            return
        self._stale = False


def outcome_unknown() -> RefusalError:
    """The answer when nobody can say whether a change is safe."""
    message = "An unexpected response was received from the message bus. Execution status unknown."
    return RefusalError(-1006, message, status=503)
