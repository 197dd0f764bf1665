"""One Redis and one PostgreSQL for each pytest worker, started at the first test that wants it.

Where a server can neither be found nor got the tests are skipped with the reason. `TRADEWIND_REQUIRE_SERVERS=1` makes
that a failure: a check that silently did not happen is none.
"""

from __future__ import annotations

import itertools

import asyncpg
import pytest
from tests.required import lacking
from tests.servers.databases import Postgres, Sqlite, apart
from tests.servers.programs import MissingServerError, postgres_programs, redis_program
from tests.servers.running import PostgresServer, RedisServer

_NUMBERS = itertools.count(1)


def _found(find):
    try:
        return find()
    except MissingServerError as error:
        lacking("TRADEWIND_REQUIRE_SERVERS", "a server is missing", error)


@pytest.fixture(scope="session")
def redis_of_worker():
    with RedisServer(_found(redis_program)) as server:
        yield server


@pytest.fixture
def redis_server(redis_of_worker):
    """A Redis that runs and is empty; a test may do to it whatever it likes."""
    redis_of_worker.start()
    assert redis_of_worker.command("FLUSHALL").startswith("+OK")
    return redis_of_worker


@pytest.fixture(scope="session")
def postgres_of_worker():
    with PostgresServer(_found(postgres_programs)) as server:
        yield server


@pytest.fixture
def postgres_server(postgres_of_worker):
    """A PostgreSQL that runs; a test may do to it whatever it likes."""
    postgres_of_worker.start()
    return postgres_of_worker


@pytest.fixture
def postgres_url(postgres_server):
    """The address of an empty database of its own."""
    name = f"test_{next(_NUMBERS)}"

    async def create():
        connection = await asyncpg.connect(postgres_server.url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()

    apart(create())
    return postgres_server.url(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """A database without tables; the test runs once on each kind."""
    if request.param == "sqlite":
        return Sqlite(tmp_path / "database.sqlite3")
    return Postgres(request.getfixturevalue("postgres_url"))
