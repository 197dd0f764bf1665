"""Asking a bot that runs: a stub in its place answers, refuses, breaks or is silent, and gets tokens of its own key."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from tradewind.domain.errors import PermanentError, TemporaryError
from tradewind.kernel.security import SERVICE_HEADER, SERVICE_KEY_FILE, ServiceTokens
from tradewind_operator.apiclient import ApiError
from tradewind_operator.running_bot import RunningBots
from tradewind_operator.status import Condition

KEY = b"a-key-of-at-least-thirty-two-bytes"
BOT = {"metadata": {"name": "momentum", "namespace": "default", "uid": "u1"}}


class Keys:
    """The API server, of which only the Secret with the keys is asked."""

    def __init__(self):
        self.reads, self.secret = 0, {"data": {SERVICE_KEY_FILE: base64.b64encode(KEY).decode()}}

    async def get(self, _resource, namespace, name):
        assert (namespace, name) == ("default", "momentum-keys")
        self.reads += 1
        if isinstance(self.secret, ApiError):
            raise self.secret
        return self.secret


class Stub:
    """All services of a bot at one address."""

    def __init__(self):
        self.asked, self.status, self.answer = [], 200, []

    async def handle(self, request):
        service = request.path.split("/")[1].removeprefix("momentum-")
        caller = ServiceTokens(KEY).verify(request.headers[SERVICE_HEADER], service)
        body = await request.json() if request.can_read_body else None
        self.asked.append(
            (caller.service, service, request.method, request.path.partition("/momentum-")[2].partition("/")[2], body)
        )
        if isinstance(self.answer, bytes):
            return web.Response(status=self.status, body=self.answer)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
def stub():
    return Stub()


@pytest.fixture
def keys():
    return Keys()


@pytest.fixture
async def running(stub, keys):
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", stub.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = RunningBots(keys, f"http://127.0.0.1:{runner.addresses[0][1]}/{{service}}")
    yield found
    await found.close()
    await runner.cleanup()


async def test_conditions_are_those_of_monitoring_and_of_no_other_type(running, stub, keys):
    one = {"type": "Trading", "status": "True", "reason": "Running", "message": "m", "since": 1.0}
    stub.answer = [one, {**one, "type": "Weather"}]
    assert await running.conditions(BOT) == (Condition("Trading", "True", "Running", "m"),)
    assert await running.conditions(BOT)
    assert keys.reads == 1, "the key of a bot is read once"
    assert stub.asked[0] == ("tradewind-operator", "monitoring", "GET", "conditions", None)


async def test_orders_are_given_to_the_services_that_carry_them_out(running, stub):
    stub.answer = {"canceled": 2, "troubles": [], "openPositions": 3}
    assert (await running.emergency_stop(BOT, "why", flatten=True))["canceled"] == 2
    await running.cancel_orders(BOT)
    await running.pause(BOT, "why")
    assert await running.open_positions(BOT) == 3
    assert [one[1:] for one in stub.asked] == [
        ("engine", "POST", "api/v1/trading/emergency-stop", {"reason": "why", "flatten": True}),
        ("execution", "DELETE", "api/v1/orders", None),
        ("engine", "POST", "api/trading/pause", {"reason": "why"}),
        ("engine", "GET", "api/v1/trading/status", None),
    ]


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (503, {}, TemporaryError),
        (429, {}, TemporaryError),
        (200, b"not json", TemporaryError),
        (200, [{"type": "Trading"}], TemporaryError),
        (200, 7, TemporaryError),
        (403, {}, PermanentError),
    ],
)
async def test_what_a_bot_answers_wrongly_is_no_failure_of_the_operator(running, stub, status, answer, kind):
    stub.status, stub.answer = status, answer
    with pytest.raises(kind):
        await running.conditions(BOT)


async def test_a_refusal_makes_the_key_be_read_again(running, stub, keys):
    """A Secret that was made again has another key; the former one would be refused for ever."""
    stub.status = 401
    with pytest.raises(PermanentError):
        await running.conditions(BOT)
    stub.status = 200
    await running.conditions(BOT)
    assert keys.reads == 2


@pytest.mark.parametrize("secret", [None, {"data": {}}, ApiError(503, "r", "m")], ids=["none", "empty", "unreadable"])
async def test_without_a_key_nobody_is_asked(running, stub, keys, secret):
    keys.secret = secret
    with pytest.raises(TemporaryError, match="keys of the bot"):
        await running.conditions(BOT)
    assert stub.asked == []


async def test_where_nobody_listens_the_bot_is_silent(keys):
    nobody = RunningBots(keys, "http://127.0.0.1:9/{service}")
    with pytest.raises(TemporaryError, match="monitoring does not answer"):
        await nobody.conditions(BOT)
    await nobody.close()
