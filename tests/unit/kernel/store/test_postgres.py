"""PostgreSQL behind the port: killed, paused, cut off and full, it loses nothing and does nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import random
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table, bindparam, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tradewind.catalog import CATALOG
from tradewind.domain.errors import MachineError, TemporaryError
from tradewind.kernel.resilience import Dependencies, RefusedError, vital
from tradewind.kernel.store import postgres_writes
from tradewind.kernel.store.base import FencedError, UnknownOutcomeError, Write
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.migration import migrate_postgres
from tradewind.kernel.store.postgres import PostgresStore
from tradewind.kernel.store.postgres_connection import Limits

TABLES = MetaData()
NOTES = Table("notes", TABLES, Column("number", BigInteger), Column("writer", String))
"""Without a key: what was done twice would stand there twice."""
ROWS = Table("rows", TABLES, Column("id", String, primary_key=True), Column("number", BigInteger))

HASTY = Limits(connect=1.0, statement=0.8, lock=0.4, patience=1.0)

SLOW = "BEGIN PERFORM pg_sleep(60); RETURN NULL; END"
FULL = "BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END"


def when_noted(body, when="DEFERRABLE INITIALLY DEFERRED"):
    """Runs `body` in the server after a note, or at the COMMIT of its transaction."""

    def make(connection):
        connection.exec_driver_sql(f"CREATE FUNCTION do_it() RETURNS trigger LANGUAGE plpgsql AS $$ {body}; $$")
        connection.exec_driver_sql(
            f"CREATE CONSTRAINT TRIGGER do_it AFTER INSERT ON notes {when} FOR EACH ROW "
            "WHEN (new.writer = 'unlucky') EXECUTE FUNCTION do_it()"
        )

    return make


class Wire:
    """Stands between a store and its server, and may swallow what the server answers."""

    def __init__(self, address):
        self.target = urlsplit(address)
        self.deaf = False
        self.tasks = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.address = self.target._replace(netloc=f"tradewind@127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        there, back = await asyncio.open_connection(self.target.hostname, self.target.port)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self.pump(reader, back, answers=False), self.pump(there, writer, answers=True))
        for end in (writer, back):
            end.close()

    async def pump(self, source, sink, *, answers):
        while data := await source.read(65_536):
            if not (answers and self.deaf):
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest.fixture
async def make(postgres_url):
    """Makes stores on one database."""
    made = []

    def store(limits=HASTY, address=postgres_url, dependencies=None):
        made.append(PostgresStore(address, limits, dependencies))
        return made[-1]

    await store(Limits()).change(TABLES.create_all)
    yield store
    for one in made:
        await one.close()


def note(number, writer="test"):
    return Write(insert(NOTES), {"number": number, "writer": writer})


async def noted(store, writer=None):
    query = select(NOTES.c.number) if writer is None else select(NOTES.c.number).where(NOTES.c.writer == writer)
    return await store.read(lambda connection: sorted(connection.scalars(query)))


async def unless(store, number, writer):
    """As a unit of work does it: after a failure what is true is read, and done again only if it is not."""
    while True:
        try:
            if number not in await noted(store, writer):
                await store.commit([note(number, writer)])
        except TemporaryError:
            await asyncio.sleep(0.01)  # as the kernel does between two tries
        else:
            return


# -------------------------------------------------------------------------------------------------- the server is gone


async def test_killed_and_started_again_in_the_middle_of_units_nothing_is_lost_or_doubled(make, postgres_server):
    """Four writers, five kills at random moments: every number once."""
    choice, stop, written_one = random.Random(7), asyncio.Event(), asyncio.Event()
    store = make()
    written = dict.fromkeys("abcd", 0)

    async def write(writer):
        while not stop.is_set():
            await unless(store, written[writer], writer)
            written[writer] += 1
            written_one.set()

    writers = [asyncio.create_task(write(writer)) for writer in written]
    for _ in range(5):
        until = sum(written.values()) + choice.randint(20, 120)
        while sum(written.values()) < until:
            await written_one.wait()
            written_one.clear()
        await asyncio.to_thread(postgres_server.restart)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*writers), 60)
    for writer, count in written.items():
        assert await noted(store, writer) == list(range(count))


async def test_a_server_that_is_not_there_is_a_failure_that_may_pass(make, postgres_server):
    """And what the store had opened before is no reason for a failure afterwards."""
    store = make()
    await store.commit([note(1)])
    postgres_server.kill()
    with pytest.raises(TemporaryError, match="no connection"):
        await store.commit([note(2)])
    with pytest.raises(TemporaryError, match="no connection"):
        await noted(store)
    postgres_server.start()
    await store.commit([note(3)])
    postgres_server.restart()
    assert await noted(store) == [1, 3]


async def test_a_server_that_is_gone_is_not_waited_for_by_everybody_again_and_again(make, postgres_server):
    """Refused at once after some failures, with nothing sent; what is vital is tried; and all again later."""
    dependencies = Dependencies()
    store = make(dependencies=dependencies)
    postgresql = dependencies.of("postgresql")
    await store.commit([note(1)])
    postgres_server.kill()
    for _ in range(postgresql.limits.failures):
        with pytest.raises(TemporaryError):
            await store.commit([note(2)])
    with pytest.raises(RefusedError, match="postgresql has not answered"):
        await store.commit([note(2)])
    with vital(), pytest.raises(TemporaryError, match="no connection"):
        await store.commit([note(2)])
    assert dependencies.describe()["postgresql"]["circuit"] == "open"

    await asyncio.to_thread(postgres_server.start)
    with vital():
        await store.commit([note(3)])
    assert dependencies.describe()["postgresql"] | {"retries": 0} == {
        "circuit": "closed",
        "reason": "",
        "failures": 0,
        "in_flight": 0,
        "at_once": HASTY.connections,
        "timeout": HASTY.patience,
        "retries": 0,
    }
    assert await noted(store) == [1, 3]


async def test_a_lost_server_is_noticed_by_who_has_nothing_to_ask_and_so_is_its_return(
    make, postgres_server, monkeypatch
):
    """A service that idles is not ready either; and it is again without being asked anything."""
    monkeypatch.setattr("tradewind.kernel.store.postgres.QUIET", 0.1)
    dependencies = Dependencies()
    store = make(dependencies=dependencies)
    await store.commit([note(1)])
    watching = asyncio.create_task(store.watch())

    async def comes_to_be(lost):
        async with asyncio.timeout(60):
            while bool(dependencies.trouble("postgresql")) is not lost:  # noqa: ASYNC110 - it is asked, as by a kubelet
                await asyncio.sleep(0.02)

    await asyncio.to_thread(postgres_server.kill)
    await comes_to_be(lost=True)
    await asyncio.to_thread(postgres_server.start)
    await comes_to_be(lost=False)
    watching.cancel()
    assert (await asyncio.gather(watching, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_a_no_of_the_database_is_no_silence(make):
    """A lock that somebody holds is told to whoever asks, and closes the database down for nobody."""
    dependencies = Dependencies()
    store, holder = make(dependencies=dependencies), make(Limits())
    held, go = asyncio.Event(), asyncio.Event()
    await store.commit([note(1)])

    async def hold():
        async with holder._engine.connect() as connection:
            await connection.execute(text("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE"))
            held.set()
            await go.wait()

    holding = asyncio.create_task(hold())
    await held.wait()
    for _ in range(dependencies.of("postgresql").limits.failures):
        with pytest.raises(TemporaryError, match="lock timeout"):
            await store.commit([note(2)])
    assert dependencies.describe()["postgresql"]["circuit"] == "closed"
    go.set()
    await holding


async def test_a_server_that_is_paused_is_waited_for_so_long_and_no_longer(make, postgres_server):
    """Nobody hangs, nothing is done twice when it goes on, and it is used again."""
    store = make()
    await asyncio.gather(*(store.commit([note(number)]) for number in range(4)))
    postgres_server.pause()
    try:
        async with asyncio.timeout(60):
            failures = await asyncio.gather(*(store.commit([note(9)]) for _ in range(3)), return_exceptions=True)
            with pytest.raises(TemporaryError):
                await noted(store)
        assert all(type(failure) is TemporaryError for failure in failures), failures
    finally:
        postgres_server.resume()
    await unless(store, 4, "test")
    assert await noted(store) == [0, 1, 2, 3, 4]


# ----------------------------------------------------------------------------------------- the answer to COMMIT is lost


async def test_a_commit_that_was_true_although_nobody_said_so_is_seen(make, postgres_url):
    """It is not called a failure, and whoever looks finds it."""
    async with Wire(postgres_url) as wire:
        store = make(address=wire.address)
        await store.commit([note(1)])

        def swallow(connection):
            connection.execute(insert(NOTES), {"number": 2, "writer": "test"})
            wire.deaf = True

        with pytest.raises(UnknownOutcomeError, match="no answer to a commit"):
            await store.change(swallow)
        wire.deaf = False
        assert await noted(store) == [1, 2]
        await store.close()


@pytest.mark.parametrize("how", ["late", "canceled"])
async def test_a_commit_that_is_still_under_way_is_ended_before_anybody_looks(make, how):
    """What a question finds afterwards stays so: the commit cannot become true behind the back of who asked."""
    store = make()
    await store.change(when_noted(SLOW))
    patient = make(Limits(statement=30, patience=1.0 if how == "late" else 30.0))
    committing = asyncio.create_task(patient.commit([note(1, "unlucky")]))
    async with asyncio.timeout(60):
        while not await store.read(_lingering):
            """Until the server is in the middle of it."""
    if how == "canceled":
        committing.cancel()
    with pytest.raises(asyncio.CancelledError if how == "canceled" else UnknownOutcomeError):
        await committing
    assert await noted(patient) == []
    assert not await store.read(_lingering)
    await patient.commit([note(1)])
    assert await noted(store) == [1]


@pytest.mark.parametrize("how", ["late", "canceled"])
async def test_it_is_ended_as_well_where_the_driver_does_all_by_itself(make, how):
    """Statements that have come before take a shorter way to the same promise."""
    store, known = make(), insert(NOTES)
    for number in (1, 2):
        await store.commit([Write(known, {"number": number, "writer": "test"})])
    await store.change(when_noted(SLOW))
    patient = make(Limits(statement=30, patience=1.0 if how == "late" else 30.0))
    committing = asyncio.create_task(patient.commit([Write(known, {"number": 3, "writer": "unlucky"})]))
    async with asyncio.timeout(60):
        while not await store.read(_lingering):
            """Until the server is in the middle of it."""
    if how == "canceled":
        committing.cancel()
    with pytest.raises(asyncio.CancelledError if how == "canceled" else UnknownOutcomeError):
        await committing
    assert await noted(patient) == [1, 2]
    assert not await store.read(_lingering)
    await patient.commit([Write(known, {"number": 4, "writer": "test"})])
    assert await noted(store) == [1, 2, 4]


async def test_a_server_that_ends_in_the_middle_of_known_statements_is_tried_again(make, postgres_server):
    """Their connection is thrown away, and the next one does all of it."""
    store, known = make(), insert(NOTES)
    for number in (1, 2):
        await store.commit([Write(known, {"number": number, "writer": "test"})])
    postgres_server.restart()
    await unless(store, 3, "test")
    await store.commit([Write(known, {"number": 4, "writer": "test"})])
    assert await noted(store) == [1, 2, 3, 4]


async def test_connections_that_the_server_ended_while_nobody_used_them_are_no_failure(make):
    """A restart, a failover, a proxy that tidies up: the first known statement on such a one does not pay for it."""
    store, other, known = make(), make(), insert(NOTES)
    for number in (1, 2):
        await store.commit([Write(known, {"number": number, "writer": "test"})])
    others = "FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
    end = text(f"SELECT pg_terminate_backend(pid) {others}")
    await other.change(lambda connection: connection.execute(end))
    await asyncio.sleep(0.1)
    await store.commit([Write(known, {"number": 3, "writer": "test"})])
    assert await noted(store) == [1, 2, 3]


def _lingering(connection):
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    return bool(connection.scalar(text(query)))


async def test_as_long_as_the_outcome_is_open_nothing_is_read_or_written(make, postgres_url, postgres_server):
    """An answer that may be wrong a moment later is worse than none."""
    async with Wire(postgres_url) as wire:
        store = make(address=wire.address)

        def swallow(connection):
            connection.execute(insert(NOTES), {"number": 1, "writer": "test"})
            wire.deaf = True

        with pytest.raises(UnknownOutcomeError):
            await store.change(swallow)
        for ask in (lambda: noted(store), lambda: store.commit([note(2)])):
            with pytest.raises(TemporaryError, match="no connection"):
                await ask()
        wire.deaf = False
        assert await noted(store) == [1]
        await store.close()


# ------------------------------------------------------------------------------------------------- the server says no


@pytest.mark.parametrize("when", ["", "DEFERRABLE INITIALLY DEFERRED"])
async def test_a_full_disk_changes_nothing_and_may_pass(make, when):
    """At a statement or at the commit: it is a certain refusal."""
    store, row, told = make(), insert(ROWS), insert(NOTES)
    await store.change(when_noted(FULL, when))
    for _ in range(3):  # from the third time on the driver does all of it by itself
        writes = [Write(row, {"id": "a", "number": 1}), Write(told, {"number": 1, "writer": "unlucky"})]
        with pytest.raises(TemporaryError, match="No space left on device") as caught:
            await store.commit(writes)
        assert type(caught.value) is TemporaryError
        assert await store.read(lambda connection: connection.scalars(select(ROWS.c.id)).all()) == []
    await store.commit([Write(insert(ROWS), {"id": "a", "number": 1})])


async def test_a_row_that_somebody_holds_is_not_waited_for_for_ever(make):
    """The server refuses in time, nothing has changed, and later it works."""
    store, holder = make(), make(Limits())
    await store.commit([Write(insert(ROWS), {"id": "a", "number": 1})])
    held, let_go = asyncio.Event(), asyncio.Event()

    def hold(connection):
        connection.execute(update(ROWS).values(number=2))
        held.set()
        from sqlalchemy.util import await_only  # noqa: PLC0415

        await_only(let_go.wait())

    holding = asyncio.create_task(holder.change(hold))
    await held.wait()
    change = Write(update(ROWS).where(ROWS.c.id == "a").values(number=ROWS.c.number + 1), {}, 1)
    with pytest.raises(TemporaryError, match="lock timeout"):
        await store.commit([note(1), change])
    let_go.set()
    await holding
    await store.commit([change])
    assert await store.read(lambda connection: connection.scalar(select(ROWS.c.number))) == 3
    assert await noted(store) == []


async def test_of_two_that_wait_for_each_other_both_get_through(make):
    """A deadlock undoes one of them for certain, so it is tried again here."""
    store, other = make(Limits()), make(Limits())
    await store.commit([Write(insert(ROWS), [{"id": name, "number": 0} for name in "ab"])])

    def both(first, second):
        return [
            Write(update(ROWS).where(ROWS.c.id == name).values(number=ROWS.c.number + 1), {}, 1)
            for name in (first, second)
        ]

    for _ in range(8):
        await asyncio.gather(store.commit(both("a", "b")), other.commit(both("b", "a")))
    assert await store.read(lambda c: sorted(c.scalars(select(ROWS.c.number)))) == [16, 16]


async def test_a_question_cannot_write(make):
    """What it wrote would stand in no unit of work."""
    store = make()
    with pytest.raises(TemporaryError, match="read-only"):
        await store.read(lambda connection: connection.execute(insert(NOTES), {"number": 1}))
    assert await noted(store) == []


# ---------------------------------------------------------------------------------------------------------- migrations


async def test_processes_that_migrate_at_once_wait_for_each_other(postgres_url, make):
    """Several pods start at once; the tables are those that the code speaks of, to the type."""
    store = make(Limits())
    await asyncio.gather(*(migrate_postgres(postgres_url) for _ in range(4)))

    for spec in CATALOG:
        if spec.stores:
            importlib.import_module(f"{spec.package}.tables")

    def kind(column, connection):
        name = column.compile(connection.dialect)
        # PostgreSQL's own name of what the standard calls a FLOAT.
        return "DOUBLE PRECISION" if name.startswith(("FLOAT", "DOUBLE")) else name

    def differences(connection):
        found = {name: inspect(connection).get_columns(name) for name in METADATA.tables}
        return [
            f"{table.name}.{column.name}"
            for table in METADATA.tables.values()
            for column in table.columns
            if not any(
                there["name"] == column.name
                and there["nullable"] == column.nullable
                and kind(there["type"], connection) == kind(column.type, connection)
                for there in found[table.name]
            )
        ]

    assert await store.read(differences) == []


async def test_a_database_that_was_never_migrated_is_said_as_that(postgres_url):
    """Not as a table that a user has never heard of."""
    store = PostgresStore(postgres_url)
    try:
        with pytest.raises(MachineError, match="tradewind migrate"):
            await store.read(lambda connection: connection.execute(text("SELECT 1 FROM outbox")))
    finally:
        await store.close()


# ------------------------------------------------------------------------------------------- statements that come again

VALUES = {
    "BigInteger": lambda number: 2**40 + number,
    "Integer": lambda number: number,
    "Float": lambda number: number + 0.125,
    "Boolean": lambda number: number % 2 == 0,
    "DecimalText": lambda number: Decimal(number) / 8,
    "LargeBinary": lambda number: bytes([number]),
    "String": lambda number: f"'{number}'; --",
}


def row_of(table, number):
    """A row of a table, every value another one; each fourth column that may is empty."""
    return {
        column.name: None if column.nullable and place % 4 == 3 else VALUES[type(column.type).__name__](number + place)
        for place, column in enumerate(table.columns)
    }


async def test_a_statement_that_comes_again_writes_what_it_wrote_the_first_time(make, postgres_url):
    """From its second time on the driver gets it ready made: for every table there is, and every kind of value."""
    for spec in CATALOG:
        if spec.stores:
            importlib.import_module(f"{spec.package}.tables")
    await migrate_postgres(postgres_url)
    store = make(Limits())
    for table in METADATA.sorted_tables:
        statement, rows = insert(table), [row_of(table, number) for number in (1, 21, 41, 61)]
        for number, row in enumerate(rows):
            # A write of its own before it, because the first of a transaction always goes the long way.
            await store.commit([note(number), Write(statement, row, 1)])
        key = next(iter(table.primary_key.columns))
        found = await store.read(
            lambda connection, table=table, key=key: [
                dict(one) for one in connection.execute(select(table).order_by(key)).mappings()
            ]
        )
        assert sorted(found, key=str) == sorted(rows, key=str), table.name
        assert all(postgres_writes._SEEN[statement].values()), "it went the long way each time"


async def test_a_guard_holds_and_a_refusal_is_told_the_same_on_both_ways(make):
    """A number of rows that is expected, a key that is taken, a value that is none: each time nothing has changed."""
    store = make(Limits())
    change = update(ROWS).where(ROWS.c.id == bindparam("key")).values(number=bindparam("new"))
    add = insert(ROWS)
    await store.commit([Write(add, {"id": "a", "number": 1})])
    for _ in range(3):
        await store.commit([note(1), Write(change, {"key": "a", "new": 2}, 1)])
        with pytest.raises(FencedError, match="touched 0 rows, expected 1"):
            await store.commit([note(2), Write(change, {"key": "b", "new": 2}, 1)])
        with pytest.raises(IntegrityError, match="duplicate key"):
            await store.commit([note(2), Write(add, {"id": "a", "number": 3})])
        with pytest.raises(DBAPIError, match=r"invalid input|int"):
            await store.commit([note(2), Write(add, {"id": "c", "number": "three"})])
    assert await noted(store) == [1, 1, 1]
    assert await store.read(lambda connection: [tuple(row) for row in connection.execute(select(ROWS))]) == [("a", 2)]


async def test_statements_that_are_made_for_one_use_are_not_kept(make):
    """Nor those that come twice and then never again."""
    store = make(Limits())
    gc.collect()
    before = len(postgres_writes._SEEN)
    for number in range(20):
        statement = insert(NOTES).values(writer=f"writer {number}")
        for _ in range(3):
            await store.commit([note(number), Write(statement, {"number": number})])
    assert await noted(store, "writer 7") == [7, 7, 7]
    del statement
    gc.collect()
    assert len(postgres_writes._SEEN) <= before + 2, "one of each sort, which SQLAlchemy remembers"


async def test_no_server_that_takes_writes_is_a_failure_that_may_pass(make, postgres_url):
    """While one takes the place of another the driver finds none of the sort that the address asks for."""
    store = make(address=f"{postgres_url}?target_session_attrs=standby")
    with pytest.raises(TemporaryError, match="no connection"):
        await noted(store)


async def test_a_statement_that_needs_the_long_way_is_looked_at_once(make, monkeypatch):
    """Not each time that it comes: that would cost more than it could ever save."""
    store, looked_at, compiled = make(Limits()), [], postgres_writes._compiled
    monkeypatch.setattr(postgres_writes, "_compiled", lambda *given: looked_at.append(given) or compiled(*given))
    change = update(ROWS).where(ROWS.c.id.in_(bindparam("names", expanding=True))).values(number=bindparam("new"))
    await store.commit([Write(insert(ROWS), {"id": "a", "number": 1})])
    for new in range(4):
        await store.commit([note(new), Write(change, {"names": ["a", "b"], "new": new}, 1)])
    assert [statement for statement, *_ in looked_at].count(change) == 1
    assert await store.read(lambda connection: [tuple(row) for row in connection.execute(select(ROWS))]) == [("a", 3)]
