"""The writes of a transaction, with few waits for the server.

Each statement of its own waits for its answer. Rows for the same statement that follow each other are sent together
(the driver waits once for all of them), and what a service calls `bulk` goes by COPY.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.sql.dml import Insert

from tradewind.kernel.store.base import Write, execute

COPY_FROM = 32
"""Rows from which COPY is worth its own exchange of messages."""


def execute_batched(connection: Connection, writes: Sequence[Write]) -> None:
    """Execute `writes` in order, in the open transaction; raises `FencedError` when an expectation fails."""
    for write in _gathered(writes):
        rows = write.parameters
        if write.bulk and isinstance(rows, Sequence) and len(rows) >= COPY_FROM and isinstance(write.statement, Insert):
            assert isinstance(write.statement.table, Table), "rows are copied into a table"
            _copy(connection, write.statement.table, rows)
        else:
            execute(connection, [write])


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
