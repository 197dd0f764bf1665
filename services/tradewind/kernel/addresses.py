"""The addresses of the database and of the broker: a variable, or a file that a variable names.

An address may hold a password. So of one that is refused only the scheme is shown, and a file is the usual way: the
pods of a cluster mount it from a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from tradewind.domain.errors import MachineError
from tradewind.kernel.settings import Settings, variable

SQLITE = "sqlite:///"
POSTGRES = ("postgresql", "postgresql+asyncpg", "postgres")
DATABASES = {"sqlite": f"{SQLITE}PATH", **dict.fromkeys(POSTGRES, "postgresql://USER:PASSWORD@HOST/DATABASE")}
BUSES = {
    "memory": "memory://",
    **dict.fromkeys(("redis", "rediss"), "redis://HOST:PORT/NUMBER"),
}
"""Scheme -> how such an address looks."""


def database_address(settings: Settings) -> str | None:
    """The address of the database, None where none is set; raises `MachineError` for one that cannot be used."""
    return _checked("database_url", settings.database_url, settings.database_url_file, DATABASES)


def bus_address(settings: Settings) -> str | None:
    """The address of the broker, None where none is set; raises `MachineError` for one that cannot be used."""
    return _checked("bus_url", settings.bus_url, settings.bus_url_file, BUSES)


def shared_addresses(settings: Settings) -> tuple[str | None, str | None]:
    """The addresses of the database and of the broker that several processes may share; None for one that is not set.

    Raises `MachineError` for an SQLite; a bus in memory is none that could be shared.
    """
    database, broker = database_address(settings), bus_address(settings)
    if database is not None and sqlite_path(database) is not None:
        allowed = f"{DATABASES['postgresql']}: SQLite is for one process"
        raise MachineError(variable("database_url"), "an SQLite file", allowed, "leave it out, or set a PostgreSQL")
    return database, None if broker is not None and broker.startswith("memory") else broker


def sqlite_path(address: str) -> Path | None:
    """The file of an SQLite database, None of another one; raises `MachineError` where no file could be."""
    if not address.startswith(SQLITE):
        return None
    path = Path(address.removeprefix(SQLITE))
    if not path.parent.is_dir():
        allowed = "a file in a folder that exists"
        raise MachineError("the address of the database", str(path), allowed, "make the folder")
    return path


def _checked(field: str, given: SecretStr | None, file: Path | None, known: Mapping[str, str]) -> str | None:
    allowed = " or ".join(dict.fromkeys(known.values()))
    if given is not None and file is not None:
        names = f"{variable(field)} and {variable(f'{field}_file')}"
        raise MachineError(names, "both", "one of them", "leave one out")
    name = variable(field)
    address = given.get_secret_value().strip() if given is not None else None
    if address is None and file is not None:
        name = variable(f"{field}_file")
        address = _read(file, name, allowed)
    if address is not None and not _usable(address, known):
        scheme, separator, _ = address.partition("://")
        received = f"{scheme}://..." if separator else "no address"
        raise MachineError(f"the address of {name}", received, allowed, "write an address of one of these forms")
    return address


def _read(file: Path, name: str, allowed: str) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        wanted = f"a readable file with an address ({allowed})"
        fix = "make it readable for this user, or check the path"
        raise MachineError(name, str(file), wanted, fix) from error


def _usable(address: str, known: Mapping[str, str]) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme not in known or "://" not in address:
        return False
    if parts.scheme == "sqlite":
        return address.startswith(SQLITE) and bool(Path(address.removeprefix(SQLITE)).name)
    return parts.scheme == "memory" or bool(parts.netloc or "host=" in parts.query)
