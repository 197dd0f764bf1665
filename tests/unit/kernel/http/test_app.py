"""What every service answers alike: errors as problems, a limit on size, identity, probes, metrics, documentation."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import pytest
from fastapi import Query, Request

from tradewind.domain.errors import (
    ConfigError,
    ConfigErrors,
    NotFoundError,
    PermanentError,
    TemporaryError,
    TradewindError,
)
from tradewind.kernel.http.access import Actor
from tradewind.kernel.http.middleware import LARGEST_REQUEST
from tradewind.kernel.http.wire import Answer, Command, Exact, MarketTime, TimeParameter, WallTime
from tradewind.kernel.security import ServiceTokens
from tradewind.kernel.service import ServiceState


class Thing(Answer):
    total_value: Exact
    open_time: MarketTime
    seen_at: WallTime


class Wanted(Command):
    amount_wanted: int


def fails_with(error):
    def fill(routes):
        @routes.get("/fails")
        async def fails() -> None:
            raise error

    return fill


def counts(routes):
    @routes.get("/things/{name}")
    async def thing(name: str, limit: Annotated[int, Query(ge=1, le=10)] = 5) -> dict[str, str | int]:
        return {"name": name, "limit": limit}

    @routes.post("/things")
    async def make(wanted: Wanted) -> Thing:
        return Thing(total_value=Decimal(wanted.amount_wanted) / 8, open_time=1_641_175_200_000, seen_at=1.25)


# ------------------------------------------------------------------------------------------------------------ problems


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (NotFoundError("no order x"), 404, "not-found"),
        (PermanentError("not while stopped"), 409, "refused"),
        (TemporaryError("busy", retry_after=1.2), 503, "unavailable"),
        (ConfigError("speed", "x", "a number", "write 1"), 422, "invalid-value"),
        (TradewindError("taken over"), 500, "internal"),
        (ZeroDivisionError("secret"), 500, "internal"),
    ],
)
async def test_every_kind_of_error_is_a_problem_of_its_status(serve, error, status, kind):
    """A caller tells by the status whether to mend the request, to try again, or to give up."""
    reply = await serve(fails_with(error))("GET", "/fails")

    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert problem["type"] == f"urn:tradewind:problem:{kind}"
    assert problem["status"] == status
    assert problem["instance"] == "/fails"
    assert problem["requestId"] == reply.headers["x-request-id"]


async def test_a_temporary_problem_says_when_to_try_again(serve):
    """Retry-After is whole seconds, rounded up."""
    reply = await serve(fails_with(TemporaryError("busy", retry_after=1.2)))("GET", "/fails")

    assert reply.headers["retry-after"] == "2"


async def test_a_wrong_value_names_field_received_allowed_and_fix(serve):
    """The four members that a person needs, of every value that is wrong, the first one's also at the top."""
    errors = [ConfigError("a", "1", "2", "write 2"), ConfigError("b", None, "3", "write 3")]
    problem = (await serve(fails_with(ConfigErrors(errors)))("GET", "/fails")).json

    assert [one["field"] for one in problem["errors"]] == ["a", "b"]
    assert {name: problem[name] for name in ("field", "received", "allowed", "fix")} == problem["errors"][0]
    assert problem["errors"][1] == {"field": "b", "received": "null", "allowed": "3", "fix": "write 3"}


async def test_an_unforeseen_error_tells_nothing_inside_and_is_logged(serve):
    """What broke stands in the log under the id that the caller got, and not in the answer."""
    asked = serve(fails_with(ZeroDivisionError("secret")))
    reply = await asked("GET", "/fails", {"X-Request-Id": "abc-1"})

    assert b"secret" not in reply.body
    assert b"ZeroDivision" not in reply.body
    assert [facts["request_id"] for level, _, facts in asked.log if level == "exception"] == ["abc-1"]


async def test_an_invalid_request_lists_every_field(serve):
    """Query and body are refused in the same words as a manifest."""
    reply = await serve(counts)("GET", "/things/x?limit=99")
    assert reply.status == 422
    assert reply.json["errors"] == [
        {
            "field": "query.limit",
            "received": "99",
            "allowed": "less than or equal to 10",
            "fix": "send less than or equal to 10",
        }
    ]

    reply = await serve(counts)("POST", "/things", body=b'{"amountWanted": "x", "unknown": 1}')
    assert {one["field"] for one in reply.json["errors"]} == {"body.amountWanted", "body.unknown"}


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"amountWanted": "\\ud800"}', b"[" * 3000, b""])
async def test_a_body_that_is_no_json_is_a_problem_and_no_failure(serve, body):
    """Half a surrogate, a nesting without end, bytes of no text: refused, never a failure of ours."""
    reply = await serve(counts)("POST", "/things", body=body)

    assert 400 <= reply.status < 500
    assert reply.json["status"] == reply.status


