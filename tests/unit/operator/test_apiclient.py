"""The client of the API server: what it may send, what it makes of refusals, and watches however they are cut up."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from aiohttp import web
from tests.unit.operator.conftest import Refusal, served

from tradewind.domain.errors import ConfigError
from tradewind_operator import apiclient
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.fence import Fence, NotLeaderError
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import BY_KIND, LEASE

CONFIG = BY_KIND["ConfigMap"]
MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "trading"}, "data": {}}
PATH = CONFIG.path("trading", "a")


class Left(Fence):
    def __init__(self, seconds):
        self.seconds = seconds

    def left(self):
        return self.seconds


def refusing(*refusals):
    """Refuses as many requests as it is given refusals."""
    left = list(refusals)

    def refuse(_request):
        if left:
            raise left.pop(0)

    return refuse


# --------------------------------------------------------------------------------------------------------------- fence


async def test_who_does_not_lead_sends_no_write(api, client):
    """Not one of any kind; reading and its own Lease are not asked for leave."""
    client.fence = Left(0)
    writes = [
        client.apply(CONFIG, MANIFEST, "m"),
        client.create(CONFIG, MANIFEST),
        client.merge(CONFIG, "trading", "a", {}),
        client.delete(CONFIG, "trading", "a", "uid"),
    ]
    for write in writes:
        with pytest.raises(NotLeaderError):
            await write
    assert api.requests == []
    assert await client.get(CONFIG, "trading", "a") is None
    lease = {"kind": "Lease", "metadata": {"name": "l", "namespace": "trading"}, "spec": {}}
    await client.put_lease(LEASE, lease, fresh=True, timeout=1)


async def test_no_write_outlives_the_time_for_which_its_sender_leads(api, client):
    """Else it could arrive after another leader has begun."""
    hold = asyncio.Event()
    api.refuse = lambda _request: hold.wait()
    client.fence = Left(0.05)
    with pytest.raises(ApiError) as error:
        await client.create(CONFIG, MANIFEST)
    assert (error.value.status, error.value.passing) == (0, True)
    hold.set()


class LostMeanwhile(Fence):
    """Lets the first question through and no other, as where a process was stopped between asking and sending."""

    def __init__(self):
        self.asked = 0

    def left(self):
        self.asked += 1
        return 5.0 if self.asked == 1 else -1.0


@pytest.mark.parametrize("connected", [False, True])
async def test_a_write_that_was_about_to_be_sent_is_not_sent_by_who_ceased_to_lead(api, client, connected):
    """The task that sends it may run late: it asks again, and nothing of the request reaches the server."""
    if connected:
        await client.get(CONFIG, "trading", "a")
        api.requests.clear()
    client.fence = LostMeanwhile()
    with pytest.raises(NotLeaderError, match=f"PATCH {PATH} was not sent"):
        await client.apply(CONFIG, MANIFEST, "m")
    assert client.fence.asked == 2
    client.fence = Fence()
    await client.apply(CONFIG, MANIFEST, "m")
    assert [method for method, *_ in api.requests] == ["PATCH"]


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("status", "passing"),
    [(400, False), (403, False), (404, True), (409, True), (422, False), (429, True), (500, True), (503, True)],
)
async def test_a_refusal_says_what_and_why_and_whether_it_may_pass(api, client, status, passing):
    api.refuse = refusing(Refusal(status, "SomeReason", "because", {"Retry-After": "7"}))
    with pytest.raises(ApiError, match=f"PATCH {PATH}: because") as error:
        await client.apply(CONFIG, MANIFEST, "m")
    found = error.value
    assert (found.status, found.reason, found.retry_after, found.passing) == (status, "SomeReason", 7.0, passing)


async def test_an_answer_that_is_no_status_is_told_as_it_is():
    """A proxy in between has pages of its own."""

    async def page(_request):
        return web.Response(status=502, text="<html>bad gateway</html>")

    async with served(page) as url:
        client = ApiClient(lambda: kopf.ConnectionInfo(server=url))
        with pytest.raises(ApiError, match="<html>bad gateway") as error:
            await client.read("/api")
        assert (error.value.reason, error.value.passing) == ("502", True)
        await client.close()


@pytest.mark.parametrize("body", ["<html>", '{"items": ['])
async def test_an_answer_that_is_no_json_may_pass(body):
    async def garbled(_request):
        return web.Response(text=body)

    async with served(garbled) as url:
        client = ApiClient(lambda: kopf.ConnectionInfo(server=url))
        with pytest.raises(ApiError, match="no JSON") as error:
            await client.read("/api")
        assert error.value.passing
        await client.close()


async def test_watches_take_no_connection_from_requests(monkeypatch):
    """There is one of each kind for each namespace, and each lasts for minutes."""
    monkeypatch.setattr(apiclient, "CONNECTIONS", 2)

    async def answered(request):
        if "watch" not in request.query:
            return web.json_response({"items": []})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "BOOKMARK"}\n')
        await asyncio.sleep(60)
        return response

    async with served(answered) as url:
        client = ApiClient(lambda: kopf.ConnectionInfo(server=url))
        async with contextlib.AsyncExitStack() as watches, asyncio.timeout(5):
            for _ in range(3):
                events = await watches.enter_async_context(client.watch("/api", {"watch": "true"}, None, 90.0))
                assert await anext(events) == {"type": "BOOKMARK"}
            assert await client.read("/api") == {"items": []}
        await client.close()


async def test_a_server_that_is_not_there_may_come():
    client = ApiClient(lambda: kopf.ConnectionInfo(server="http://127.0.0.1:1"))
    with pytest.raises(ApiError) as error:
        await client.read("/api")
    assert (error.value.status, error.value.passing) == (0, True)
    await client.close()


async def test_what_is_gone_already_is_deleted(api, client):
    """Also where another one has its name by now: that one stays."""
    await client.delete(CONFIG, "trading", "a", "uid")
    await client.create(CONFIG, MANIFEST)
    await client.delete(CONFIG, "trading", "a", "uid of a former one")
    assert api.get("ConfigMap", "a")
    api.refuse = refusing(Refusal(403, "Forbidden"))
    with pytest.raises(ApiError):
        await client.delete(CONFIG, "trading", "a", "uid")


async def test_a_child_is_found_by_a_list_and_a_secret_by_its_name(api, client):
    """With the rights that watching has; a list of Secrets would show those of others."""
    await client.create(CONFIG, MANIFEST)
    assert (await client.find(CONFIG, "trading", "a"))["metadata"]["name"] == "a"
    assert await client.find(CONFIG, "trading", "b") is None
    api.requests.clear()
    assert await client.find(BY_KIND["Secret"], "trading", "s") is None
    assert api.requests == [("GET", BY_KIND["Secret"].path("trading", "s"))]


# --------------------------------------------------------------------------------------------------------- credentials


async def test_a_token_that_ran_out_is_read_again(api):
    """The kubelet has replaced it on disk before."""
    tokens, seen = iter(("old", "new")), []

    def refuse(request):
        seen.append(request.headers["Authorization"])
        if seen[-1] == "Bearer old":
            raise Refusal(401, "Unauthorized")

    api.refuse = refuse
    client = ApiClient(lambda: kopf.ConnectionInfo(server=api.url, token=next(tokens)))
    assert await client.get(CONFIG, "trading", "a") is None
    assert seen == ["Bearer old", "Bearer new"]
    await client.close()


async def test_a_token_that_is_refused_twice_is_told(api, client):
    api.refuse = refusing(*(Refusal(401, "Unauthorized", "who are you") for _ in range(2)))
    with pytest.raises(ApiError, match="who are you") as error:
        await client.read(PATH)
    assert error.value.status == 401


def test_without_credentials_it_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.setattr(apiclient.kopf, "login_with_service_account", lambda **_: None)
    monkeypatch.setattr(apiclient.kopf, "login_with_kubeconfig", lambda **_: None)
    with pytest.raises(ConfigError, match="set KUBECONFIG to the path of a kubeconfig"):
        apiclient.login()


# --------------------------------------------------------------------------------------------------------------- reach


@pytest.mark.parametrize(("status", "counts"), [(200, True), (403, True), (429, False), (503, False)])
async def test_only_a_server_at_work_is_in_reach(api, client, status, counts):
    """One that turns everybody away is as good as gone: a restart would mend nothing there either."""
    answers = []
    client.reach.answered = lambda: answers.append(status)
    if status != 200:
        api.refuse = refusing(Refusal(status, "Some"))
    await asyncio.gather(client.read("/api"), return_exceptions=True)
    assert bool(answers) == counts


# --------------------------------------------------------------------------------------------------------------- watch


def sending(*chunks, silent=False):
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0)
        if silent:
            await asyncio.Event().wait()
        return response

    return answer


async def watched(handler, silence=5.0):
    """What a watch brings until it ends, and what ended it."""
    found = []
    async with served(handler) as url:
        client = ApiClient(lambda: kopf.ConnectionInfo(server=url))
        try:
            async with client.watch("/api", {}, None, silence) as events:
                async for event in events:
                    found.append(event["n"])  # noqa: PERF401 - what came before a failure counts
        except ApiError as error:
            return found, error
        finally:
            await client.close()
    return found, None


def line(number, size=0):
    return json.dumps({"n": number, "x": "y" * size}).encode() + b"\n"


async def test_events_come_whole_however_they_are_cut():
    """A ConfigMap may be longer than any buffer, and several events come in one piece."""
    text = line(1, 1 << 20) + line(2) + b"\n" + line(3)
    chunks = [text[begin : begin + 65_537] for begin in range(0, len(text), 65_537)]
    assert await watched(sending(*chunks)) == ([1, 2, 3], None)


async def test_a_watch_that_falls_silent_is_dead():
    found, error = await watched(sending(line(1), silent=True), silence=0.1)
    assert (found, error.status, error.passing) == ([1], 0, True)


async def test_an_event_that_cannot_be_read_ends_the_watch():
    """What it was is not known, so everything is listed again."""
    found, error = await watched(sending(line(1), b'{"n": \n'))
    assert (found, error.status) == ([1], 0)
