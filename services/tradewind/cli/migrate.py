"""`tradewind migrate`: bring a database to the newest revision before any service uses it: the init step of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def migrate() -> None:
    """Bring the database to the newest revision: that of TRADEWIND_DATABASE_URL_FILE, or of TRADEWIND_DATABASE_URL.

    The bots of `run` and `serve` do this by themselves at every start. Doing it twice changes nothing, and of several
    processes that do it at once the others wait.
    """
    from tradewind.domain.errors import MachineError  # noqa: PLC0415
    from tradewind.kernel.addresses import DATABASES, database_address, sqlite_path  # noqa: PLC0415
    from tradewind.kernel.settings import Settings, variable  # noqa: PLC0415

    address = database_address(Settings())
    if address is None:
        allowed = f"a readable file with the address of a database ({DATABASES['sqlite']}, {DATABASES['postgresql']})"
        raise MachineError(variable("database_url_file"), "nothing", allowed, "set it")
    path = sqlite_path(address)
    print(f"{_file(path) if path else _server(address)}: at the newest revision")


def _file(path: Path) -> str:
    from tradewind.kernel.store.migration import migrate as bring_up_to_date  # noqa: PLC0415
    from tradewind.kernel.store.sqlite import sqlite_engine  # noqa: PLC0415

    engine = sqlite_engine(path)
    try:
        bring_up_to_date(engine)
    finally:
        engine.dispose()
    return str(path)


def _server(address: str) -> str:
    import asyncio  # noqa: PLC0415
    from urllib.parse import urlsplit  # noqa: PLC0415

    from tradewind.kernel.store.migration import migrate_postgres  # noqa: PLC0415

    asyncio.run(migrate_postgres(address))
    parts = urlsplit(address)
    return f"{parts.hostname}{parts.path}"
