"""Migrations: each storing service has its own branch of revisions, in `SERVICE/migrations`; the kernel has one too.

Revisions only ever expand (a new table, a new nullable column), so that an older instance still runs beside a newer
database, and begins again there: what a newer version has brought to its newest revisions has all of ours, so there is
nothing to do. They run before any service loads. Of several processes that start at once on a PostgreSQL, one runs them
and the others wait for it at an advisory lock.
"""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

import tradewind
from tradewind.catalog import CATALOG

_ROOT = Path(tradewind.__file__).parent
_KERNEL = _ROOT / "kernel" / "store" / "migrations"

PATIENCE = 300.0
"""Seconds that a migration, or waiting for one, may take."""

_LOCK = int.from_bytes(b"tradewnd")
"""The same for every version of the project, and hardly anybody else's."""


def alembic_config() -> Config:
    """Alembic's configuration, made here so that no ini file has to be found at run time."""
    places = [_KERNEL / "versions"]
    places += [_ROOT / spec.name.replace("-", "_") / "migrations" for spec in CATALOG if spec.stores]
    config = Config()
    config.set_main_option("script_location", str(_KERNEL))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(str(place) for place in places))
    return config


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision of every branch, in one transaction."""
    with engine.begin() as connection:
        _upgrade(connection)


async def migrate_postgres(address: str) -> None:
    """The same for a PostgreSQL; waits for whoever migrates it at this moment.

    Raises `TemporaryError` when the server cannot be reached or does not answer in time.
    """
    from tradewind.kernel.store.postgres import PostgresStore  # noqa: PLC0415  (SQLite needs no driver)
    from tradewind.kernel.store.postgres_connection import Limits  # noqa: PLC0415

    store = PostgresStore(address, Limits(connections=1, statement=PATIENCE, lock=PATIENCE, patience=PATIENCE + 10))
    try:
        await store.change(_upgrade_alone)
    finally:
        await store.close()


def _upgrade_alone(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "heads")
    except CommandError:
        if not _is_newer(connection, config):
            raise


def _is_newer(connection: Connection, config: Config) -> bool:
    """Whether the database has a revision that only a newer version of the project knows."""
    ours = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    return not ours.issuperset(MigrationContext.configure(connection).get_current_heads())
