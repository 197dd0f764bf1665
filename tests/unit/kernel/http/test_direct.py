"""Routes that are looked up: who is answered, who is told what else to ask, and when nobody is."""

from __future__ import annotations

import pytest
from fastapi.responses import PlainTextResponse
from tests.unit.kernel.http.conftest import TOKENS, Asked

from tradewind.domain.errors import TradewindError
from tradewind.kernel.http.app import create_app
from tradewind.kernel.http.direct import DirectRoute
from tradewind.kernel.service import ServiceState


@pytest.fixture
def gateway(make_runner):
    def answering(words):
        async def answer(request):
            return PlainTextResponse(f"{words} {request.scope['route'].path}")

        return answer

    def routes():
        return [
            DirectRoute("GET", "/orders", answering("read")),
            DirectRoute("DELETE", "/orders", answering("cancelled")),
            DirectRoute("GET", "/orders/{id}", answering("one of")),
        ]

    runner = make_runner("gateway", direct=routes)
    return Asked(create_app(runner, TOKENS), runner)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/orders", b"read /orders"),
        ("DELETE", "/orders", b"cancelled /orders"),
        ("GET", "/orders/a1", b"one of /orders/{id}"),
    ],
)
async def test_a_request_goes_to_who_answers_its_method_and_path(gateway, method, path, answer):
    """By the literal path before any template; the template is what metrics are told."""
    reply = await gateway(method, path)
    assert (200, answer) == (reply.status, reply.body)


async def test_another_method_is_told_those_that_there_are(gateway):
    """All of them, whichever stands first in the table."""
    reply = await gateway("POST", "/orders")
    assert (405, "DELETE, GET") == (reply.status, reply.headers["allow"])
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/orders/", "/orders/a/b", "/order"])
async def test_another_path_is_none_of_these(gateway, path):
    """Nothing is guessed."""
    assert (await gateway("GET", path)).status == 404


async def test_what_does_not_run_is_not_asked(gateway):
    """As behind a router: nobody is answered from what was not loaded."""
    gateway.runner.state = ServiceState.STOPPING
    reply = await gateway("GET", "/orders")
    assert (503, "2") == (reply.status, reply.headers["retry-after"])


def test_a_service_that_wants_tokens_has_none(make_runner):
    """They would be open to everybody who reaches its port."""
    runner = make_runner("portfolio", direct=list)
    with pytest.raises(TradewindError, match="portfolio is for other services alone"):
        create_app(runner, TOKENS)
