"""One leader at most, whatever clocks, lost requests, lost answers and late answers do."""

from __future__ import annotations

import asyncio
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.fence import NotLeaderError
from tradewind_operator.kinds import DEPLOYMENT
from tradewind_operator.leader import WRITING_SHARE, Leadership

DURATION = 9.0


class Server:
    """Keeps one Lease with its version; what is asked of it waits until the test delivers it."""

    def __init__(self):
        self.lease = None
        self.waiting = {}

    def client_of(self, number):
        return Client(self, number)

    def put(self, lease, fresh):
        version = int(self.lease["metadata"]["resourceVersion"]) if self.lease else 0
        if fresh and self.lease is not None:
            raise ApiError(409, "AlreadyExists", "there is one")
        if not fresh and lease["metadata"].get("resourceVersion") != str(version):
            raise ApiError(409, "Conflict", "somebody was quicker")
        self.lease = copy.deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = str(version + 1)
        return copy.deepcopy(self.lease)


class Client:
    def __init__(self, server, number):
        self._server, self._number = server, number

    async def get(self, _resource, _namespace, _name):
        return await self._ask(lambda: copy.deepcopy(self._server.lease))

    async def put_lease(self, _resource, lease, *, fresh, timeout):  # noqa: ASYNC109 - as the client has it
        return await self._ask(lambda: self._server.put(lease, fresh))

    async def _ask(self, action):
        what = await self._fate()
        if what == "request lost":
            raise ApiError(0, "Lost", "the request did not arrive")
        answer = action()
        if what == "answer late":
            what = await self._fate()
        if what == "answer lost":
            raise ApiError(0, "Lost", "the answer did not arrive")
        return answer

    async def _fate(self):
        fate = self._server.waiting[self._number] = asyncio.get_running_loop().create_future()
        return await fate


def candidates(server, time, rates):
    return [
        Leadership(
            server.client_of(number),
            namespace="n",
            name="l",
            identity=f"operator-{number}",
            duration=DURATION,
            clock=lambda rate=rate, number=number: 1000.0 * number + time[0] * rate,
        )
        for number, rate in enumerate(rates)
    ]


async def once(one):
    """One turn of its loop, as `Leadership.run` does it."""
    try:
        await one._round(one._clock())
    except ApiError as error:
        if error.status == 409:
            one._lease = None


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


FATES = st.sampled_from(["delivered", "delivered", "delivered", "request lost", "answer lost", "answer late"])
WHO = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        # Whole turns are drawn too, or hardly any sequence would get as far as a second leader.
        WHO.map(lambda number: ("cycle", number, None)),
        WHO.map(lambda number: ("cycle", number, None)),
        st.tuples(st.just("look"), WHO, st.none()),
        st.tuples(st.just("deliver"), WHO, FATES),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 4.0, 7.0, 10.0]), st.none()),
        st.tuples(st.just("release"), WHO, st.none()),
    ),
    max_size=40,
)


async def play(steps, rates):
    server, time, running = Server(), [0.0], {}
    known = candidates(server, time, rates)
    led = set()
    whole = [one for step in steps for one in (cycle(step[1]) if step[0] == "cycle" else [step])]
    for what, value, fate in whole:
        if what == "wait":
            time[0] += value
        elif what in ("look", "release") and (value not in running or running[value].done()):
            one = known[value]
            running[value] = asyncio.create_task(once(one) if what == "look" else one.release())
        elif what == "deliver" and value in server.waiting:
            server.waiting.pop(value).set_result(fate)
        await turns()
        leading = [number for number, one in enumerate(known) if one.leads]
        assert len(leading) <= 1, leading
        led.update(leading)
    for task in running.values():
        task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)
    return led


@given(STEPS, st.lists(st.floats(0.9, 1.1), min_size=2, max_size=2))
@settings(max_examples=400, deadline=None)
def test_two_never_lead_at_once(steps, rates):
    asyncio.run(play(steps, rates))


def cycle(number):
    return [("look", number, None), ("deliver", number, "delivered"), ("deliver", number, "delivered")]


def test_whoever_is_silent_is_followed_and_only_after_the_duration():
    """The property above would also hold of candidates that never lead."""
    begin = [*cycle(0), *cycle(1)]
    assert asyncio.run(play([*begin, ("wait", DURATION - 0.5, None), *cycle(1)], [1, 1])) == {0}
    assert asyncio.run(play([*begin, ("wait", DURATION + 0.5, None), *cycle(1)], [1, 1])) == {0, 1}


def test_an_answer_that_comes_late_gives_no_time_beyond_that_of_its_request():
    late = [("look", 0, None), ("deliver", 0, "delivered"), ("deliver", 0, "answer late")]
    steps = [*late, *cycle(1), ("wait", 7.0, None), ("deliver", 0, "delivered"), ("wait", 4.0, None), *cycle(1)]
    assert asyncio.run(play(steps, [1, 1])) == {1}


def test_a_released_lease_is_taken_at_once():
    steps = [*cycle(0), ("release", 0, None), ("deliver", 0, "delivered"), ("deliver", 0, "delivered"), *cycle(1)]
    assert asyncio.run(play(steps, [1, 1])) == {0, 1}


async def test_the_fence_closes_before_anybody_else_may_begin():
    server, time = Server(), [0.0]
    (one,) = candidates(server, time, [1.0])
    client = ApiClient(fence=one)
    task = asyncio.create_task(once(one))
    for _ in range(2):
        await turns()
        server.waiting.pop(0).set_result("delivered")
    await task
    assert one.left() == pytest.approx(DURATION * WRITING_SHARE)
    time[0] = DURATION * WRITING_SHARE + 0.01
    with pytest.raises(NotLeaderError):
        await client.create(DEPLOYMENT, {"metadata": {"namespace": "n", "name": "a"}})
