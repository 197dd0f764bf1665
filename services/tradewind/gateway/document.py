"""The OpenAPI document of the whole bot: what each service says about the routes that lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from tradewind.domain.errors import TemporaryError
from tradewind.gateway.proxy import Proxy
from tradewind.gateway.routes import ROUTES, Route
from tradewind.kernel.http.documentation import DEFAULT_RESPONSE, OPENAPI, Document

_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
_SCHEMAS = "#/components/schemas/"


class WholeDocument:
    """Asks every service once for its part; a service that does not answer is asked again next time."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._parts: dict[str, Document] = {}

    async def complete(self, document: Document) -> Document:
        """`document` (the gateway's own) with the operations of every route."""
        schemas = dict(document["components"]["schemas"])
        paths = {path: dict(operations) for path, operations in document["paths"].items()}
        for service in dict.fromkeys(route.service for route in ROUTES):
            part = await self._part(service)
            names = _take_schemas(service, part, schemas)
            for route in ROUTES:
                if route.service == service:
                    operation = part.get("paths", {}).get(route.path, {}).get(route.method.lower())
                    paths.setdefault(route.path, {})[route.method.lower()] = _described(route, operation, names)
        return {**document, "paths": paths, "components": {**document["components"], "schemas": schemas}}

    async def _part(self, service: str) -> Document:
        if service not in self._parts:
            try:
                url = self._proxy.peers.address(service) + OPENAPI
                async with self._proxy.session().get(url) as answer:
                    self._parts[service] = await answer.json()
            except (aiohttp.ClientError, TimeoutError, TemporaryError):
                return {}
        return self._parts[service]


def _described(route: Route, operation: Document | None, names: Mapping[str, str]) -> Document:
    if operation is None:
        operation = {
            "summary": f"{route.service} does not describe this now",
            "responses": {"default": DEFAULT_RESPONSE},
        }
    described: Document = _renamed(operation, names)
    note = f"Answered by {route.service}; needs the role {route.role.value}."
    described["description"] = f"{described.get('description', '')}\n\n{note}".strip()
    described["security"] = _SECURITY
    return described


def _take_schemas(service: str, part: Document, schemas: Document) -> dict[str, str]:
    """Add the schemas of a part; one whose name is taken by another gets the service's before it."""
    found = part.get("components", {}).get("schemas", {})
    taken = {name for name, schema in found.items() if schemas.get(name, schema) != schema}
    names = {name: f"{service.title().replace('-', '')}{name}" if name in taken else name for name in found}
    for name, schema in found.items():
        schemas[names[name]] = _renamed(schema, names)
    return names


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """A copy of `node` whose references to schemas have their new names."""
    if isinstance(node, dict):
        return {
            key: _SCHEMAS + names.get(name := str(value).removeprefix(_SCHEMAS), name)
            if key == "$ref" and isinstance(value, str)
            else _renamed(value, names)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    return node
