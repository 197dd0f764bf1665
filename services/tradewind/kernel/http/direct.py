"""Routes that are found by a look into a table and answered by a plain function.

FastAPI tries one route after the other and prepares what an endpoint declares: two thirds of what it costs to pass a
request on, for an endpoint that declares nothing. A service whose work is to pass requests on names such routes in
`Service.direct`. They stand before all others; no dependency guards them, so they check their callers by themselves.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """One method on one path template, and who answers it. `path` is the label of its metrics."""

    method: str
    path: str
    endpoint: Callable[[Request], Awaitable[Response]]


class DirectRoutes(BaseRoute):
    """All direct routes of a service. `check` raises while it cannot answer; a wrong method is told the right ones."""

    def __init__(self, routes: Iterable[DirectRoute], check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._literal: dict[str, dict[str, DirectRoute]] = defaultdict(dict)
        for route in routes:
            self._literal[route.path][route.method] = route
        self._templates: list[tuple[re.Pattern[str], dict[str, DirectRoute]]] = [
            (compile_path(path)[0], self._literal.pop(path)) for path in list(self._literal) if "{" in path
        ]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is one of these, whatever the method."""
        found = self._methods(scope["path"]) if scope["type"] == "http" else None
        return (Match.NONE, {}) if found is None else (Match.FULL, {"direct": found})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it."""
        methods: dict[str, DirectRoute] = scope["direct"]
        route = methods.get(scope["method"])
        if route is None:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(sorted(methods))})
        scope["route"] = route
        await self._check()
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def _methods(self, path: str) -> dict[str, DirectRoute] | None:
        found = self._literal.get(path)
        if found is not None:
            return found
        return next((methods for pattern, methods in self._templates if pattern.match(path)), None)
