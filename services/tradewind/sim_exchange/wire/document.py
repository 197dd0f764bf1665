"""The OpenAPI document of the venue, made from the very tables that answer the requests.

Binance's calls take their parameters from the query or from a form in the body; they are described once, as the
query. What is refused has one form everywhere: a code and a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Any

from tradewind.sim_exchange.wire import answers
from tradewind.sim_exchange.wire.admin import ADMIN_ROUTES, AdminRoute
from tradewind.sim_exchange.wire.call import SIGNED_NEEDS, SIGNED_TAKES, Route, Security
from tradewind.sim_exchange.wire.fields import SIGNATURE, Field, Schema
from tradewind.sim_exchange.wire.routes import ROUTES

DOCUMENT = "/openapi.json"

_DESCRIPTION = """A Binance-compatible spot venue on this machine; a bot of someone else may be pointed at it.

Parameters may also be sent as a form in the body, where the method has one; the query wins. A signed call carries the
API key in `X-MBX-APIKEY`, the wall clock in `timestamp`, and as `signature` the HMAC-SHA256, with the secret, of the
query and the body as they are sent without it. Calls under `/sim` belong to the simulation, not to Binance's API."""

_KEY, _SIGNATURE = "apiKey", "signature"
_SCHEMES: Schema = {
    _KEY: {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"},
    _SIGNATURE: {"type": "apiKey", "in": "query", "name": SIGNATURE.name},
}
_SECURITY: dict[Security, list[Schema]] = {
    Security.NONE: [],
    Security.KEY: [{_KEY: []}],
    Security.SIGNED: [{_KEY: [], _SIGNATURE: []}],
}
_REFUSALS = {
    "400": "The request is refused: a parameter, the signature, a filter, the account.",
    "401": "The API key is missing, malformed or another one.",
    "409": "One of the two parts failed, the other did not.",
    "418": "The address is banned for a while.",
    "429": "Too much weight or too many orders; come back later.",
    "500": "A fault that was asked for, or a defect of the venue.",
    "503": "The outcome is unknown: a fault that was asked for, or the store failed.",
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


@cache
def document() -> Schema:
    """The document, which is the same for every venue of this version."""
    paths: dict[str, Schema] = {}
    for (method, path), route in ROUTES.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, _call(route))
    for (method, path), admin in ADMIN_ROUTES.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, _admin_call(admin))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tradewind sim-exchange", "version": version("tradewind"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {"Refusal": answers.REFUSAL}, "securitySchemes": _SCHEMES},
    }


def _operation(method: str, path: str, described: Schema) -> Schema:
    return {"operationId": "_".join((method.lower(), *re.findall(r"\w+", path))), **described}


def _call(route: Route) -> Schema:
    signed = route.security is Security.SIGNED
    needs = [field for field in (*route.needs, *(SIGNED_NEEDS if signed else ())) if field is not SIGNATURE]
    takes = (*route.takes, *(SIGNED_TAKES if signed else ()))
    return {
        "summary": _summary(route.handler),
        "description": _weight(route),
        "parameters": [_parameter(field, required=True) for field in needs]
        + [_parameter(field, required=False) for field in takes],
        "security": _SECURITY[route.security],
        "responses": _responses(route.answer, _statuses(route)),
    }


def _weight(route: Route) -> str:
    weight = str(route.weight) if isinstance(route.weight, int) else "by its parameters"
    orders = f" Counts as {route.orders} of the new orders." if route.orders else ""
    return f"Weight: {weight}.{orders}"


def _statuses(route: Route) -> list[str]:
    absent = set()
    if route.security is Security.NONE:
        absent.add("401")
    if "cancelReplaceMode" not in route.known:
        absent.add("409")
    return [status for status in _REFUSALS if status not in absent]


def _admin_call(route: AdminRoute) -> Schema:
    operation = {
        "summary": _summary(route.handler),
        "security": _SECURITY[Security.KEY],
        "responses": _responses(route.answer, ["400", "401", "500", "503"]),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.body)}
    return operation


def _summary(handler: Callable[..., Any]) -> str:
    return (handler.__doc__ or "").partition("\n")[0]


def _parameter(field: Field[Any], *, required: bool) -> Schema:
    return {"name": field.name, "in": "query", "required": required, "schema": field.schema}


def _responses(answer: Schema, statuses: list[str]) -> Schema:
    responses: Schema = {"200": {"description": "What was asked for.", "content": _json(answer)}}
    refusal = _json({"$ref": "#/components/schemas/Refusal"})
    for status in statuses:
        responses[status] = {"description": _REFUSALS[status], "content": refusal}
        if status in ("418", "429"):
            responses[status]["headers"] = _RETRY
    return responses


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
