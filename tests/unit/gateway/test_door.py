"""The door: what it asks for, in which order, and what it writes down."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import pytest
from fastapi import Response

from tradewind.domain.errors import PermanentError
from tradewind.gateway.door import Door
from tradewind.kernel.http.problems import ProblemError
from tradewind.kernel.security import ApiKey, KeyRing, Role, digest_of
from tradewind.kernel.settings import GatewaySettings, Settings


@pytest.fixture
def said():
    return []


@pytest.fixture
def door(said):
    log = SimpleNamespace(info=lambda message, **facts: said.append((message, facts)))
    one = Door(SimpleNamespace(log=log, settings=Settings(gateway=GatewaySettings(requests_per_minute=5))))
    one.keys = KeyRing(ApiKey(role.value, role, digest_of(f"secret of {role.value}")) for role in Role)
    return one


def request(role=None, address="192.0.2.1"):
    headers = {} if role is None else {"x-api-key": f"secret of {role}"}
    return SimpleNamespace(
        headers=headers,
        client=SimpleNamespace(host=address),
        method="POST",
        url=SimpleNamespace(path="/cycle"),
        state=SimpleNamespace(request_id="id-1"),
    )


def test_an_address_without_a_key_is_counted_too(door):
    """Trying keys is limited before any key is compared; another address is not touched."""
    for _ in range(5):
        with pytest.raises(ProblemError) as raised:
            door.admit(request(), Role.VIEWER)
        assert raised.value.status == 401
    with pytest.raises(ProblemError) as raised:
        door.admit(request("viewer"), Role.VIEWER)
    assert raised.value.status == 429
    assert raised.value.headers["Retry-After"] == "60"

    assert door.admit(request("viewer", "192.0.2.2"), Role.VIEWER).name == "viewer"


def test_a_key_is_counted_from_wherever_it_is_used(door):
    """A key that leaked to a hundred machines has still one limit."""
    for number in range(5):
        door.admit(request("trader", f"192.0.2.{number}"), Role.TRADER)

    with pytest.raises(ProblemError, match="key trader asks too often") as raised:
        door.admit(request("trader", "192.0.2.99"), Role.TRADER)
    assert raised.value.status == 429


@pytest.mark.parametrize(
    ("role", "error", "status"),
    [
        ("trader", None, 200),
        ("trader", PermanentError("not now"), 409),
        ("trader", ZeroDivisionError(), 500),
        ("viewer", None, 403),
        (None, None, 401),
    ],
)
async def test_every_call_that_changes_something_leaves_one_line(door, said, role, error, status):
    """Who, what and what came of it, also when it was refused or failed."""

    async def handler(told, key):
        if error is not None:
            raise error
        return Response()

    with suppress(PermanentError, ZeroDivisionError, ProblemError):
        await door.audited(request(role), Role.TRADER, handler)

    ((message, facts),) = said
    assert message == "audit"
    expected = {"actor": role or "nobody", "status": status, "method": "POST", "path": "/cycle", "address": "192.0.2.1"}
    assert expected.items() <= facts.items()
    assert facts["request_id"] == "id-1"
