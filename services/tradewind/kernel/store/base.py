"""The port between services and their database; whoever has none loads no more than this of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tradewind.domain.errors import TemporaryError, TradewindError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql.base import Executable

Result = TypeVar("Result")

DATABASE = "postgresql"
"""What a database over the network is called among the dependencies of a process."""


class FencedError(TradewindError):
    """A guarded write found that somebody else is the writer now: stop, and touch nothing more."""


class UnknownOutcomeError(TemporaryError):
    """A commit that may or may not be true: its answer was lost.

    It must not be repeated as it is. Whoever asks the same store afterwards is told what is true, for good.
    """


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of a transaction, once or with each of several parameters.

    With `expect`, a different number of rows undoes the whole transaction. `bulk` says of a plain insert into a table
    that it has many rows, which a database may have a faster way for.
    """

    statement: Executable
    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] = field(default_factory=dict)
    expect: int | None = None
    bulk: bool = False


class Store(Protocol):
    """A database. `commit` is all or nothing and durable when it returns."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Execute `writes` in order, in one transaction; raises `FencedError` when an expectation fails.

        After a `TemporaryError` nothing has changed, unless it is an `UnknownOutcomeError`.
        """
        ...

    async def read(self, query: Callable[[Connection], Result]) -> Result:
        """Run `query` on a connection, outside of any transaction of `commit`."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...


def execute(connection: Connection, writes: Sequence[Write]) -> None:
    """Execute `writes` on an open transaction; raises `FencedError` when an expectation fails."""
    for write in writes:
        check_touched(write, connection.execute(write.statement, write.parameters).rowcount)


def check_touched(write: Write, rows: int) -> None:
    """Raise `FencedError` where a write touched another number of rows than it expects."""
    if write.expect is not None and rows != write.expect:
        raise FencedError(f"a guarded write touched {rows} rows, expected {write.expect}: another instance took over")
