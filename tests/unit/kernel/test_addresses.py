"""Addresses of the database and the broker: from a variable or a file, and never shown with their password."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.domain.errors import MachineError
from tradewind.kernel.addresses import bus_address, database_address, sqlite_path
from tradewind.kernel.settings import Settings


def test_an_address_comes_from_its_variable_or_from_the_file_that_one_names(monkeypatch, tmp_path):
    """A file ends with a new line; nothing set is no address."""
    assert (database_address(Settings()), bus_address(Settings())) == (None, None)
    (tmp_path / "bus").write_text("redis://me:hidden@broker:6379/0\n")
    monkeypatch.setenv("TRADEWIND_BUS_URL_FILE", str(tmp_path / "bus"))
    monkeypatch.setenv("TRADEWIND_DATABASE_URL", "postgresql://me:hidden@db/bots?sslmode=require")
    settings = Settings()
    assert bus_address(settings) == "redis://me:hidden@broker:6379/0"
    assert database_address(settings) == "postgresql://me:hidden@db/bots?sslmode=require"
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize("address", ["memory://", "rediss://broker", "redis://[::1]:6379/1"])
def test_every_kind_of_broker(address):
    """One process needs none; several share one, encrypted or not."""
    assert bus_address(Settings(bus_url=address)) == address


@pytest.mark.parametrize("address", ["amqp://me:hidden@broker", "redis:", "redis://", "hidden", "redis://[hidden"])
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(address):
    """With the variable to change."""
    with pytest.raises(MachineError, match="TRADEWIND_BUS_URL") as caught:
        bus_address(Settings(bus_url=address))
    assert "hidden" not in str(caught.value)
    assert "redis://HOST:PORT/NUMBER" in str(caught.value)


def test_two_answers_to_one_question_are_refused(tmp_path):
    """Nobody can know which was meant."""
    with pytest.raises(MachineError, match="TRADEWIND_DATABASE_URL and TRADEWIND_DATABASE_URL_FILE"):
        database_address(Settings(database_url="sqlite:///x", database_url_file=tmp_path / "file"))


def test_the_file_of_an_sqlite_database(tmp_path):
    """Other addresses have none."""
    assert sqlite_path(f"sqlite:///{tmp_path}/a.sqlite3") == Path(tmp_path / "a.sqlite3")
    assert sqlite_path("postgresql://db/bots") is None
