"""A lane: the servers and ports that one process of the campaign keeps for all its runs, one run at a time.

Redis and PostgreSQL are the lane's, so that a run may kill them. A run has a database of its own, copied from one that
was migrated once, and a Redis without a key.

The row *disk full* has a PostgreSQL on a disk of its own: a tmpfs of some megabytes, which only root may mount.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import asyncpg
from tests.cluster.processes import Process, reserved_ports
from tests.servers.programs import postgres_programs, redis_program
from tests.servers.running import PostgresServer, RedisServer

from tradewind.kernel.store.migration import migrate_postgres

SMALL_DISK = 96
"""Megabytes; an empty PostgreSQL needs some 45."""

TEMPLATE = "migrated"
_NUMBERS = itertools.count(1)


class SmallDisk:
    """A disk that can be filled, mounted while this is entered. Raises `OSError` where that is not allowed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}m", "tradewind-faults", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"a small disk cannot be mounted: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=False)

    def fill(self) -> None:
        """Leave not a byte."""
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(65_536)):
                """Until there is no room for more."""

    def free(self) -> None:
        """Give all of it back."""
        self._ballast.unlink(missing_ok=True)

    @staticmethod
    def is_allowed() -> bool:
        """Whether this user may mount one."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                with SmallDisk(Path(folder) / "disk"):
                    return True
            except OSError:
                return False


class SmallPostgres(PostgresServer):
    """A PostgreSQL on a small disk; short segments of its log, so that it soon wants a new one."""

    settings = (*PostgresServer.settings, "max_wal_size=4MB", "min_wal_size=2MB")
    initdb = ("--wal-segsize=1",)

    def prepare(self) -> Process:
        """The cluster, on the disk; what it says is elsewhere."""
        self.disk = self._stack.enter_context(SmallDisk(self.folder / "data"))
        self.disk.path.chmod(0o700)
        if self._user is not None:
            os.chown(self.disk.path, self._user, self._user)
        return super().prepare()


class Lane:
    """The servers, entered once. `scratch` is where runs are."""

    def __init__(self, redis: RedisServer, postgres: PostgresServer) -> None:
        self.redis, self.postgres = redis, postgres
        self._stack = contextlib.ExitStack()
        self._small: SmallPostgres | None = None
        self._migrated: set[str] = set()

    def __enter__(self) -> Self:
        (self.venue_port,) = self._stack.enter_context(reserved_ports(1))
        self.scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tradewind-faults-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def small(self) -> SmallPostgres:
        """The PostgreSQL on a small disk, made when it is first wanted."""
        if self._small is None:
            self._small = self._stack.enter_context(SmallPostgres(postgres_programs()))
        return self._small

    def log_of(self, server: PostgresServer) -> str:
        """What a PostgreSQL has said."""
        return server.process.log.read_text(errors="replace")

    async def database(self, server: PostgresServer) -> str:
        """The address of a fresh, migrated database; the one before it is gone."""
        server.start()
        if server.name + str(server.port) not in self._migrated:
            await _administer(server, f"CREATE DATABASE {TEMPLATE}")
            await migrate_postgres(server.url(TEMPLATE))
            self._migrated.add(server.name + str(server.port))
        number = next(_NUMBERS)
        await _administer(server, f"CREATE DATABASE run_{number} TEMPLATE {TEMPLATE}")
        return server.url(f"run_{number}")

    async def drop(self, address: str, server: PostgresServer) -> None:
        """Nobody wants a database any more."""
        server.start()
        await _administer(server, f"DROP DATABASE IF EXISTS {address.rpartition('/')[2]} WITH (FORCE)")


@contextlib.contextmanager
def lane() -> Iterator[Lane]:
    """A lane with servers of its own."""
    with (
        RedisServer(redis_program()) as redis,
        PostgresServer(postgres_programs()) as postgres,
        Lane(redis, postgres) as made,
    ):
        yield made


async def _administer(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
