"""An API server of this process: it keeps objects, tells watches of them, and refuses what a test wants refused.

Of server-side apply it does what the operator relies on: conditions on uid and resourceVersion, lists of named items
merged by name, a write without a difference that changes nothing. What it does not do (defaults, ownership of fields,
admission, garbage collection) is tested on a real control plane.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import re

import pytest
from aiohttp import web

from tradewind.contracts.api.crd import GROUP, PLURAL, VERSION
from tradewind_operator.apiclient import ApiClient
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import BY_KIND

PATH = re.compile(r"(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+?))?(/status)?")
RESOURCES = {one.plural: one for one in BY_KIND.values()}
BOT = {
    "apiVersion": f"{GROUP}/{VERSION}",
    "kind": "TradingBot",
    "metadata": {"name": "momentum", "namespace": "trading"},
    "spec": {
        "profile": "Minimal",
        "exchanges": [{"name": "paper", "venue": "Paper"}],
        "pairs": {"include": ["AAA/EUR"]},
        "timeframe": "1h",
        "strategies": [{"name": "trend", "kind": "EmaCross"}],
        "capital": {"currency": "EUR", "startingBalance": "10000"},
        "data": {"source": "Synthetic"},
    },
}


def bot_with(metadata=None, **spec):
    """The resource of a bot, before anybody has stored it."""
    found = copy.deepcopy(BOT)
    found["metadata"] |= metadata or {}
    found["spec"] |= spec
    return found


class Refusal(Exception):  # noqa: N818 - what the server answers
    def __init__(self, status, reason, message="", headers=None):
        self.status, self.reason, self.message, self.headers = status, reason, message, headers or {}


class Api:
    """`objects` by path; `writes` as (verb, kind, name). `refuse` may raise `Refusal` for a request, or await."""

    def __init__(self):
        self.objects, self.writes, self.requests, self.history, self.version = {}, [], [], [], 10
        self.changed = asyncio.Condition()
        self.refuse = None
        self.url = ""

    # ------------------------------------------------------------------------------------------- what a test does

    def get(self, kind, name):
        return self.objects.get(BY_KIND[kind].path("trading", name))

    async def put(self, found):
        """An object as somebody else writes it; what it does not say of itself stays."""
        kind, metadata = found["kind"], found["metadata"]
        path = BY_KIND[kind].path(metadata["namespace"], metadata["name"])
        before = self.objects.get(path, {})
        found = {**before, **found, "metadata": {**before.get("metadata", {}), **metadata}}
        return await self._store(path, copy.deepcopy(found))

    async def edit(self, kind, name, patch):
        path = BY_KIND[kind].path("trading", name)
        return await self._store(path, merged(copy.deepcopy(self.objects[path]), patch))

    async def remove(self, kind, name):
        await self._drop(BY_KIND[kind].path("trading", name))

    async def roll_out(self, *deployments):
        """The pods of Deployments, or of all, are of their present template, and ready."""
        for found in [one for one in self.objects.values() if one["kind"] == "Deployment"]:
            if not deployments or found["metadata"]["name"] in deployments:
                count = found["spec"].get("replicas", 1)
                counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count)
                status = {**counts, "observedGeneration": found["metadata"]["generation"]}
                await self.edit("Deployment", found["metadata"]["name"], {"status": status})

    def written(self):
        """What was written since it was last asked for."""
        found, self.writes = self.writes, []
        return found

    # ---------------------------------------------------------------------------------------------------- answers

    async def handle(self, request):
        try:
            return await self._answer(request)
        except Refusal as refusal:
            body = {"kind": "Status", "reason": refusal.reason, "message": refusal.message, "code": refusal.status}
            return web.json_response(body, status=refusal.status, headers=refusal.headers)

    async def _answer(self, request):
        self.requests.append((request.method, request.path))
        if self.refuse is not None and (waits := self.refuse(request)) is not None:
            await waits
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        root, namespace, plural, name, status = PATH.fullmatch(request.path).groups()
        if name is None and request.method == "GET":
            return await (self._watch if "watch" in request.query else self._list)(request, root, namespace, plural)
        body = json.loads(await request.read() or b"null")
        name = name or body["metadata"]["name"]
        path = RESOURCES[plural].path(namespace, name)
        if request.method != "GET":
            self.writes.append((request.method, RESOURCES[plural].kind + (status or ""), name))
        found = await self._METHODS[request.method](self, request, path, body)
        return web.json_response(found)

    async def _read(self, _request, path, _body):
        if path not in self.objects:
            raise Refusal(404, "NotFound", f"{path} not found")
        return self.objects[path]

    async def _create(self, _request, path, body):
        if path in self.objects:
            raise Refusal(409, "AlreadyExists", f"{path} already exists")
        return await self._store(path, body)

    async def _replace(self, _request, path, body):
        if self.objects[path]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Refusal(409, "Conflict", "the object has been modified")
        return await self._store(path, body)

    async def _patch(self, request, path, body):
        found, metadata = self.objects.get(path), body.get("metadata", {})
        applied = "apply-patch" in request.headers["Content-Type"]
        if found is None and ("uid" in metadata or not applied):
            raise Refusal(409 if applied else 404, "Conflict", "uid mismatch: no existing object was found")
        if found is not None:
            if metadata.get("resourceVersion") not in (None, found["metadata"]["resourceVersion"]):
                raise Refusal(409, "Conflict", "the object has been modified")
            if metadata.get("uid") not in (None, found["metadata"]["uid"]):
                raise Refusal(422, "Invalid", "metadata.uid: Invalid value: field is immutable")
        body = {**body, "metadata": {name: one for name, one in metadata.items() if name != "resourceVersion"}}
        return await self._store(path, merged(copy.deepcopy(found or {}), body, by_name=applied))

    async def _delete(self, _request, path, body):
        found = self.objects.get(path)
        if found is None:
            raise Refusal(404, "NotFound", "not found")
        if body["preconditions"]["uid"] != found["metadata"]["uid"]:
            raise Refusal(409, "Conflict", "another uid")
        await self._drop(path)
        return {}

    _METHODS = {"GET": _read, "POST": _create, "PUT": _replace, "PATCH": _patch, "DELETE": _delete}  # noqa: RUF012

    async def _list(self, request, root, namespace, plural):
        items = [one for one in self.objects.values() if wanted(request, root, namespace, plural, one)]
        return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})

    async def _watch(self, request, root, namespace, plural):
        answer, sent = web.StreamResponse(), int(request.query["resourceVersion"])
        await answer.prepare(request)
        while True:
            for version, kind, found in self.history:
                if version > sent and wanted(request, root, namespace, plural, found):
                    await answer.write(json.dumps({"type": kind, "object": found}).encode() + b"\n")
            sent = self.version
            async with self.changed:
                await self.changed.wait_for(lambda sent=sent: self.version > sent)

    # ------------------------------------------------------------------------------------------------------ keeping

    async def _store(self, path, found):
        before = self.objects.get(path)
        if before is None:
            found["metadata"] |= {"uid": f"uid-{self.version}", "generation": 1}
        elif found == before:
            return before
        elif found.get("spec") != before.get("spec"):
            found["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
        await self._note("MODIFIED" if before else "ADDED", found)
        self.objects[path] = found
        return found

    async def _drop(self, path):
        await self._note("DELETED", self.objects.pop(path))

    async def _note(self, kind, found):
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, copy.deepcopy(found)))
        async with self.changed:
            self.changed.notify_all()


def wanted(request, root, namespace, plural, found):
    if BY_KIND[found["kind"]].collection(None) != f"{root}/{plural}":
        return False
    labels = dict(pair.split("=") for pair in request.query.get("labelSelector", "").split(",") if pair)
    fields = dict(pair.split("=") for pair in request.query.get("fieldSelector", "").split(",") if pair)
    there = found["metadata"].get("labels", {})
    return (
        namespace in (None, found["metadata"]["namespace"])
        and all(there.get(name) == value for name, value in labels.items())
        and fields.get("metadata.name") in (None, found["metadata"]["name"])
    )


def merged(found, patch, *, by_name=False):
    """`found` with `patch` laid over it; lists of named items by name, or replaced."""
    for name, value in patch.items():
        before = found.get(name)
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict) and isinstance(before, dict):
            merged(before, value, by_name=by_name)
        elif by_name and name in ("containers", "env", "ports") and isinstance(before, list):
            items = {one["name"]: one for one in before}
            for one in value:
                items[one["name"]] = merged(items.get(one["name"], {}), one, by_name=True)
            found[name] = list(items.values())
        else:
            found[name] = copy.deepcopy(value)
    return found


def _kind_of(name, plural):
    verbs = ["get", "list", "watch", "patch"]
    return {"name": plural, "singularName": name.lower(), "kind": name, "namespaced": True, "verbs": verbs}


_GROUP = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [_kind_of("Namespace", "namespaces"), _kind_of("Event", "events")]},
    "/apis": {"groups": [{"name": GROUP, "versions": [_GROUP], "preferredVersion": _GROUP}]},
    f"/apis/{GROUP}/{VERSION}": {"resources": [_kind_of("TradingBot", PLURAL)]},
}


@contextlib.asynccontextmanager
async def served(handle):
    """The URL at which a handler answers every request."""
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def api():
    """An API server."""
    found = Api()
    async with served(found.handle) as found.url:
        yield found


@pytest.fixture
async def client(api):
    """A client of it, without a fence."""
    found = ApiClient(lambda: kopf.ConnectionInfo(server=api.url, token="t"))
    yield found
    await found.close()


@pytest.fixture
def resource():
    """The resource of a bot: `resource(profile="Full")`."""
    return bot_with
