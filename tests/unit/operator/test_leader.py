"""Who leads, by the Lease and by no clock but one's own."""

from __future__ import annotations

import asyncio

import pytest

from tradewind_operator.apiclient import ApiError
from tradewind_operator.leader import Leadership


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Server:
    """Holds one Lease; a resourceVersion that is not the present one is a conflict."""

    def __init__(self):
        self.lease, self.version, self.fails, self.cut = None, 0, False, False

    async def get(self, resource, namespace, name):
        if self.fails:
            raise ApiError(503, "ServiceUnavailable", "no")
        return self.lease

    async def put_lease(self, resource, lease, *, fresh, timeout):  # noqa: ASYNC109 - as the client has it
        if self.fails:
            raise ApiError(503, "ServiceUnavailable", "no")
        version = lease["metadata"].get("resourceVersion")
        if fresh is not (self.lease is None) or (not fresh and version != str(self.version)):
            raise ApiError(409, "Conflict", "somebody was quicker")
        self.version += 1
        self.lease = {**lease, "metadata": {**lease["metadata"], "resourceVersion": str(self.version)}}
        if self.cut:
            raise ApiError(0, "Cut", "the answer is lost")
        return self.lease


class Member:
    """One operator's part in it; `told` is what it was told of its leading."""

    def __init__(self, server, clock, identity):
        self.told = []
        self.part = Leadership(server, namespace="a", name="b", identity=identity, duration=9.0, clock=clock)
        self.part.on_change = self.told.append

    async def round(self):
        """One round of `run`."""
        try:
            await self.part._round(self.part._clock())
        except ApiError as error:
            if error.status == 409:
                self.part._lease = None
        self.part._tell()
        return self.part.leads


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def one(server, clock):
    return Member(server, clock, "one")


@pytest.fixture
def other(server, clock):
    return Member(server, clock, "other")


async def test_the_first_leads_and_the_other_waits_for_a_whole_duration(one, other, clock):
    assert await one.round()
    assert not await other.round()
    clock.now += 6.1
    assert not one.part.leads, "it stops to write well before anybody else may begin"
    assert not await other.round()
    clock.now += 3.0
    assert await other.round()
    assert not await one.round()


async def test_a_leader_that_renews_is_left_to_lead(one, other, clock):
    await one.round()
    for _ in range(20):
        clock.now += 1.8
        assert await one.round()
        assert not await other.round()
    assert one.told == [True]


async def test_after_a_gap_it_begins_to_lead_anew(one, clock):
    """Nobody took the Lease, but what came in the gap was turned away and has to be looked at."""
    await one.round()
    clock.now += 7.0
    assert await one.round()
    assert one.told == [True, False, True]


async def test_time_counts_from_before_the_request_that_renewed(one, server, clock):
    await one.round()
    put = server.put_lease

    async def slow(*arguments, **options):
        clock.now += 5.0
        return await put(*arguments, **options)

    server.put_lease = slow
    await one.round()
    assert one.part.left() == pytest.approx(1.0)


async def test_without_the_api_server_it_stops(one, server, clock):
    await one.round()
    server.fails = True
    clock.now += 6.0
    assert not await one.round()
    assert one.told == [True, False]


async def test_what_is_given_up_is_taken_at_once(one, other):
    await one.round()
    await other.round()
    await one.part.release()
    assert one.told == [True, False]
    assert await other.round()


async def test_it_is_given_up_also_where_the_last_renewal_was_cut_off(one, other, server, clock):
    """Done by the API server and not heard of here, as when SIGTERM comes in the middle of it."""
    await one.round()
    await other.round()
    server.cut = True
    await one.round()
    server.cut = False
    await one.part.release()
    assert await other.round()


async def test_the_lease_of_somebody_else_is_not_given_up(one, other, server, clock):
    await one.round()
    await other.round()
    clock.now += 9.1
    assert await other.round()
    held = server.lease
    one.part._renewed_at = clock.now  # it believes that it leads
    await one.part.release()
    assert server.lease is held
    server.fails = True
    await other.part.release()
    assert not other.part.leads


async def test_it_runs_until_it_is_cancelled(one):
    leads = asyncio.get_running_loop().create_future()
    one.part.on_change = leads.set_result
    task = asyncio.create_task(one.part.run())
    assert await asyncio.wait_for(leads, 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
