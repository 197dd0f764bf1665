"""Redis as the chart starts it: a real server with these arguments keeps, closes and refuses as bots rely on."""

from __future__ import annotations

import base64
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from tests.charts.rendering import one, render
from tests.cluster.processes import LOOPBACK, Process, reserved_ports
from tests.required import lacking
from tests.servers.programs import MissingServerError, redis_program

from tradewind.kernel.addresses import shared_addresses
from tradewind.kernel.settings import Settings


@pytest.fixture
def rendered(helm3):
    """Arguments of the container, and what is in its Secret."""
    objects = render(helm3)
    (container,) = one(objects, "StatefulSet", "tradewind-redis")["spec"]["template"]["spec"]["containers"]
    data = one(objects, "Secret", "tradewind-storage")["data"]
    return container["args"], {key: base64.b64decode(value).decode() for key, value in data.items()}


@pytest.fixture
def server(rendered, tmp_path):
    """A Redis with these arguments, but for places of its own; its port."""
    try:
        program = redis_program()
    except MissingServerError as error:
        lacking("TRADEWIND_REQUIRE_SERVERS", "a server is missing", error)
    arguments, secret = rendered
    (tmp_path / "redis.conf").write_text(secret["redis.conf"])
    places = {"/etc/redis/redis.conf": str(tmp_path / "redis.conf"), "/data": str(tmp_path)}
    with reserved_ports(1) as (port,):
        told = [places.get(argument, argument) for argument in arguments]
        process = Process("redis", [str(program), *told, "--port", str(port), "--bind", LOOPBACK], tmp_path / "log")
        process.start()
        try:
            while not said(port, "PING"):
                assert process.pid is not None, (tmp_path / "log").read_text()
            yield port
        finally:
            process.stop()


def said(port, *commands):
    """The answer to commands on one connection; empty while nobody listens."""
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=5) as connection:
        for command in commands:
            connection.sendall(f"{command}\r\n".encode())
            answer = connection.recv(65_536).decode()
        return answer
    return ""


def test_nobody_is_let_in_without_the_password_of_the_address(rendered, server):
    """The password that bots are given in `bus-url` is the one that the server asks for."""
    address = urlsplit(rendered[1]["bus-url"])

    assert said(server, "PING").startswith("-NOAUTH")
    assert said(server, "AUTH wrong").startswith("-WRONGPASS")
    assert said(server, f"AUTH {address.password}", "PING").startswith("+PONG")


def test_what_is_answered_is_on_the_disk_and_nothing_is_thrown_away(rendered, server):
    """A message that was taken is there after a crash, and is never dropped for room."""
    login = f"AUTH {rendered[1]['redis-password']}"
    for name, value in (("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")):
        assert said(server, login, f"CONFIG GET {name}").split()[-1] == value


def test_bots_understand_both_addresses(rendered):
    """Their own reader of addresses takes them for a database and a bus that several processes share."""
    secret = rendered[1]
    settings = Settings(database_url=SecretStr(secret["database-url"]), bus_url=SecretStr(secret["bus-url"]))

    assert shared_addresses(settings) == (secret["database-url"], secret["bus-url"])