async def test_an_unknown_path_and_a_wrong_method_are_problems(serve):
    """What the framework refuses looks like what we refuse."""
    asked = serve(counts)

    assert (await asked("GET", "/nope")).json["type"] == "urn:tradewind:problem:not-found"
    wrong = await asked("DELETE", "/things")
    assert wrong.status == 405
    assert "POST" in wrong.json["detail"]


# ---------------------------------------------------------------------------------------------------------------- wire


async def test_decimals_are_strings_times_are_utc_text_and_keys_are_camel_case(serve):
    """No JSON number passes money through binary floating point, and no time needs its zone guessed."""
    reply = await serve(counts)("POST", "/things", body=b'{"amountWanted": 3}')

    assert reply.json == {
        "totalValue": "0.375",
        "openTime": "2022-01-03T02:00:00Z",
        "seenAt": "1970-01-01T00:00:01.250Z",
    }


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("2022-01-03", 200),
        ("2022-01-03T00:00:00Z", 200),
        ("1641168000000", 200),
        ("2022-01-03T00:00:00", 422),
        ("tomorrow", 422),
        ("99999999999999999", 422),
        ("1969-01-01", 422),
    ],
)
async def test_a_moment_is_a_date_a_timestamp_or_milliseconds(serve, text, status):
    """A time without a zone is refused, because it would mean another candle on every machine."""

    def fill(routes):
        @routes.get("/since")
        async def since(since: TimeParameter) -> dict[str, int]:
            return {"since": since}

    reply = await serve(fill)("GET", f"/since?since={text}")

    assert reply.status == status
    if status == 200:
        assert reply.json == {"since": 1_641_168_000_000}


# ------------------------------------------------------------------------------------------------------- size, identity


async def test_a_body_that_is_too_large_is_refused_by_its_length_unread(serve):
    """One mebibyte is enough for everybody; the connection is closed so that the rest is never read."""
    headers = {"content-length": str(LARGEST_REQUEST + 1)}
    reply = await serve(counts)("POST", "/things", headers)

    assert reply.status == 413
    assert reply.headers["connection"] == "close"
    assert reply.json["type"] == "urn:tradewind:problem:content-too-large"


async def test_a_body_of_unknown_length_is_counted_as_it_comes(serve):
    """Leaving out the length is no way around the limit."""
    headers = {"transfer-encoding": "chunked", "content-type": "application/json"}
    chunk = b" " * (LARGEST_REQUEST // 2)

    assert (await serve(counts)("POST", "/things", headers, [chunk, chunk, b"{}"])).status == 413
    assert (await serve(counts)("POST", "/things", headers, [b'{"amount', b'Wanted": 8}'])).status == 200


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 30, "0x10"])
async def test_a_length_that_is_no_number_is_refused(serve, length):
    """What cannot be compared with the limit does not pass it."""
    assert (await serve(counts)("POST", "/things", {"content-length": length})).status == 413


@pytest.mark.parametrize(("told", "kept"), [("a.b-c_1", True), ("x" * 65, False), ("a b", False), ("", False)])
async def test_a_sane_request_id_is_kept_and_another_replaced(serve, told, kept):
    """The id joins our log lines with the caller's, and nothing else gets into them that way."""
    identity = (await serve(counts)("GET", "/healthz", {"X-Request-Id": told})).headers["x-request-id"]

    assert (identity == told) is kept
    assert identity


# -------------------------------------------------------------------------------------------------------------- probes


async def test_liveness_depends_on_nothing(serve):
    """Whatever the service waits for, the process is alive, and needs no token to say so."""
    asked = serve(ready=lambda: {"venue": "gone"})
    for state in ServiceState:
        asked.runner.state = state
        assert (await asked("GET", "/healthz", token=False)).status == 200


async def test_readiness_names_what_is_missing(serve):
    """503 with a name for each reason, so that nobody has to guess which dependency it is."""
    missing = {"venue": "not reconciled yet"}
    asked = serve(ready=lambda: missing)

    reply = await asked("GET", "/readyz", token=False)
    assert (reply.status, reply.json) == (503, {"ready": False, "state": "Running", "reasons": missing})
    assert (await asked("GET", "/health", token=False)).json["status"] == "unhealthy"

    missing.clear()
    assert (await asked("GET", "/readyz", token=False)).status == 200
    health = (await asked("GET", "/health", token=False)).json
    assert set(health) == {"status", "service", "version", "timestamp"}
    assert (health["status"], health["service"]) == ("healthy", "portfolio")


