"""The watch of bots goes on after whatever ends it: torn events, a refused token, a definition that is not there yet.

A server of this process stands in for the API server; kopf finds out what there is, lists and watches as it always
does.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import itertools
import json
import threading

import pytest
from aiohttp import web

from tradewind.contracts.api.crd import GROUP, PLURAL, VERSION
from tradewind_operator import bot_watch
from tradewind_operator.bot_watch import BotWatch
from tradewind_operator.framework import kopf

VERBS = ["get", "list", "watch", "patch"]


def kind_of(name, plural):
    return {"name": plural, "singularName": name.lower(), "kind": name, "namespaced": True, "verbs": VERBS}


DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [kind_of("Namespace", "namespaces"), kind_of("Event", "events")]},
    "/apis": {
        "groups": [
            {
                "name": GROUP,
                "versions": [{"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}],
                "preferredVersion": {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION},
            }
        ]
    },
}


def bot(name, version):
    return {"metadata": {"name": name, "namespace": "a", "uid": name, "resourceVersion": str(version)}}


def event(name, version):
    return json.dumps({"type": "ADDED", "object": bot(name, version)}).encode() + b"\n"


class Server:
    """Each watch gets the next of `watches`: bytes that it sends before it ends, or a status. The last one stays."""

    def __init__(self, *watches):
        self.watches, self.defined = list(watches), True

    async def handle(self, request):
        if request.path == f"/apis/{GROUP}/{VERSION}":
            return web.json_response({"resources": [kind_of("TradingBot", PLURAL)] if self.defined else []})
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "5"}, "items": [bot("listed", 4)]})
        last = len(self.watches) == 1
        following = self.watches[0] if last else self.watches.pop(0)
        if isinstance(following, int):
            return web.json_response({"kind": "Status", "code": following}, status=following)
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(following)
        if last:
            await asyncio.Event().wait()
        return answer


@contextlib.asynccontextmanager
async def watching(server, monkeypatch, before):
    """What the watch has told, as an iterator of (kind of event, name); the watch ends with it."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    tokens = itertools.count()
    monkeypatch.setattr(bot_watch, "login", lambda: kopf.ConnectionInfo(server=url, token=f"token-{next(tokens)}"))
    monkeypatch.setattr(bot_watch, "FIRST_PAUSE", 0.05)
    told = asyncio.Queue()
    watch = BotWatch(["a"], lambda kind, found: told.put_nowait((kind, found["metadata"]["name"])), before)
    task = asyncio.create_task(watch.run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()


async def nothing():
    pass


async def until_told(told, name):
    async with asyncio.timeout(60):
        while (await told.get())[1] != name:
            pass


@pytest.mark.parametrize(
    "ending",
    [
        event("before", 6)[:-9],
        b'{"type": "ERROR", "object": {"code": 410, "message": "too old"}}\n',
        b"",
        401,
        404,
    ],
    ids=["torn", "too old", "ended", "unauthorized", "gone"],
)
async def test_a_watch_that_ends_is_begun_again(monkeypatch, ending):
    """In some seconds, by the same process; kopf waits for some of its tasks for five."""
    async with watching(Server(ending, event("after", 7)), monkeypatch, nothing) as told:
        await until_told(told, "after")


async def test_it_is_begun_when_bots_can_be_listed(monkeypatch):
    """Before that nothing is asked for, and kopf would find that there is nothing to watch."""
    server, defined = Server(event("after", 7)), asyncio.Event()
    server.defined = False

    async def before():
        await defined.wait()
        server.defined = True

    async with watching(server, monkeypatch, before) as told:
        await asyncio.sleep(0.1)
        assert told.empty()
        defined.set()
        await until_told(told, "after")


async def test_it_watches_as_a_user_without_a_name(monkeypatch):
    """The user of a pod is a number that stands in no list."""

    def unknown():
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", unknown)
    async with watching(Server(event("after", 7)), monkeypatch, nothing) as told:
        await until_told(told, "after")


async def test_it_ends_with_its_task(monkeypatch):
    """Its thread too: nothing is told afterwards."""
    async with watching(Server(event("after", 7)), monkeypatch, nothing) as told:
        await until_told(told, "after")
        threads = [one for one in threading.enumerate() if one.name == "kopf"]
        assert threads
    for one in threads:
        one.join(5)
        assert not one.is_alive()
