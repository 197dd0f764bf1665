"""The writes of a transaction, with few waits for the server and little work for each.

Each statement of its own waits for its answer. Rows for the same statement that follow each other are sent together
(the driver waits once for all of them), and what a service calls `bulk` goes by COPY. A statement that comes again and
again is compiled once and then given to the driver as it is: what SQLAlchemy does for each execution, which is made for
results, costs more than the server needs to write the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

COPY_FROM = 32
"""Rows from which COPY is worth its own exchange of messages."""


def execute_batched(connection: Connection, writes: Sequence[Write]) -> None:
    """Execute `writes` in order, in the open transaction; raises `FencedError` when an expectation fails."""
    begun = False
    for write in _gathered(writes):
        rows = write.parameters
        # The driver's adapter begins the transaction at the first statement that it sees itself.
        ready = _ready(write, connection.dialect) if begun else None
        begun = True
        if ready is not None:
            check_touched(write, _run(connection, ready, write))
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
    if not isinstance(write.parameters, Mapping) or write.bulk:
        return None
    seen, names = _SEEN.setdefault(write.statement, {}), tuple(write.parameters)
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


def _run(connection: Connection, ready: _Ready, write: Write) -> int:
    """The number of rows that were touched; a failure is told as SQLAlchemy tells it."""
    assert isinstance(write.parameters, Mapping)
    arguments, adapted = ready.arguments(write.parameters), connection.connection.dbapi_connection
    try:
        told: str = adapted.run_async(lambda driver: driver.execute(ready.text, *arguments))  # type: ignore[union-attr]
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(ready.text, None, error) from error
    except (*DRIVER_ERRORS, OSError) as error:
        raise DBAPIError(ready.text, None, error) from error
    touched = told.rpartition(" ")[2]
    return int(touched) if touched.isdigit() else 0


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
        turns = [(name, turn or _same) for name, turn in zip(names, convert, strict=True)]
        records: Iterable[tuple[Any, ...]] = [tuple(turn(row[name]) for name, turn in turns) for row in rows]
    else:
        records = map(itemgetter(*names), rows)
    # The driver's adapter begins the transaction at the first statement that it sees, and COPY passes it by.
    connection.exec_driver_sql("SELECT 1")
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.copy_records_to_table(table.name, records=records, columns=names))


def _same(value: Any) -> Any:
    return value