@pytest.mark.parametrize("state", [ServiceState.NEW, ServiceState.STARTING, ServiceState.STOPPING, ServiceState.FAILED])
async def test_a_service_that_does_not_run_is_not_ready_and_answers_nothing_else(serve, state):
    """From before it has loaded until after it is told to stop, its own routes say so instead of failing."""
    asked = serve(counts)
    asked.runner.state = state

    assert (await asked("GET", "/readyz")).json["reasons"] == {"service": state.value}
    reply = await asked("GET", "/things/x")
    assert reply.status == 503
    assert state.value in reply.json["detail"]


async def test_one_probe_answers_for_every_service_of_the_process(serve, make_runner):
    """A kubelet asks one address of a container; each service that is not ready is named with its reasons."""
    missing = {"feed": "no candle for 3 minutes"}
    strategy = make_runner("strategy", ready=lambda: missing)
    asked = serve(beside={"strategy": strategy})

    reply = await asked("GET", "/processz", token=False)
    assert (reply.status, reply.json) == (503, {"ready": False, "services": {"strategy": missing}})
    assert (await asked("GET", "/readyz", token=False)).status == 200

    missing.clear()
    assert (await asked("GET", "/processz", token=False)).json == {"ready": True, "services": {}}
    strategy.state = ServiceState.STOPPING
    reply = await asked("GET", "/processz", token=False)
    assert (reply.status, reply.json["services"]) == (503, {"strategy": {"service": "Stopping"}})


# --------------------------------------------------------------------------------------------------------------- access


async def test_a_route_wants_a_service_token_for_this_service(serve):
    """A service is asked by services of its bot only; a token for another service opens nothing."""
    asked = serve(counts)
    foreign = ServiceTokens(b"f" * 32).issue("gateway", "portfolio")
    other = ServiceTokens(b"k" * 32).issue("gateway", "engine")

    assert (await asked("GET", "/things/x")).status == 200
    assert (await asked("GET", "/things/x", token=False)).status == 401
    for wrong in (foreign, other, "x.y.z", ""):
        reply = await asked("GET", "/things/x", {"X-Service-Auth": wrong})
        assert reply.status == 401, wrong


async def test_whoever_calls_is_known_to_the_route(serve):
    """A change is noted with the name of the person on whose behalf the gateway asks."""

    def fill(routes):
        @routes.get("/who")
        async def who(actor: Actor) -> dict[str, str]:
            return {"actor": actor}

    assert (await serve(fill)("GET", "/who")).json == {"actor": "alice"}


# -------------------------------------------------------------------------------------------- metrics and documentation


async def test_requests_are_counted_by_route_template(serve):
    """However many names and paths are asked for, the number of series stays that of the routes."""
    asked = serve(counts)
    for name in ("a", "b", "c"):
        await asked("GET", f"/things/{name}")
        await asked("GET", f"/nope/{name}")
    text = (await asked("GET", "/metrics", token=False)).body.decode()

    lines = [line for line in text.splitlines() if line.startswith("tradewind_http_requests_total")]
    assert any('route="/things/{name}",service="portfolio",status="200"} 3.0' in line for line in lines), lines
    assert any('route="unmatched",service="portfolio",status="404"} 3.0' in line for line in lines), lines


async def test_the_document_describes_routes_and_problems(serve):
    """A client can be generated from it: every operation has its answer and the problem instead."""
    document = (await serve(counts)("GET", "/openapi.json", token=False)).json

    operation = document["paths"]["/things"]["post"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Thing")
    assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert document["components"]["schemas"]["Thing"]["properties"]["totalValue"]["type"] == "string"
    assert operation["security"] == [{"service": []}]


async def test_a_production_door_does_not_explain_itself(serve):
    """Without documentation its paths are as unknown as any other."""
    asked = serve(counts, documented=False)

    assert [(await asked("GET", path)).status for path in ("/docs", "/openapi.json")] == [404, 404]


async def test_a_trace_goes_on_where_the_caller_left_it(serve):
    """The traceparent of the caller reaches the route; one that is none is not believed."""

    def fill(routes):
        @routes.get("/trace")
        async def trace(request: Request) -> dict[str, str | None]:
            return {"trace": request.state.traceparent}

    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    asked = serve(fill)

    assert (await asked("GET", "/trace", {"traceparent": parent})).json == {"trace": parent}
    for wrong in ("00-zz-11-01", "x" * 55, f"00-{'0' * 32}-{'b' * 16}-01"):
        assert (await asked("GET", "/trace", {"traceparent": wrong})).json == {"trace": None}
