"""What a failure on a connection to PostgreSQL means: what is surely undone, what may pass, and what may be true."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from tradewind.domain.errors import MachineError, TemporaryError, TradewindError

_MAY_PASS = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection, transaction state (a replica), rollback, resources (disk full), locks, operator,
system."""

_NOT_MIGRATED = frozenset({"42P01", "42703"})
"""No such table, no such column."""

_REFUSED_AT_COMMIT = frozenset({"22", "23", "25", "40", "53"})
"""Classes in which an answer to COMMIT says for certain that it was refused."""

_ANSWERS = frozenset({"25", "40", "53", "55"})
"""Classes that pass and that a database which works gives: read only, rolled back, full, locked."""


class NothingChangedError(TemporaryError):
    """The transaction is undone for certain, and trying it again at once is sensible."""


def state_of(error: BaseException | None) -> str:
    """The SQLSTATE that the server gave, or the driver for it; empty without one."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def may_be_true(error: BaseException) -> bool:
    """Whether a transaction may be committed although asking for it ended in `error`."""
    return state_of(error)[:2] not in _REFUSED_AT_COMMIT


def is_lost(error: BaseException) -> bool:
    """Whether the connection is of no use any more, or in a state that nobody knows."""
    if not isinstance(error, DBAPIError):
        return not isinstance(error, TradewindError)
    state = state_of(error)
    # The driver itself refuses a parameter of a wrong type without having sent anything.
    refused_here = isinstance(error.orig, ValueError) or isinstance(getattr(error.orig, "__cause__", None), ValueError)
    return state.startswith(("08", "57P")) or (not state and not refused_here)


def is_away(error: Exception) -> bool:
    """Whether a failure that the port tells of means that the database did not answer; a no of it is an answer."""
    return isinstance(error, TemporaryError) and state_of(error.__cause__)[:2] not in _ANSWERS


def as_told(error: Exception) -> Exception:
    """What the port raises for a failure before COMMIT was asked for, after which nothing has changed."""
    state = state_of(error)
    if state in _NOT_MIGRATED:
        allowed = "one that is at the newest revision"
        return MachineError("the database", words(error), allowed, "run `tradewind migrate` with the same address")
    if isinstance(error, TimeoutError):
        return TemporaryError("store: no answer in time")
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and (state.startswith("40") or is_lost(error))):
        return NothingChangedError(f"store: {words(error)}")
    return TemporaryError(f"store: {words(error)}") if state[:2] in _MAY_PASS else error


def words(error: BaseException) -> str:
    """One line about a failure, without the statement and its parameters."""
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split()) or type(original).__name__
