"""Studies in the PostgreSQL of an installation, searched by several processes at once.

Optuna's tables lie in a schema of their own there: its migrations and ours both count in a table `alembic_version`.
Optuna makes its tables without asking whether somebody else does so at the same moment, so that is done by one process
after the other, each holding an advisory lock for as long as its connection lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SCHEMA = "tradewind_searches"
_LOCK = int.from_bytes(b"searches") >> 1


@contextmanager
def alone(address: str) -> Iterator[dict[str, Any]]:
    """The options of an engine for the studies at `address`; until this is left, no other process is in here."""
    from sqlalchemy import create_engine, text  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine(address, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            connection.commit()
            yield {"connect_args": {"startup_params": {"search_path": SCHEMA}}}
    finally:
        engine.dispose()
