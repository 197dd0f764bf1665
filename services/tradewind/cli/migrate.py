"""`tradewind migrate`: bring a database to the newest revision before any service uses it: the init step of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = "sqlite:///"


def migrate() -> None:
    """Bring the database to the newest revision; its address is in the file that TRADEWIND_DATABASE_URL_FILE names.

    The bots of `run` and `serve` do this by themselves at every start. Doing it twice changes nothing.
    """
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.kernel.store.migration import migrate as bring_up_to_date  # noqa: PLC0415
    from tradewind.kernel.store.sqlite import sqlite_engine  # noqa: PLC0415

    path = _path(_address(Settings().database_url_file))
    engine = sqlite_engine(path)
    try:
        bring_up_to_date(engine)
    finally:
        engine.dispose()
    print(f"{path}: at the newest revision")


def _address(file: Path | None) -> str:
    from tradewind.domain.errors import MachineError  # noqa: PLC0415
    from tradewind.kernel.settings import variable  # noqa: PLC0415

    name, allowed = variable("database_url_file"), f"a readable file with the address of a database ({SCHEME}PATH)"
    if file is None:
        raise MachineError(name, "nothing", allowed, "set it")
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(name, str(file), allowed, "make it readable for this user, or check the path") from error


def _path(address: str) -> Path:
    """The file of an SQLite database; an address may hold a password, so only its scheme is ever shown."""
    from pathlib import Path  # noqa: PLC0415

    from tradewind.domain.errors import MachineError  # noqa: PLC0415

    scheme, separator, _ = address.partition("://")
    path = Path(address.removeprefix(SCHEME))
    if not address.startswith(SCHEME) or not path.name:
        received = f"{scheme}://..." if separator else "no address"
        allowed = f"{SCHEME}PATH: this version keeps its state in SQLite and has no store for another database"
        raise MachineError("the address of the database", received, allowed, "set spec.profile: Minimal for such a bot")
    if not path.parent.is_dir():
        raise MachineError(
            "the address of the database", str(path), "a file in a folder that exists", "make the folder"
        )
    return path
