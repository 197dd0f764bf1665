"""The writes of a transaction, with few waits for the server and little work for each.

Each statement of its own waits for its answer. Rows for the same statement that follow each other are sent together
(the driver waits once for all of them), and what a service calls `bulk` goes by COPY. A statement that comes again and
again is compiled once and then given to the driver as it is: what SQLAlchemy does for each execution, which is made for
results, costs more than the server needs to write the row. A transaction of nothing but such statements goes by
the driver alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import Connection, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert

from tradewind.kernel.store.base import Write, check_touched, execute
from tradewind.kernel.store.postgres_connection import DRIVER_ERRORS
from tradewind.kernel.store.postgres_failures import is_lost

COPY_FROM = 32
"""Rows from which COPY is worth its own exchange of messages."""


class Step(NamedTuple):
    """A write, and its statement as the driver takes it where that is known."""

    write: Write
    ready: _Ready | None


def steps_of(writes: Sequence[Write], dialect: Dialect) -> list[Step]:
    """What is to be executed, in order. To be called once for a transaction: it remembers what has come."""
    return [Step(write, _ready(write, dialect)) for write in _gathered(writes)]


def are_known(steps: Sequence[Step]) -> bool:
    """Whether the driver can do all of it by itself."""
    return all(step.ready is not None for step in steps)


async def execute_known(driver: asyncpg.Connection, steps: Sequence[Step], ask: Callable[[], None]) -> None:
    """The whole transaction; `ask` is called before COMMIT is asked for.

    Raises `FencedError` when an expectation fails, and a failure as SQLAlchemy tells it. The connection is in no
    transaction afterwards, or closed, unless its state is not known: then who has it throws it away (`is_lost`).
    """
    with _told_as_sqlalchemy("BEGIN"):
        # Here it is seen, too, that the server has closed this connection since it was used last.
        transaction = driver.transaction()
        await transaction.start()
    try:
        for write, ready in steps:
            assert ready is not None
            check_touched(write, await _execute(driver, ready, write))
    except BaseException as error:
        if not is_lost(error):
            try:
                with _told_as_sqlalchemy("ROLLBACK"):
                    await transaction.rollback()
            finally:
                # Not undone: nobody shall go on with what this connection is in the middle of.
                if driver.is_in_transaction():
                    driver.terminate()
        raise
    ask()
    with _told_as_sqlalchemy("COMMIT"):
        await transaction.commit()


def execute_batched(connection: Connection, steps: Sequence[Step]) -> None:
    """Execute `steps` in the open transaction; raises `FencedError` when an expectation fails."""
    begun = False
    for write, known in steps:
        rows = write.parameters
        # The driver's adapter begins the transaction at the first statement that it sees itself.
        ready = known if begun else None
        begun = True
        if ready is not None:
            adapted: Any = connection.connection.dbapi_connection
            check_touched(write, adapted.run_async(partial(_execute, ready=ready, write=write)))
            continue
        if write.bulk and isinstance(rows, Sequence) and len(rows) >= COPY_FROM and isinstance(write.statement, Insert):
            assert isinstance(write.statement.table, Table), "rows are copied into a table"
            _copy(connection, write.statement.table, rows)
        else:
            execute(connection, [write])


class _Ready(NamedTuple):
    """A statement as the driver takes it: its text, and where each of its parameters comes from.

    It holds nothing of the statement, which else would never go: it is what this is remembered by.
    """

    text: str
    names: tuple[str, ...]
    turn: Mapping[str, Callable[[Any], Any]]
    constants: Mapping[str, Any]
    """What stands in the statement itself."""

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The values in their order."""
        values, turn = {**self.constants, **parameters}, self.turn
        return [turn[name](values[name]) if name in turn else values[name] for name in self.names]


_SEEN: WeakKeyDictionary[Any, dict[tuple[str, ...], _Ready | Literal[False] | None]] = WeakKeyDictionary()
"""Statements that have been executed, by the names of their parameters.

None until it comes a second time, False where it needs SQLAlchemy's execution each time.
"""


def _ready(write: Write, dialect: Dialect) -> _Ready | None:
    """The statement for the driver, if it has come before and is one that can do without SQLAlchemy's execution."""
    first = write.parameters
    if not isinstance(first, Mapping):
        # The driver does not tell how many rows several executions have touched.
        if write.expect is not None or not first:
            return None
        first = first[0]
    if write.bulk:
        return None
    seen, names = _SEEN.setdefault(write.statement, {}), tuple(first)
    if names not in seen:
        seen[names] = None
        return None
    if seen[names] is None:
        seen[names] = _compiled(write.statement, names, dialect) or False
    return seen[names] or None


def _compiled(statement: Any, names: tuple[str, ...], dialect: Dialect) -> _Ready | None:
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=list(names))
    made_here = compiled.insert_prefetch or compiled.update_prefetch
    if made_here or compiled.post_compile_params or compiled.literal_execute_params or compiled.positiontup is None:
        return None
    turn = {name: one for name, one in compiled._bind_processors.items() if callable(one)}  # noqa: SLF001 - by no other way
    constants = {name: value for name, value in compiled.params.items() if name not in names}
    return _Ready(str(compiled), tuple(compiled.positiontup), turn, constants)


async def _execute(driver: asyncpg.Connection, ready: _Ready, write: Write) -> int:
    """The number of rows that were touched, 0 of several executions; a failure is told as SQLAlchemy tells it."""
    with _told_as_sqlalchemy(ready.text):
        if not isinstance(write.parameters, Mapping):
            await driver.executemany(ready.text, [ready.arguments(row) for row in write.parameters])
            return 0
        told: str = await driver.execute(ready.text, *ready.arguments(write.parameters))
    touched = told.rpartition(" ")[2]
    return int(touched) if touched.isdigit() else 0


@contextlib.contextmanager
def _told_as_sqlalchemy(text: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(text, None, error) from error
    except (*DRIVER_ERRORS, OSError) as error:
        raise DBAPIError(text, None, error) from error


def _gathered(writes: Sequence[Write]) -> Iterator[Write]:
    """Neighbours with one statement as one write with several rows, unless somebody counts what they touch."""
    for _, neighbours in groupby(enumerate(writes), key=_sort):
        group = [write for _, write in neighbours]
        if len(group) == 1:
            yield group[0]
        else:
            yield Write(group[0].statement, [write.parameters for write in group])  # type: ignore[misc]


def _sort(numbered: tuple[int, Write]) -> tuple[object, ...]:
    """What may be sent together is of one sort; a statement compares by identity, so its identity stands for it."""
    number, write = numbered
    if write.expect is None and isinstance(write.parameters, Mapping) and write.parameters:
        return id(write.statement), tuple(write.parameters)
    return (number,)


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = [table.c[name] for name in rows[0]]
    convert = [column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for column in columns]
    names = [column.name for column in columns]
    if any(convert) or len(names) == 1:
        # By column: what is not turned is then never touched by a line of Python.
        values = [map(itemgetter(column.key), rows) for column in columns]
        records: Iterable[tuple[Any, ...]] = zip(
            *(map(turn, found) if turn else found for turn, found in zip(convert, values, strict=True)), strict=True
        )
    else:
        records = map(itemgetter(*rows[0]), rows)
    # The driver's adapter begins the transaction at the first statement that it sees, and COPY passes it by.
    connection.exec_driver_sql("SELECT 1")
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.copy_records_to_table(table.name, records=records, columns=names))
