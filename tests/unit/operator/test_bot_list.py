"""Lists find out what the watch of bots has missed: new ones, changed ones, and those that have ended."""

from __future__ import annotations

import pytest

from tradewind_operator import bot_list
from tradewind_operator.apiclient import ApiError
from tradewind_operator.bot_list import BotList
from tradewind_operator.bots import Bots
from tradewind_operator.reach import Reach


def resource(name, version, uid="1"):
    return {"metadata": {"namespace": "a", "name": name, "uid": uid, "resourceVersion": str(version)}, "spec": {}}


class Server:
    """Has bots, gives them in pages of one, and fails first as often as it is told."""

    def __init__(self, *bots):
        self.bots = {one["metadata"]["name"]: one for one in bots}
        self.version, self.failures, self.meanwhile = 100, [], None
        self.reach = Reach()

    async def read(self, path, parameters, accept):
        if self.failures:
            raise self.failures.pop(0)
        begin = int(parameters.get("continue", 0))
        names = sorted(self.bots)[begin : begin + 1]
        following = {"continue": str(begin + 1)} if begin + 1 < len(self.bots) else {}
        metadata = {"resourceVersion": str(self.version), **following}
        return {"metadata": metadata, "items": [self.bots[name] for name in names]}

    async def get(self, kind, namespace, name):
        if self.failures:
            raise self.failures.pop(0)
        found = self.bots.get(name)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found


class Told:
    def __init__(self, server, monkeypatch):
        monkeypatch.setattr(bot_list, "FIRST_PAUSE", 0.0)
        monkeypatch.setattr(bot_list, "ESTABLISHED", 0.0)
        self.server, self.bots, self.found, self.gone = server, Bots(), [], []
        self.list = BotList(
            server, self.bots, [None], on_found=self.found.append, on_gone=lambda bot: self.gone.append(bot.key)
        )


@pytest.fixture
def told(monkeypatch):
    return lambda *bots: Told(Server(*bots), monkeypatch)


async def test_what_was_missed_is_fetched_and_what_has_ended_is_dropped(told):
    one = told(resource("new", 50), resource("changed", 60), resource("same", 10))
    for name in ("changed", "same", "ended"):
        one.bots.put(resource(name, 10))
    one.bots.put(resource("younger", 101))
    await one.list.compare()
    assert one.found == ["a/changed", "a/new"]
    assert one.gone == ["a/ended"]
    assert sorted(one.bots) == ["a/changed", "a/new", "a/same", "a/younger"]


async def test_it_asks_until_it_is_answered(told):
    """A throttled, failing or restarted API server, an expired page, a missing definition, a missing right."""
    one = told(resource("new", 50))
    one.server.failures = [ApiError(status, "", "no") for status in (429, 500, 0, 410, 404, 403)]
    await one.list.compare()
    one.server.bots["late"] = resource("late", 60)
    one.server.failures = [ApiError(503, "", "no")]
    await one.list.compare()
    assert one.found == ["a/new", "a/late"]


async def test_after_its_definition_came_it_lists_once_more(told):
    """A watch that begins with the first list might be of a storage that is replaced, and hear nothing."""
    one = told(resource("new", 50))
    one.server.failures = [ApiError(404, "", "no")]
    served, read = [], one.server.read

    async def counted(*words):
        page = await read(*words)
        served.append(page)
        return page

    one.server.read = counted
    await one.list.compare()
    assert (len(served), one.found) == (2, ["a/new"])


async def test_a_bot_that_ends_while_it_is_fetched_is_not_taken_over(told):
    """The watch told of its end before the answer came, and will not tell again."""
    one = told(resource("brief", 50))

    def end():
        one.bots.remove(one.server.bots.pop("brief"))

    one.server.meanwhile = end
    await one.list.compare()
    assert list(one.bots) == []


async def test_confirming_finds_a_bot_a_successor_or_nothing(told):
    one = told(resource("there", 10), resource("again", 20, uid="2"))
    for name in ("there", "again", "gone"):
        one.bots.put(resource(name, 10))
    assert await one.list.confirm(one.bots.get("a/there"))
    assert not await one.list.confirm(one.bots.get("a/again"))
    assert not await one.list.confirm(one.bots.get("a/gone"))
    assert one.gone == ["a/again", "a/gone"]
    assert one.bots.get("a/gone") is None


async def test_a_successor_that_is_found_is_looked_at(told):
    one = told(resource("again", 20, uid="2"))
    one.bots.put(resource("again", 10))
    await one.list.compare()
    assert one.found == ["a/again"]
    assert one.bots.get("a/again").uid == "2"


async def test_a_watch_that_does_not_tell_is_called_deaf(told, monkeypatch):
    one = told(resource("new", 50))
    await one.list.compare()
    assert one.list.deaf() == ""
    monkeypatch.setattr(bot_list, "MISSED_AFTER", -1.0)
    assert one.list.deaf() == "a/new"
    one.list.watched("a/new", 49)
    assert one.list.deaf() == "a/new"
    one.list.watched("a/new", 51)
    assert one.list.deaf() == ""
