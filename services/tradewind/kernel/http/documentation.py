"""The OpenAPI document of a service and the page that shows it.

FastAPI describes what goes right; what goes wrong is the same everywhere, so one `Problem` is added to every
operation. A service may complete the document: the gateway adds what it routes to.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request

from tradewind.kernel.http.problems import MEDIA_TYPE
from tradewind.kernel.http.wire import JsonResponse
from tradewind.kernel.service import Service

OPENAPI = "/openapi.json"
DOCS = "/docs"

Document = dict[str, Any]

_PROBLEM: Document = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457), and how to mend it.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "requestId"],
    "properties": {
        "type": {"type": "string", "description": "The kind of problem, a URN."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "requestId": {"type": "string", "description": "The id under which the log has this request."},
        "field": {"type": "string", "description": "The first value that is wrong."},
        "received": {"type": "string"},
        "allowed": {"type": "string"},
        "fix": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Every value that is wrong.",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("field", "received", "allowed", "fix")},
            },
        },
    },
}
DEFAULT_RESPONSE: Document = {
    "description": "A problem",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_documentation(app: FastAPI, service: Service) -> None:
    """Answer the document and the page."""

    async def document(request: Request) -> Response:  # noqa: ARG001  (what a route is called with)
        described = with_problems(app.openapi())
        return JsonResponse(await service.describe(described) if service.describe else described)

    async def page(request: Request) -> Response:  # noqa: ARG001
        return get_swagger_ui_html(openapi_url=OPENAPI, title=f"Tradewind {app.title}")

    app.add_route(OPENAPI, document, include_in_schema=False)
    for path in (DOCS, *service.docs):
        app.add_route(path, page, include_in_schema=False)


def with_problems(document: Document) -> Document:
    """`document` with the problem as the answer of every operation to whatever goes wrong."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = DEFAULT_RESPONSE
    return document
