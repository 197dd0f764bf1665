"""A watch tells everything once, goes on where it broke off, and asks slowly where it is refused."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from tradewind_operator import reflector
from tradewind_operator.apiclient import ApiError
from tradewind_operator.kinds import BY_KIND
from tradewind_operator.reflector import Reflector


def item(name, version):
    return {"metadata": {"name": name, "namespace": "a", "resourceVersion": str(version)}}


class Server:
    """Lists `items`; each watch is the next one of `watches`: events, or an error. After the last one it stops us."""

    def __init__(self, watches):
        self.watches, self.lists, self.asked, self.items = list(watches), 0, [], [item("first", 5)]
        self.absent = False
        self.ended = asyncio.Event()

    async def read(self, path, parameters, accept):
        self.lists += 1
        if self.absent:
            self.absent = False
            raise ApiError(404, "NotFound", "404 page not found")
        if "continue" not in parameters:
            return {"metadata": {"resourceVersion": "10", "continue": "more"}, "items": self.items}
        return {"metadata": {"resourceVersion": "10"}, "items": [item("second", 6)]}

    @asynccontextmanager
    async def watch(self, path, parameters, accept, silence):
        self.asked.append(parameters["resourceVersion"])
        if not self.watches:
            self.ended.set()
            await asyncio.Event().wait()
        following = self.watches.pop(0)
        if isinstance(following, ApiError):
            raise following

        async def events():
            for event in following:
                yield event

        yield events()


class Sink:
    def __init__(self):
        self.told = []

    def listed(self, resource, namespace, objects, version):
        self.told.append(("listed", [one["metadata"]["name"] for one in objects], version))

    def changed(self, resource, found):
        self.told.append(("changed", found["metadata"]["name"]))

    def removed(self, resource, found):
        self.told.append(("removed", found["metadata"]["name"]))


@pytest.fixture
def watched(monkeypatch):
    """Runs a reflector through some watches; the server, what was told, and the pauses that were made."""

    async def run(*watches, absent=False):
        pauses, real = [], asyncio.sleep

        async def pause(seconds):
            pauses.append(seconds)
            await real(0)

        monkeypatch.setattr(reflector.asyncio, "sleep", pause)
        server, sink = Server(watches), Sink()
        server.absent = absent
        one = Reflector(server, BY_KIND["ConfigMap"], namespace="a", selector="b=c", sink=sink, random_source=lambda: 1)
        task = asyncio.create_task(one.run())
        await server.ended.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert one.synchronized.is_set()
        assert one.name == "configmaps in a"
        return server, sink.told, pauses

    return run


async def test_all_pages_are_listed_and_all_changes_told(watched):
    events = [
        {"type": "ADDED", "object": item("third", 11)},
        {"type": "MODIFIED", "object": item("third", 12)},
        {"type": "BOOKMARK", "object": item("", 13)},
        {"type": "DELETED", "object": item("third", 14)},
    ]
    server, told, _ = await watched(events)
    assert told == [
        ("listed", ["first", "second"], 10), ("changed", "third"), ("changed", "third"), ("removed", "third"),
    ]  # fmt: skip
    assert server.asked == ["10", "14"], "it goes on where the watch has ended"


async def test_a_version_that_is_too_old_is_listed_again(watched):
    gone = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old resource version"}}
    server, told, _ = await watched([gone])
    assert [what for what, *_ in told] == ["listed", "listed"]
    assert server.asked == ["10", "10"]


async def test_a_list_that_is_answered_is_no_end_of_the_pauses(watched):
    """Otherwise everything is listed three times a second where watches are refused."""
    refused = [ApiError(403, "Forbidden", "no") for _ in range(9)]
    _, _, pauses = await watched(*refused)
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5
    assert pauses[-1] == reflector.LONGEST_PAUSE


async def test_it_waits_for_as_long_as_it_is_told_to(watched):
    _, _, pauses = await watched(ApiError(429, "TooManyRequests", "no", 7.0))
    assert pauses == [7.0]


async def test_what_was_not_defined_is_listed_again_before_it_is_watched(watched):
    """While a definition is established its storage is replaced, and a watch of the first one hears nothing."""
    server, told, pauses = await watched(absent=True)

    assert [one[0] for one in told] == ["listed", "listed"]
    assert reflector.ESTABLISHED in pauses
    assert server.asked == ["10"]
