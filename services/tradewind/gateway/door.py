"""Who comes in: an API key, its role, and how often it asks. What changes something is written down."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from tradewind.gateway.rate_limit import SlidingWindow
from tradewind.kernel.http.problems import ProblemError, problem_of
from tradewind.kernel.security import ApiKey, KeyRing, Role
from tradewind.kernel.service import Context

_BEARER = HTTPBearer(scheme_name="bearer", description="An API key as a bearer token.", auto_error=False)
_HEADER = APIKeyHeader(name="X-API-Key", scheme_name="apiKey", description="An API key.", auto_error=False)
_HOW = "send Authorization: Bearer KEY or X-API-Key: KEY"

Handler = Callable[[Request, ApiKey], Awaitable[Response]]


class Door:
    """Admits a request, or raises the problem that says what is missing. `keys` are set when the gateway loads."""

    def __init__(self, context: Context) -> None:
        self.keys = KeyRing(())
        self._log = context.log
        self._limit = SlidingWindow(context.settings.gateway.requests_per_minute)

    def admit(self, request: Request, needed: Role) -> ApiKey:
        """The key of the caller: known, not asking too often, and of the role needed or above it."""
        return _allowed(self._known(request), needed)

    def requires(self, needed: Role) -> Callable[..., Awaitable[ApiKey]]:
        """`admit` as a dependency, for the gateway's own routes."""

        async def check(
            request: Request,
            _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
            _key: Annotated[str | None, Security(_HEADER)],
        ) -> ApiKey:
            return self.admit(request, needed)

        return check

    async def audited(self, request: Request, needed: Role, handler: Handler) -> Response:
        """Admit and handle a call that changes something, and write down who called and what came of it."""
        actor, role, status = "nobody", "none", 500
        try:
            key = self._known(request)
            actor, role = key.name, key.role.value
            response = await handler(request, _allowed(key, needed))
            status = response.status_code
        except Exception as error:
            status = problem_of(error).status
            raise
        else:
            return response
        finally:
            self._log.info(
                "audit",
                actor=actor,
                role=role,
                address=_address(request),
                method=request.method,
                path=request.url.path,
                status=status,
                request_id=request.state.request_id,
            )

    def _known(self, request: Request) -> ApiKey:
        """Addresses are counted before keys are compared, so that keys cannot be tried faster either."""
        self._count(f"address {_address(request)}")
        key = self._identify(request)
        self._count(f"key {key.name}")
        return key

    def _identify(self, request: Request) -> ApiKey:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        secret = secret.strip() if scheme.lower() == "bearer" else ""
        secret = secret or request.headers.get("x-api-key", "")
        if not secret:
            raise _unauthorised(f"no API key; {_HOW}. The first key stands in the file api-key of the state directory")
        key = self.keys.identify(secret)
        if key is None:
            raise _unauthorised(f"this API key is not known; {_HOW}")
        return key

    def _count(self, caller: str) -> None:
        pause = self._limit.take(caller)
        if pause:
            headers = {"Retry-After": str(max(math.ceil(pause), 1))}
            raise ProblemError(429, "too-many-requests", f"{caller} asks too often; wait {math.ceil(pause)} s", headers)


def _allowed(key: ApiKey, needed: Role) -> ApiKey:
    if not key.role.includes(needed):
        detail = f"this needs the role {needed.value}; the API key {key.name} has the role {key.role.value}"
        raise ProblemError(403, "forbidden", detail, role=needed.value)
    return key


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _unauthorised(detail: str) -> ProblemError:
    return ProblemError(401, "unauthorised", detail, {"WWW-Authenticate": "Bearer"})
