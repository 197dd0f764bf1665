"""One look at one bot, whatever is wrong with it: what is written, what is told, and when it is looked at again."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from tests.unit.operator.conftest import Refusal

from tradewind.contracts.labels import RECONCILE
from tradewind_operator.applying import Applying
from tradewind_operator.bot_list import BotList
from tradewind_operator.bot_secrets import BotSecrets
from tradewind_operator.bots import Bots
from tradewind_operator.children import Children
from tradewind_operator.events import Events
from tradewind_operator.fence import Fence
from tradewind_operator.kinds import BY_KIND
from tradewind_operator.manifests import Site
from tradewind_operator.metrics import OperatorMetrics
from tradewind_operator.reconciler import EARLY, Reconciler
from tradewind_operator.release import Release
from tradewind_operator.status import Condition
from tradewind_operator.workqueue import WorkQueue

KEY = "trading/momentum"
DELETED = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}


class Told:
    """What a bot says of itself, and what was asked for."""

    def __init__(self):
        self.says, self.asked, self.stopped = None, [], []

    def of(self, _bot):
        return self.says

    def ask_soon(self, key):
        self.asked.append(key)

    def stop_now(self, bot):
        self.stopped.append(bot.key)

    def forget(self, _key):
        self.says = None


class Spans:
    def __init__(self):
        self.results = []

    def span(self, _name, _parent, attributes, *, start):
        assert start > 1e9
        self.results.append(attributes["tradewind.result"])


class Log:
    def __init__(self):
        self.levels = []

    def __getattr__(self, level):
        return lambda _event, **_facts: self.levels.append(level)


class World:
    """A reconciler on an API server; `look` tells it first what the watches bring."""

    def __init__(self, api, client):
        self.api, self.client, self.queue, self.told, self.spans = api, client, WorkQueue(), Told(), Spans()
        self.bots, self.children, self.metrics = Bots(), Children(), OperatorMetrics()
        self.site = Site(image="tradewind:1", operator_namespace="system", storage_wired=False, version="1")
        applying = Applying(client, self.children, self.metrics, rollout_timeout=100)
        events = Events(client, "a")
        gone = BotList(client, self.bots, [None], on_found=lambda _: None, on_gone=self.forget)
        self.running = type("Nobody", (), {"forget": lambda _self, _uid: None})()
        self.reconciler = Reconciler(
            client=client,
            bots=self.bots,
            children=self.children,
            queue=self.queue,
            applying=applying,
            secrets=BotSecrets(client, applying, None),
            release=Release(
                client,
                children=self.children,
                running=self.running,
                events=events,
                site=lambda: self.site,
                timeout=30,
            ),
            told=self.told,
            events=events,
            metrics=self.metrics,
            tracer=self.spans,
            site=lambda: self.site,
            confirm=gone.confirm,
        )
        self.log = self.reconciler._log = Log()

    def forget(self, bot):
        self.reconciler.forget(bot)

    def watch(self):
        for one in self.api.objects.values():
            if one["kind"] == "TradingBot":
                self.bots.put(one)
            elif "labels" in one["metadata"]:
                self.children.put(BY_KIND[one["kind"]], one)

    async def look(self):
        """What came of it."""
        self.watch()
        await self.reconciler.look(KEY)
        return self.spans.results[-1]

    def condition(self, kind):
        found = self.api.get("TradingBot", "momentum")["status"]["conditions"]
        one = next(one for one in found if one["type"] == kind)
        return one["status"], one["reason"]

    def message(self, kind):
        found = self.api.get("TradingBot", "momentum")["status"]["conditions"]
        return next(one["message"] for one in found if one["type"] == kind)

    def events(self):
        return [one["reason"] for one in self.api.objects.values() if one["kind"] == "Event"]

    def children_written(self):
        return [what for what in self.api.written() if what[1] not in ("TradingBot/status", "Event")]


@pytest.fixture
async def world(api, client):
    found = World(api, client)
    yield found
    found.queue.close()


@pytest.fixture
async def settled(world, api, resource):
    """A bot that is as it should be, and ready."""
    await api.put(resource())
    assert await world.look() == "success"
    await api.roll_out()
    assert await world.look() == "success"
    api.written()
    return world


# ---------------------------------------------------------------------------------------------------------- all is well


async def test_a_bot_becomes_what_its_spec_says_and_is_told_to_be(world, api, resource):
    await api.put(resource())
    assert await world.look() == "success"
    assert world.condition("Reconciled") == ("True", "Applied")
    assert world.condition("Ready") == ("False", "WorkloadsNotReady")
    assert api.get("Secret", "momentum-keys")
    await api.roll_out()
    assert await world.look() == "success"
    assert world.condition("Ready") == ("True", "AllWorkloadsReady")
    assert world.events() == ["Ready"]
    assert world.told.asked == [KEY], "it can answer now"
    shown = generate_latest(world.metrics.registry).decode()
    assert 'name="momentum",namespace="trading",status="True",type="Ready"} 1.0' in shown


async def test_where_nothing_is_new_nothing_is_written(settled, api):
    """Every write wakes everybody who watches."""
    for _ in range(3):
        assert await settled.look() == "success"
    assert api.written() == []


async def test_what_is_changed_while_the_status_is_written_is_looked_at(world, api, resource):
    """The answer brings it, and the watch will tell of it as something old."""
    await api.put(resource())

    async def edit():
        api.refuse = None
        await api.edit("TradingBot", "momentum", {"metadata": {"generation": 2}, "spec": {"emergencyStop": True}})

    api.refuse = lambda request: edit() if request.path.endswith("/status") else None
    assert await world.look() == "success"
    assert len(world.queue) == 1
    assert world.bots.get(KEY).generation == 2
    await world.reconciler.look(KEY)
    assert world.told.stopped == [KEY]


async def test_an_image_of_the_installation_reaches_every_bot(settled, api):
    settled.site = Site(image="tradewind:2", operator_namespace="system", storage_wired=False, version="2")
    await settled.look()
    container = api.get("Deployment", "momentum-bot")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "tradewind:2"


async def test_without_storage_pods_are_made_and_the_reason_is_told(world, api, resource):
    await api.put(resource(profile="Standard"))
    assert await world.look() == "success"
    assert world.condition("Reconciled") == ("True", "Applied")
    assert world.condition("Ready") == ("False", "StorageMissing")


async def test_an_emergency_stop_is_sent_for_as_long_as_the_field_is_true(settled, api):
    await api.edit("TradingBot", "momentum", {"spec": {"emergencyStop": True}})
    await settled.look()
    await settled.look()
    assert settled.told.stopped == [KEY, KEY]


# ------------------------------------------------------------------------------------------------------ what people do


async def test_a_spec_that_only_the_plan_can_refuse_leaves_the_last_good_state(settled, api):
    await api.edit("TradingBot", "momentum", {"spec": {"services": [{"name": "sim-exchange"}]}})
    assert await settled.look() == "invalid"
    assert settled.condition("Reconciled") == ("False", "InvalidSpec")
    assert "spec.services[0].name" in settled.message("Reconciled")
    assert settled.children_written() == []
    assert settled.condition("Ready")[0] == "True", "it runs on"
    assert settled.events() == ["Ready", "InvalidSpec"]
    await api.edit("TradingBot", "momentum", {"spec": {"services": []}})
    assert await settled.look() == "success"
    assert settled.condition("Reconciled") == ("True", "Applied")


async def test_what_is_somebody_elses_is_left_and_named(world, api, resource):
    stranger = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "momentum-manifest", "namespace": "trading"},
    }
    await api.put(stranger | {"data": {"theirs": "1"}})
    await api.put(resource())
    assert await world.look() == "conflict"
    assert world.condition("Reconciled") == ("False", "ChildConflict")
    assert "ConfigMap momentum-manifest" in world.message("Reconciled")
    assert api.get("ConfigMap", "momentum-manifest")["data"] == {"theirs": "1"}
    assert world.queue.failures(KEY) == 1, "it is tried again: somebody may delete it"


async def test_nothing_of_a_paused_bot_is_changed_and_its_condition_says_so(settled, api):
    await api.edit("TradingBot", "momentum", {"metadata": {"annotations": {RECONCILE: "disabled"}}})
    await api.edit("ConfigMap", "momentum-manifest", {"data": {"bot.yaml": "mine"}})
    assert await settled.look() == "success"
    assert settled.children_written() == []
    assert settled.condition("Paused") == ("True", "ReconcileDisabled")
    assert settled.condition("Reconciled") == ("True", "Applied"), "as it was"
    await api.edit("TradingBot", "momentum", {"metadata": {"annotations": {RECONCILE: None}}})
    assert await settled.look() == "success"
    assert settled.children_written() == [("PATCH", "ConfigMap", "momentum-manifest")]


async def test_a_bot_that_was_paused_from_the_beginning_has_nothing(world, api, resource):
    await api.put(resource({"annotations": {RECONCILE: "disabled"}}))
    await world.look()
    assert world.children_written() == []
    assert world.condition("Reconciled") == ("Unknown", "ReconcileDisabled")


async def test_what_the_bot_says_becomes_its_conditions(settled):
    settled.told.says = (Condition("Trading", "False", "Stopped", "a person stopped it"),)
    await settled.look()
    assert settled.condition("Trading") == ("False", "Stopped")


async def test_a_deleted_bot_is_given_no_child_any_more(settled, api):
    await api.remove("ConfigMap", "momentum-manifest")
    await api.edit("TradingBot", "momentum", DELETED)
    assert await settled.look() == "success"
    assert api.written() == []


# ------------------------------------------------------------------------------------------------- what the server does


def refusing(status, reason="Some", message="no"):
    def refuse(request):
        if request.method in ("PATCH", "POST") and "/configmaps" in request.path:
            raise Refusal(status, reason, message)

    return refuse


async def test_a_server_in_trouble_is_asked_again_and_nobody_is_alarmed(world, api, resource):
    await api.put(resource())
    api.refuse = refusing(503)
    assert await world.look() == "retried"
    assert world.queue.failures(KEY) == 1
    assert world.log.levels == ["info"]
    api.refuse = None
    assert await world.look() == "success"
    assert world.queue.failures(KEY) == 0
    assert world.condition("Reconciled") == ("True", "Applied")


@pytest.mark.parametrize("status", [403, 422])
async def test_a_refusal_that_stays_is_told(world, api, resource, status):
    """A server that has just started refuses for a moment what it allows, so not the first time."""
    await api.put(resource())
    api.refuse = refusing(status, message="admission says no")
    results = [await world.look() for _ in range(EARLY + 1)]
    assert results[-1] == "refused"
    assert results[0] == ("retried" if status == 403 else "refused")
    assert world.condition("Reconciled") == ("False", "ApplyFailed")
    assert "admission says no" in world.message("Reconciled")
    assert world.queue.failures(KEY) == EARLY + 1
    assert set(world.log.levels) <= {"info"}, "its condition tells it"


async def test_a_bot_that_went_while_it_was_looked_at_is_forgotten(settled, api):
    """Kubernetes deletes its children after it; what is made for it then would be made again for ever."""
    for kind, name in (("TradingBot", "momentum"), ("ConfigMap", "momentum-manifest")):
        await api.remove(kind, name)
    settled.children.remove(BY_KIND["ConfigMap"], api.history[-1][2])
    await settled.reconciler.look(KEY)
    assert api.written() == []
    assert settled.bots.get(KEY) is None
    assert "momentum" not in generate_latest(settled.metrics.registry).decode()
    await settled.reconciler.look(KEY)
    assert api.written() == []


async def test_who_does_not_lead_any_more_writes_nothing_and_fails_nobody(world, api, client, resource):
    await api.put(resource())
    client.fence = type("Lost", (Fence,), {"left": lambda _self: 0.0})()
    assert await world.look() == "not_leader"
    assert api.written() == []
    assert world.queue.failures(KEY) == 0


async def test_a_defect_costs_one_bot_a_pause_and_is_told_whole(world, api, resource, monkeypatch):
    await api.put(resource())
    monkeypatch.setattr(world.told, "of", lambda _bot: 1 / 0)
    assert await world.look() == "failed"
    assert world.log.levels == ["exception"]
    assert world.queue.failures(KEY) == 1


async def test_a_key_without_a_bot_is_no_failure(world):
    assert await world.look() == "success"
