"""One document for the whole bot: parts that clash, parts that are missing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tradewind.domain.errors import TemporaryError
from tradewind.gateway.document import WholeDocument
from tradewind.gateway.routes import ROUTES
from tradewind.kernel.http.documentation import with_problems


def part(service, schema):
    """What a service would say of its routes; each answers with a schema called Item."""
    reference = {"schema": {"$ref": "#/components/schemas/Item"}}
    operation = {"summary": service, "responses": {"200": {"content": {"application/json": reference}}}}
    paths = {}
    for route in ROUTES:
        if route.service == service:
            paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {"paths": paths, "components": {"schemas": {"Item": schema}}}


class Parts(WholeDocument):
    """Services that answer from memory; those in `silent` do not."""

    def __init__(self, silent=()):
        self.silent, self.asked = set(silent), []
        super().__init__(SimpleNamespace(peers=SimpleNamespace(address=self._address), session=lambda: self))

    def _address(self, service):
        if service in self.silent:
            raise TemporaryError(f"{service} does not run here")
        return service

    def get(self, url):
        service = url.partition("/")[0]
        self.asked.append(service)
        return Answering(part(service, {"title": "shared" if service != "engine" else "its own"}))


class Answering:
    def __init__(self, document):
        self._document = document

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        """Nothing to close."""

    async def json(self):
        return self._document


def empty():
    return with_problems({"paths": {"/healthz": {}}, "components": {"schemas": {}}})


async def test_schemas_of_one_name_are_kept_apart():
    """Two services may call different things alike; every reference still leads to its own."""
    whole = await Parts().complete(empty())

    schemas = whole["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items() if name != "Problem"} == {
        "Item": "its own",
        "MarketDataItem": "shared",
        "PortfolioItem": "shared",
        "StrategyItem": "shared",
        "ExecutionItem": "shared",
        "MonitoringItem": "shared",
    }
    operation = whole["paths"]["/api/v1/trades"]["get"]
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert reference == {"$ref": "#/components/schemas/PortfolioItem"}
    assert whole["paths"]["/healthz"] == {}


async def test_a_service_that_does_not_answer_is_asked_again_and_its_routes_are_listed():
    """The others are described; what is known is not asked twice."""
    parts = Parts(silent={"strategy"})
    whole = await parts.complete(empty())
    operation = whole["paths"]["/api/v1/signals"]["get"]
    assert operation["summary"] == "strategy does not describe this now"
    assert "needs the role viewer" in operation["description"]

    parts.silent.clear()
    whole = await parts.complete(empty())
    assert whole["paths"]["/api/v1/signals"]["get"]["summary"] == "strategy"
    assert sorted(parts.asked) == sorted(set(parts.asked))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_that_changes_something_is_never_a_viewers(route):
    """The table itself: reading is for viewers, everything else for more."""
    assert route.changes is (route.method != "GET")
    assert (route.role.value == "viewer") is not route.changes
