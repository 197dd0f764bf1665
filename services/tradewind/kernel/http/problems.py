"""Errors as problems (RFC 9457): one mapping from what went wrong to what the caller reads.

A problem says what was received, what is allowed and how to mend it, and never what it looks like inside: an error
that nobody foresaw is told as such, with the id under which the log has the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from tradewind.contracts.api.problems import REFUSAL, shown
from tradewind.domain.errors import (
    ConfigError,
    ConfigErrors,
    NotFoundError,
    PermanentError,
    TemporaryError,
    TradewindError,
)
from tradewind.kernel.http.wire import JsonResponse
from tradewind.kernel.security import TokenError

MEDIA_TYPE = "application/problem+json"
_NAMESPACE = "urn:tradewind:problem:"
_LONGEST = 200
_SHOWN = 5


class ProblemError(Exception):
    """A problem raised as it is. `kind` is the last word of its type; `members` stand beside the standard ones."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        self.status, self.kind, self.detail = status, kind, detail
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail)


class ProblemResponse(JsonResponse):
    """The answer that carries a problem."""

    media_type = MEDIA_TYPE


_KINDS: tuple[tuple[type[Exception], int, str], ...] = (
    (NotFoundError, 404, "not-found"),
    (TokenError, 401, "unauthorised"),
    (PermanentError, 409, "refused"),
    (ClientDisconnect, 400, "incomplete"),
)


def problem_of(error: Exception) -> ProblemError:
    """The problem that an error is to the caller."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, (RequestValidationError, ConfigError)):
        return _invalid(error)
    if isinstance(error, TemporaryError):
        pause = max(math.ceil(error.retry_after), 1)
        return ProblemError(503, "unavailable", str(error), {"Retry-After": str(pause)})
    if isinstance(error, HTTPException):
        return _http(error)
    for known, status, kind in _KINDS:
        if isinstance(error, known):
            return ProblemError(status, kind, str(error) or "the connection ended before the request was complete")
    return ProblemError(500, "internal", "an error that nobody foresaw; the log has its cause under this requestId")


def respond(problem: ProblemError, path: str, request_id: str) -> ProblemResponse:
    """The response; `instance` is the path asked for."""
    body = {
        "type": _NAMESPACE + problem.kind,
        "title": _title(problem),
        "status": problem.status,
        "detail": problem.detail,
        "instance": path,
        "requestId": request_id,
        **problem.members,
    }
    return ProblemResponse(body, problem.status, problem.headers)


async def handle(request: Request, error: Exception) -> ProblemResponse:
    """The exception handler of every application."""
    problem = problem_of(error)
    state = request.scope.get("state", {})
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and "log" in state:
        facts = {"status": problem.status, "request_id": state["request_id"], "error": str(error)}
        state["log"].warning("request not answered", path=request.url.path, **facts)
    return respond(problem, request.url.path, state.get("request_id", ""))


HANDLED: tuple[type[Exception], ...] = (
    ProblemError,
    RequestValidationError,
    TradewindError,
    HTTPException,
    ClientDisconnect,
)
"""What `handle` is registered for; anything else reaches the middleware, which logs it with its traceback."""


def existing(kind: str, name: str, known: Iterable[str]) -> str:
    """`name`, if it is among `known`; else raises `NotFoundError` that says what there is."""
    names = list(known)
    if name not in names:
        raise NotFoundError(f"no {kind} {name}; there are: {', '.join(names) or 'none'}")
    return name


def _title(problem: ProblemError) -> str:
    return problem.kind.replace("-", " ").capitalize()


def _invalid(error: RequestValidationError | ConfigError) -> ProblemError:
    """Every value that is wrong, with the members of the first beside the standard ones."""
    if isinstance(error, RequestValidationError):
        kind, found = "invalid-request", [_field(one) for one in error.errors()]
    else:
        kind = "invalid-value"
        found = [_members(one) for one in (error.errors if isinstance(error, ConfigErrors) else [error])]
    lines = [f"{one['field']}: received {one['received']}; allowed: {one['allowed']}" for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} more")
    problem = ProblemError(422, kind, "\n".join(lines))
    problem.members = {**found[0], "errors": found}
    return problem


def _members(error: ConfigError) -> dict[str, str]:
    return _wrong(error.field, error.received, error.allowed, error.fix)


def _wrong(field: str, received: Any, allowed: str, fix: str) -> dict[str, str]:
    return {"field": field, "received": _short(received), "allowed": allowed, "fix": fix}


def _field(error: Any) -> dict[str, str]:
    """One field that pydantic refused, in the words of `ConfigError`."""
    field = ".".join(str(step) for step in error["loc"])
    kind, context = error["type"], error.get("ctx") or {}
    if kind == REFUSAL:
        return _wrong(field, error["input"], context["allowed"], context["fix"])
    if kind == "missing":
        return _wrong(field, "nothing", "a value", "add it")
    if kind == "json_invalid":
        return _wrong("body", "no JSON", "a JSON document", f"mend it near character {error['loc'][-1]}")
    allowed = error["msg"].removeprefix("Input should be ").partition(", unable")[0]
    return _wrong(field, error["input"], allowed, f"send {allowed}")


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    # Half a surrogate pair can be received, and cannot be sent back.
    text = " ".join(shown(value).encode(errors="replace").decode().split()) or "''"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _http(error: HTTPException) -> ProblemError:
    phrase = HTTPStatus(error.status_code).phrase
    kind, detail, headers = phrase.lower().replace(" ", "-"), str(error.detail), dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND and detail == phrase:
        detail = "nothing is answered at this path; GET /openapi.json lists what is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"this path does not answer that method; it answers {headers.get('Allow', 'others')}"
    return ProblemError(error.status_code, kind, detail, headers)
