"""Migrations: each storing service has its own branch of revisions, in `SERVICE/migrations`; the kernel has one too.

Revisions only ever expand (a new table, a new nullable column), so that an older instance still runs beside a newer
database. They run before any service loads.
"""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

import tradewind
from tradewind.catalog import CATALOG

_ROOT = Path(tradewind.__file__).parent
_KERNEL = _ROOT / "kernel" / "store" / "migrations"


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
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")
