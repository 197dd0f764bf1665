"""Who may ask a service directly: another service of the same bot, which shows a token; people come by the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.http.problems import ProblemError
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import SERVICE_HEADER, Caller, ServiceTokens, TokenError
from tradewind.kernel.service import ServiceState

_HEADER = APIKeyHeader(
    name=SERVICE_HEADER, scheme_name="service", description="A token of a service of the same bot.", auto_error=False
)


def service_callers(tokens: ServiceTokens, audience: str) -> Callable[..., Awaitable[None]]:
    """A dependency that lets only services in, and notes who calls in the state of the request."""

    async def check(request: Request, token: Annotated[str | None, Security(_HEADER)]) -> None:
        if token is None:
            detail = (
                f"{audience} answers other services only: send {SERVICE_HEADER}, or ask the gateway with an API key"
            )
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorised", detail)
        try:
            request.state.caller = tokens.verify(token, audience)
        except TokenError:
            request.state.log.warning("service token refused", request_id=request.state.request_id)
            raise

    return check


def running(runner: ServiceRunner) -> Callable[[], Awaitable[None]]:
    """A dependency that refuses what a service cannot answer before it has loaded, or once it is stopping."""

    async def check() -> None:
        if runner.state is not ServiceState.RUNNING:
            raise TemporaryError(f"{runner.context.service} is {runner.state.value}", retry_after=2.0)

    return check


def _actor(request: Request) -> str:
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.name if caller else "anonymous"


Actor = Annotated[str, Depends(_actor)]
"""Whoever asks for a change, as it is noted with the change."""
