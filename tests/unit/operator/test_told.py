"""What bots are held against: an emergency stop that has not arrived yet, and execution that crashes again."""

from __future__ import annotations

import pytest

from tradewind.domain.errors import PermanentError, TemporaryError
from tradewind_operator.bots import Bots
from tradewind_operator.children import Children
from tradewind_operator.kinds import POD
from tradewind_operator.status import Condition
from tradewind_operator.told import Told


class Running:
    """A bot that trades until it is told to stop or pause."""

    def __init__(self):
        self.trading, self.told, self.trouble = Condition("Trading", "True", "Running", "m"), [], None
        self.troubles = ["order 7 is unknown"]

    async def conditions(self, _bot):
        if self.trouble is not None:
            raise self.trouble
        return (self.trading,)

    async def emergency_stop(self, _bot, reason):
        self.told.append(("stop", reason))
        self.trading = Condition("Trading", "False", "EmergencyStopped", "m")
        return {"canceled": 2, "troubles": self.troubles}

    async def pause(self, _bot, reason):
        self.told.append(("pause", reason))
        self.trading = Condition("Trading", "False", "Paused", "m")


class Events:
    def __init__(self):
        self.written = []

    async def record(self, _bot, reason, note, *, action, kind):
        self.written.append((reason, note))


@pytest.fixture
def running():
    return Running()


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def children():
    return Children()


@pytest.fixture
def told(running, events, children):
    found = Told(Bots(), children=children, running=running, events=events, interval=1, may_ask=lambda: True)
    found.changes = []
    found.on_change = found.changes.append
    return found


def put_bot(told, version=1, **spec):
    metadata = {"name": "momentum", "namespace": "default", "uid": "u1", "resourceVersion": version}
    told._bots.put({"metadata": metadata, "spec": spec})


def put_pod(children, component="engine", *, ready=True, looping=False, version=1):
    labels = {"app.kubernetes.io/instance": "momentum", "app.kubernetes.io/component": component}
    metadata = {
        "name": component,
        "namespace": "default",
        "uid": component,
        "resourceVersion": version,
        "labels": labels,
    }
    state = {"waiting": {"reason": "CrashLoopBackOff"}} if looping else {"running": {}}
    last = {"terminated": {"exitCode": 3}}
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{"restartCount": 5, "state": state, "lastState": last}],
    }
    children.put(POD, {"metadata": metadata, "status": status})


async def ask(told):
    await told._ask("default/momentum", 0.0)
    bot = told._bots.get("default/momentum")
    return told.of(bot)


async def test_what_a_bot_says_is_kept_and_only_news_are_told(told, children):
    put_bot(told)
    put_pod(children)
    assert await ask(told) == (Condition("Trading", "True", "Running", "m"),)
    await ask(told)
    assert told.changes == ["default/momentum"]


@pytest.mark.parametrize("trouble", [TemporaryError("silent"), PermanentError("refused")])
async def test_a_bot_that_falls_silent_says_nothing_any_more(told, running, children, trouble):
    put_bot(told)
    put_pod(children)
    await ask(told)
    running.trouble = trouble
    assert await ask(told) is None
    assert len(told.changes) == 2


async def test_a_bot_without_a_ready_pod_is_not_asked_but_an_emergency_stop_is_sent_all_the_same(
    told, running, children
):
    put_bot(told)
    put_pod(children, ready=False)
    assert await ask(told) is None
    assert running.told == []
    put_bot(told, emergencyStop=True, version=2)
    assert await ask(told) is None
    assert running.told == [("stop", "spec.emergencyStop is true")]


async def test_an_emergency_stop_of_the_spec_is_given_until_nothing_went_wrong(told, running, events, children):
    put_bot(told, emergencyStop=True)
    put_pod(children)
    assert (await ask(told))[0].reason == "EmergencyStopped"
    assert (await ask(told))[0].reason == "EmergencyStopped"
    assert running.told == [("stop", "spec.emergencyStop is true")] * 2
    running.troubles = []
    await ask(told)
    await ask(told)
    assert running.told == [("stop", "spec.emergencyStop is true")] * 3
    note = "trading is stopped; 2 orders were canceled"
    trouble = "; order 7 is unknown"
    assert events.written == [("EmergencyStopped", one) for one in (note + trouble, note + trouble, note)]


async def test_execution_that_crashes_halts_entries_and_another_service_does_not(told, running, events, children):
    put_bot(told)
    put_pod(children)
    put_pod(children, "strategy", ready=False, looping=True)
    await ask(told)
    assert running.told == []
    put_pod(children, "execution", ready=False, looping=True)
    assert (await ask(told))[0].reason == "Paused"
    assert [what for what, _ in running.told] == ["pause"]
    assert events.written[0][0] == "EntriesHalted"
    assert "exit code 3" in events.written[0][1]


async def test_a_successor_of_the_same_name_has_said_nothing_yet(told, children):
    put_bot(told)
    put_pod(children)
    await ask(told)
    metadata = {"name": "momentum", "namespace": "default", "uid": "u2", "resourceVersion": "9"}
    told._bots.put({"metadata": metadata, "spec": {}})
    assert told.of(told._bots.get("default/momentum")) is None
    told.forget("default/momentum")
    await told.close()
