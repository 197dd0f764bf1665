"""What the gateway answers itself, and the routes that it passes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from tradewind import __version__
from tradewind.contracts.api.document import bot_document
from tradewind.gateway.door import Door
from tradewind.gateway.manifest import LARGEST, check_manifest
from tradewind.gateway.proxy import Proxy
from tradewind.gateway.routes import ROUTES, Route
from tradewind.kernel.http.direct import DirectRoute
from tradewind.kernel.http.problems import ProblemError, existing
from tradewind.kernel.http.wire import Answer, Name
from tradewind.kernel.security import ApiKey, Role
from tradewind.kernel.service import Context
from tradewind.kernel.telemetry.logging import redact

_MANIFEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


class Index(Answer):
    """Where to go from here."""

    name: str
    bot: str
    version: str
    links: dict[str, str]


class Section(Answer):
    """One part of the effective manifest."""

    section: str
    value: Any


class Valid(Answer):
    """A manifest that a bot could be made of; one that could not is a problem with every error."""

    valid: bool
    bot: str


def router(context: Context, door: Door) -> APIRouter:
    """What the gateway answers by itself."""
    api = GatewayApi(context)
    routes = APIRouter()
    reader = [Depends(door.requires(Role.VIEWER))]
    routes.add_api_route("/", api.index, tags=["gateway"])
    routes.add_api_route("/api/v1/config/all", api.config, dependencies=reader, tags=["config"])
    routes.add_api_route("/api/v1/config/{section}", api.section, dependencies=reader, tags=["config"])
    routes.add_api_route(
        "/api/v1/config/validate",
        api.validate,
        methods=["POST"],
        dependencies=reader,
        tags=["config"],
        openapi_extra=_MANIFEST_BODY,
    )
    return routes


def passed_on(door: Door, proxy: Proxy) -> list[DirectRoute]:
    """The routes that other services answer."""
    return [DirectRoute(route.method, route.path, _endpoint(route, door, proxy)) for route in ROUTES]


def _endpoint(route: Route, door: Door, proxy: Proxy) -> Callable[[Request], Awaitable[Response]]:
    async def forward(request: Request, key: ApiKey) -> Response:
        return await proxy.forward(route, request, key)

    async def read(request: Request) -> Response:
        return await forward(request, door.admit(request, route.role))

    async def change(request: Request) -> Response:
        return await door.audited(request, route.role, forward)

    return change if route.changes else read


class GatewayApi:
    """What the gateway's own routes call."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def index(self) -> Index:
        """What this is and where its parts are."""
        links = {
            "docs": "/docs",
            "openapi": "/openapi.json",
            "health": "/health",
            "ready": "/readyz",
            "metrics": "/metrics",
            "detailedHealth": "/health/detailed",
            "status": "/api/v1/trading/status",
            "summary": "/api/v1/portfolio/summary",
            "config": "/api/v1/config/all",
        }
        if not self._context.settings.documented:
            del links["docs"], links["openapi"]
        return Index(name="tradewind", bot=self._context.key, version=__version__, links=links)

    async def config(self) -> dict[str, Any]:
        """The effective manifest, defaults included; what looks like a secret is taken out."""
        return self._document()

    async def section(self, section: Annotated[Name, Path(examples=["risk"])]) -> Section:
        """One part of the effective manifest: `metadata`, or a field of its spec."""
        document = self._document()
        parts = {"metadata": document["metadata"], **document["spec"]}
        return Section(section=section, value=parts[existing("section", section, parts)])

    async def validate(self, request: Request) -> Valid:
        """Check a manifest (YAML or JSON) as `tradewind config validate` does, but for its data, which is not read."""
        body = await request.body()
        if len(body) > LARGEST:
            detail = f"a manifest may have at most {LARGEST} bytes"
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content-too-large", detail)
        # YAML is read slowly, and the bot trades on in this thread.
        return Valid(valid=True, bot=await asyncio.to_thread(check_manifest, body))

    def _document(self) -> dict[str, Any]:
        document = bot_document(self._context.bot)
        redact(None, "", document)
        return document
