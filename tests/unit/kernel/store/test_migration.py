"""Which revisions a database gets; what several processes do at once stands in `test_postgres`."""

from __future__ import annotations

from sqlalchemy import inspect, text

from tradewind.kernel.store.migration import migrate
from tradewind.kernel.store.sqlite import sqlite_engine


def test_an_older_version_begins_beside_a_newer_database(tmp_path):
    """As a bot whose pod is moved while others, or the pods of a Backtest, are of the next version already."""
    engine = sqlite_engine(tmp_path / "store.sqlite3")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'x_9' WHERE version_num LIKE 'portfolio%'"))
        connection.execute(text("CREATE TABLE of_the_newer (id INTEGER)"))
    migrate(engine)
    with engine.connect() as connection:
        revisions = set(connection.scalars(text("SELECT version_num FROM alembic_version")))
    assert "x_9" in revisions
    assert not any(one.startswith("portfolio") for one in revisions)
    assert inspect(engine).has_table("of_the_newer")
    engine.dispose()
