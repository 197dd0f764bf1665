"""Children become what is desired: only what differs is written, nothing trades twice, and one is changed at a time."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from tradewind.domain.errors import TemporaryError
from tradewind_operator import applying
from tradewind_operator.applying import Applying
from tradewind_operator.bots import read_bot
from tradewind_operator.children import Children
from tradewind_operator.desired import desired, manifests, model_of
from tradewind_operator.kinds import BY_KIND
from tradewind_operator.manifests import Site
from tradewind_operator.metrics import OperatorMetrics

SITE = Site(image="tradewind:1", operator_namespace="tradewind-system", storage_wired=True, version="1")
ORDER = ["market-data", "portfolio", "strategy", "execution", "engine", "monitoring", "gateway"]


class World:
    """One bot on an API server, and the operator that leads; another one takes over by `new_leader`."""

    def __init__(self, api, client, monkeypatch):
        self.api, self.client, self.now = api, client, 0.0
        monkeypatch.setattr(applying, "monotonic", lambda: self.now)
        self.new_leader()

    def new_leader(self):
        """Who has only seen what a watch tells."""
        self.children, self.metrics = Children(), OperatorMetrics()
        self.applying = Applying(self.client, self.children, self.metrics, rollout_timeout=100)

    async def wants(self, resource):
        self.bot = read_bot(await self.api.put(resource))

    def watch(self):
        """The watches have told everything."""
        for kind in BY_KIND.values():
            found = [one for one in self.api.objects.values() if one["kind"] == kind.kind]
            for key in self.children.keep_only(kind, None, found, self.api.version):
                assert key == self.bot.key
            for one in found:
                self.children.put(kind, one)

    async def look(self):
        """Who waits; everything that was written is in `api.written()`."""
        self.watch()
        model = model_of(self.bot)
        bodies = manifests(model, self.bot, SITE)
        self.wanted = desired(self.bot, model, SITE, bodies)
        return await self.applying.apply(self.bot, self.wanted, bodies)

    def patched(self):
        """The workloads whose Deployments were written."""
        return [name.removeprefix("momentum-") for _, kind, name in self.api.written() if kind == "Deployment"]

    def drift(self):
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        return [line for line in lines if line.startswith("tradewind_operator_drift_corrected_total{")]


@pytest.fixture
async def world(api, client, monkeypatch):
    return World(api, client, monkeypatch)


async def test_what_is_missing_is_made_and_then_nothing_is_written(world, resource):
    await world.wants(resource())
    assert await world.look() == []
    made = {(kind, name) for _, kind, name in world.api.written()}
    assert made == set(world.wanted.hashes)
    await world.look()
    assert world.api.written() == []
    assert world.drift() == []


async def test_a_new_leader_writes_each_child_once_and_changes_none(world, resource):
    """It cannot know whether anybody has changed something meanwhile."""
    await world.wants(resource())
    await world.look()
    made, version = world.api.written(), world.api.version
    world.new_leader()
    await world.look()
    assert sorted(world.api.written()) == sorted(made)
    assert world.api.version == version
    await world.look()
    assert world.api.written() == []


async def test_only_what_somebody_has_changed_is_put_right(world, resource):
    await world.wants(resource())
    await world.look()
    right = world.api.get("ConfigMap", "momentum-manifest")["data"]
    await world.api.edit("ConfigMap", "momentum-manifest", {"data": {"bot.yaml": "nonsense"}})
    world.api.written()
    await world.look()
    assert world.api.written() == [("PATCH", "ConfigMap", "momentum-manifest")]
    assert world.api.get("ConfigMap", "momentum-manifest")["data"] == right
    assert world.drift() == ['tradewind_operator_drift_corrected_total{kind="ConfigMap"} 1.0']


def containers(world):
    pod = world.api.get("Deployment", "momentum-bot")["spec"]["template"]["spec"]
    return [one["name"] for one in pod["containers"]]


async def rename(world):
    """The container of a bot as a person renames it; what comes to be known of it."""
    pod = world.api.get("Deployment", "momentum-bot")["spec"]["template"]["spec"]
    others = [{**pod["containers"][0], "name": "other"}]
    await world.api.edit("Deployment", "momentum-bot", {"spec": {"template": {"spec": {"containers": others}}}})


def templates(world, since):
    """The containers of each template that there was since."""
    return [
        [container["name"] for container in one["spec"]["template"]["spec"]["containers"]]
        for version, _, one in world.api.history
        if one["kind"] == "Deployment" and version > since
    ]


@pytest.mark.parametrize("leader", ["same", "new"])
async def test_a_container_that_somebody_renamed_never_runs_beside_ours(world, resource, leader):
    """An apply lays ours beside it, by its name: two would trade in one account. At no moment are there both."""
    await world.wants(resource())
    await world.look()
    await rename(world)
    if leader == "new":
        world.new_leader()
    renamed = world.api.version
    await world.look()
    assert containers(world) == ["bot"]
    assert templates(world, renamed) == [["bot"]]
    world.api.written()
    await world.look()
    assert world.api.written() == []


async def test_one_that_no_watch_has_told_of_is_put_right_too(world, resource):
    """It was renamed a moment before we write for another reason."""
    await world.wants(resource())
    await world.look()
    await world.wants(resource(timeframe="4h"))
    world.watch()
    await rename(world)
    world.watch = lambda: None
    await world.look()
    assert containers(world) == ["bot"]


async def test_what_was_deleted_is_lost_and_comes_back(world, resource):
    await world.wants(resource())
    await world.look()
    assert not world.applying.lost(world.bot, world.wanted)
    await world.api.remove("Deployment", "momentum-bot")
    world.watch()
    assert world.applying.lost(world.bot, world.wanted)
    await world.look()
    assert world.api.get("Deployment", "momentum-bot")


async def test_a_former_profile_is_gone_before_the_new_one_begins(world, resource):
    """Two that trade in one account at the same time would double orders."""
    await world.wants(resource(profile="Standard"))
    await world.look()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "momentum-trading-1",
            "namespace": "trading",
            "labels": world.api.get("Deployment", "momentum-trading")["spec"]["template"]["metadata"]["labels"],
        },
    }
    await world.api.put(pod)
    world.api.written()
    await world.wants(resource(profile="Minimal"))
    with pytest.raises(TemporaryError, match="the former workloads are still ending"):
        await world.look()
    removed = [kind for verb, kind, _ in world.api.written() if verb == "DELETE"]
    assert removed[:5] == ["Deployment"] * 5
    with pytest.raises(TemporaryError, match="pods of former workloads are still there: momentum-trading-1"):
        await world.look()
    assert world.patched() == []
    await world.api.remove("Pod", "momentum-trading-1")
    await world.look()
    assert world.patched() == ["bot"]


async def test_what_holds_data_or_keys_is_never_too_much(world, resource):
    await world.wants(resource())
    await world.look()
    await world.wants(resource(profile="Standard"))
    with pytest.raises(TemporaryError):
        await world.look()
    await world.look()
    assert world.api.get("PersistentVolumeClaim", "momentum-state")


async def test_a_claim_that_is_being_deleted_is_left_alone(world, resource):
    """It goes when no pod uses it any more; until then it holds the bot's orders."""
    await world.wants(resource())
    await world.look()
    await world.api.edit(
        "PersistentVolumeClaim", "momentum-state", {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    )
    world.api.written()
    await world.look()
    assert world.api.written() == []


async def test_a_child_that_is_deleted_while_it_is_applied_is_not_taken_for_there(world, resource):
    """The watch may tell of the end before the answer to the write is read."""
    await world.wants(resource())
    await world.look()
    await world.api.remove("ConfigMap", "momentum-manifest")
    world.watch()
    answer = world.api.history[-1][2]
    with pytest.raises(TemporaryError, match="was deleted as soon as it was applied"):
        world.applying.remember(world.bot, BY_KIND["ConfigMap"], "content", answer)


# ------------------------------------------------------------------------------------------------------------- rollout


@pytest.fixture
async def running(world, resource):
    """A bot of seven workloads, all ready; then it is told to restart."""
    await world.wants(resource(profile="Full"))
    assert await world.look() == []
    assert sorted(world.patched()) == sorted(ORDER)
    assert list(world.wanted.workloads.values()) == ORDER
    await world.api.roll_out()
    await world.look()
    assert world.patched() == []
    restarted = resource({"annotations": {"tradewind.dev/restart": "1"}}, profile="Full")
    await world.wants(restarted)
    return world


async def test_workloads_are_changed_one_after_the_other(running):
    for position, workload in enumerate(ORDER):
        assert await running.look() == ORDER[position + 1 :]
        assert running.patched() == [workload]
        assert await running.look() == ORDER[position + 1 :]
        assert running.patched() == [], "the one before is not ready yet"
        await running.api.roll_out(f"momentum-{workload}")
    assert await running.look() == []
    assert running.patched() == []


async def test_one_that_never_gets_ready_holds_the_others_up_for_a_while_only(running):
    await running.look()
    running.now += 99
    assert await running.look()
    assert running.patched() == ORDER[:1]
    running.now += 2
    await running.look()
    assert running.patched() == ORDER[1:2]


async def test_a_new_leader_goes_on_in_the_order_of_dependencies(running):
    """The one before it was killed in the middle: what it has changed is not ready yet."""
    await running.look()
    assert running.patched() == ORDER[:1]
    running.new_leader()
    assert await running.look() == ORDER[1:]
    assert ORDER[1] not in running.patched()
    await running.api.roll_out(f"momentum-{ORDER[0]}")
    assert await running.look() == ORDER[2:]
    assert running.patched() == [ORDER[1]]


async def test_a_new_leader_does_not_wait_for_ever_either(running):
    await running.look()
    running.new_leader()
    assert await running.look() == ORDER[1:]
    running.now += 101
    running.patched()
    await running.look()
    assert running.patched() == [ORDER[1]]


async def test_one_that_led_before_remembers_nothing_wrong(running, resource):
    """The engine, which it restarted long ago and which was ready then, has been changed by another leader since."""
    await running.wants(resource({"annotations": {"tradewind.dev/restart.engine": "1"}}, profile="Full"))
    await running.api.edit("TradingBot", "momentum", {"metadata": {"annotations": {"tradewind.dev/restart": None}}})
    running.bot = read_bot(running.api.get("TradingBot", "momentum"))
    assert await running.look() == []
    assert running.patched() == ["engine"]
    await running.api.roll_out("momentum-engine")
    former = running.applying, running.children, running.metrics
    running.now += 1000
    running.new_leader()
    await running.wants(resource({"annotations": {"tradewind.dev/restart": "2"}}, profile="Full"))
    *before, _, after, last = ORDER
    for workload in before:
        await running.look()
        await running.api.roll_out(f"momentum-{workload}")
    assert await running.look() == [after, last]
    running.applying, running.children, running.metrics = former
    running.patched()
    assert await running.look() == [after, last]
    assert after not in running.patched()
