# ruff: noqa: ANN001, ANN003, ANN201, ANN202, ANN204
"""What an event of a watch costs in kopf, and in the operator's own reflectors: CPU of the process, by the event.

    .venv/bin/python bench/watch_events.py

A server in a process of its own sends the same Deployments to both, each of which runs in a process of its own too: a
list of none, then a watch. kopf is set up as the operator sets it up for bots. Each ends with the last event;
kopf puts events of one object together that come fast, so what it handled is counted, and the cost is told of all.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from aiohttp import web

from tradewind.contracts.api.document import load_bot
from tradewind_operator.apiclient import ApiClient
from tradewind_operator.bot_watch import _settings
from tradewind_operator.children import read_child
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import DEPLOYMENT
from tradewind_operator.manifests import Site, render
from tradewind_operator.reflector import Reflector

ROOT = Path(__file__).parents[1]
OBJECTS, ROUNDS = 1000, 5
EVENTS = OBJECTS * ROUNDS


def event(number):
    """A changed Deployment, as one of the sample `paper` is stored."""
    site = Site(image="any", operator_namespace="any", storage_wired=True, version="1")
    bot = load_bot(ROOT / "manifests" / "samples" / "full.yaml")
    found = next(one for one in render(bot, site) if one["kind"] == "Deployment")
    metadata = {
        **found["metadata"],
        "name": f"bot-{number % OBJECTS}",
        "uid": str(number % OBJECTS),
        "resourceVersion": str(number + 2),
    }
    return {"type": "MODIFIED" if number >= OBJECTS else "ADDED", "object": {**found, "metadata": metadata}}


async def answer(request):
    """The few paths of an API server that the two ask for."""
    if request.path.endswith("/deployments"):
        if request.query.get("watch") != "true":
            return web.json_response(
                {"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {"resourceVersion": "1"}, "items": []}
            )
        response = web.StreamResponse()
        await response.prepare(request)
        for line in request.app["lines"]:
            await response.write(line)
        await asyncio.Event().wait()
    return web.json_response(DISCOVERY.get(request.path, {"resources": []}))


def served(version, plural, kind):
    """A resource as discovery tells of it; kopf waits for those that it might ever need."""
    resource = {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind}
    resource["verbs"] = ["list", "watch", "get", "patch"]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": [resource]}


def group(name):
    """An API group."""
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


CORE = served("v1", "namespaces", "Namespace")
CORE["resources"] += served("v1", "events", "Event")["resources"]
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": CORE,
    "/apis": {"groups": [group("apps"), group("apiextensions.k8s.io")]},
    "/apis/apps/v1": served("apps/v1", "deployments", "Deployment"),
    "/apis/apiextensions.k8s.io/v1": served(
        "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition"
    ),
}


def serve(connection):
    """The server process."""
    application = web.Application()
    application.router.add_route("GET", "/{path:.*}", answer)
    application["lines"] = [json.dumps(event(number)).encode() + b"\n" for number in range(EVENTS)]

    async def run():
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        connection.send((runner.addresses[0][1], len(application["lines"][0])))
        await asyncio.Event().wait()

    asyncio.run(run())


def credentials(port):
    return kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}", token="any")


class Counter:
    """Takes over what comes as the operator does, and measures from the first to the last."""

    def __init__(self):
        self.count, self.began, self.spent = 0, 0.0, 0.0
        self.done = asyncio.Event()

    def take(self, found):
        if self.count == 0:
            self.began = time.process_time()
        read_child(DEPLOYMENT, found)
        self.count += 1
        self.spent = time.process_time() - self.began
        if int(found["metadata"]["resourceVersion"]) == EVENTS + 1:
            self.done.set()

    def listed(self, _resource, _namespace, _objects):
        """Nothing was there."""

    def changed(self, _resource, found):
        self.take(found)

    removed = changed


async def with_reflector(port):
    counter = Counter()
    client = ApiClient(lambda: credentials(port))
    reflector = Reflector(client, DEPLOYMENT, namespace="default", selector="a=b", sink=counter)
    task = asyncio.create_task(reflector.run())
    await counter.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()
    return counter.spent


async def with_kopf(port):
    counter, registry = Counter(), kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_):
        return credentials(port)

    @kopf.on.event("apps", "v1", "deployments", registry=registry)
    async def handle(event, **_):
        counter.take(event["object"])

    stop = asyncio.Event()
    running = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=_settings(),
            standalone=True,
            clusterwide=False,
            namespaces=["default"],
            stop_flag=stop,
        )
    )
    done = asyncio.create_task(counter.done.wait())
    await asyncio.wait([done, running], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    await asyncio.sleep(2)  # the others that came with the last one
    stop.set()
    await asyncio.wait([running], timeout=10)
    return counter.spent, counter.count


def main():
    """Print a line for each."""
    if len(sys.argv) == 3:
        function = {"kopf": with_kopf, "reflector": with_reflector}[sys.argv[1]]
        print(json.dumps(asyncio.run(function(int(sys.argv[2])))))
        return
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    port, size = here.recv()
    print(f"machine    {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"events     {EVENTS} of {OBJECTS} Deployments, {size} bytes each")
    spent = {}
    for name in ("kopf", "reflector"):
        command = [sys.executable, __file__, name, str(port)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        spent[name], count = found if isinstance(found, list) else (found, EVENTS)
        print(f"{name:<10} {spent[name] / EVENTS * 1e6:8.0f} us of CPU an event ({count} handled)")
    print(f"ratio      {spent['kopf'] / spent['reflector']:8.1f}")
    server.terminate()


if __name__ == "__main__":
    main()
