"""SIGKILL of the operator at random points of everything that it does to bots: whoever comes next ends it.

Three bots go round through five steps (made, changed, another profile, suspended, deleted). First undisturbed, all at
once and each one step ahead of the next: what there is after each step is what has to be there after a kill as well.
Then one bot after the other takes its next step, and the operator is killed in the middle of it. A point is a number of
writes for that bot that were let through, drawn from a seed; the last of them is answered or not.
`TRADEWIND_KILL_POINTS` sets how many points there are (50).
"""

from __future__ import annotations

import functools
import os
import random
import sys

import pytest
import yaml
from tests.cluster.operators import ACCOUNT, ROOT, bot
from tests.cluster.proxy import Proxy
from tests.cluster.scenes import (
    cluster_of_a_module,
    difference,
    is_write,
    keys_of,
    operator_behind,
    rolled_out,
    states,
    until,
)

PROFILES = {
    "anna": ("Standard", "Full"),
    "bert": ("Minimal", "Standard"),
    "cleo": ("Minimal", "Minimal"),
}
"""Of each bot, before and after it is switched. Who stays Minimal gets other bounds: pods keep a control plane busy.
More bots would go through the same again, and each operator that is begun applies every child of all of them once.

A bot that keeps its state on a volume cannot become one that does not, so those name a database of their own.
"""
NAMES = tuple(PROFILES)
STEPS = ("made", "changed", "switched", "suspended", "deleted")
POINTS = int(os.environ.get("TRADEWIND_KILL_POINTS", "50"))
SEED = 20


@pytest.fixture(scope="module")
def cluster(control_plane, definition):
    """A namespace for the tests of this file."""
    with cluster_of_a_module(control_plane) as found:
        yield found


@pytest.fixture
def proxy(control_plane):
    """Behind it works every operator of a test, one after the other."""
    with Proxy(control_plane.url, control_plane.certificates) as running:
        yield running


@pytest.fixture
def operator(cluster, proxy, tmp_path):
    """One identity throughout: the Lease is taken by the next process at once."""
    with operator_behind(proxy, cluster, tmp_path) as made:
        yield made


def traded(name, namespace, profile="Minimal", **spec):
    """A bot with an exchange of its own: something would outlive it, so it has a finalizer."""
    document = bot(name, namespace, profile, **spec)
    sample = yaml.safe_load((ROOT / "manifests" / "samples" / "standard.yaml").read_text())["spec"]
    return {**document, "spec": {**document["spec"], "exchanges": sample["exchanges"]}}


def wanted(name, namespace, step):
    """The resource of a bot at a step; None where it is deleted."""
    make = traded if name == "bert" else bot
    if step == "deleted":
        return None
    before, after = PROFILES[name]
    switched = step not in ("made", "changed")
    positions = 2 if switched and before == after else 1
    changed = {} if step == "made" else {"risk": {"maxOpenPositions": positions, "stopLoss": "0.1"}}
    if before == "Minimal":
        changed["storage"] = {"postgresSecretRef": {"name": "database"}, "redisSecretRef": {"name": "broker"}}
    profile = after if switched else before
    return make(name, namespace, profile, suspended=step == "suspended", **changed)


def steps_in(turn):
    """The step of each bot in a turn of the undisturbed round."""
    return {name: STEPS[(turn + number) % len(STEPS)] for number, name in enumerate(NAMES)}


def ask(cluster, name, step):
    """Tell the API server what a bot is to be."""
    resource = wanted(name, cluster.namespace, step)
    if resource is not None:
        cluster.apply(resource)
    else:
        cluster.delete("TradingBot", name)


def differences(cluster, steps, reference, name=None):
    """What is not as it has to be where one bot, or each, has taken its step, in words."""
    found = states(cluster, name)
    return [
        f"{one} ({step}): {words}"
        for one, step in steps.items()
        if name in (None, one)
        for words in difference(found.get(one, {}), reference[(one, step)])
    ]


def is_settled(cluster, steps):
    """Nothing is on its way, by what the conditions and the Deployments say."""
    found = states(cluster)
    return rolled_out(cluster) and all(_is_there(found.get(name, {}), step) for name, step in steps.items())


def _is_there(found, step):
    if step == "deleted" or not found:
        return step == "deleted" and not found
    conditions = found["status"]["conditions"]
    services = found["status"]["services"] or ()
    pods = any(key.startswith("pods of") for key in found)
    suspended = conditions.get("Ready") == ("False", "Suspended")
    return (
        found["status"]["of the present spec"]
        and conditions["Reconciled"][0] == "True"
        and pods is not (step == "suspended")
        and all(one["ready"] == one["desired"] for one in services)
        and suspended is (step == "suspended")
    )


def undisturbed(cluster, operator):
    """What there is of each bot after each step, and how many writes that took, by bot and step."""
    operator.lead()
    reference, writes = {}, {}
    for turn in range(len(STEPS)):
        before, steps = len(cluster.plane.writes()), steps_in(turn)
        for name, step in steps.items():
            ask(cluster, name, step)
        until(
            f"turn {turn} is settled",
            lambda steps=steps: is_settled(cluster, steps),
            explain=lambda: states(cluster),
        )
        found = states(cluster)
        ours = [one for one in cluster.plane.writes()[before:] if one.user.endswith(f"{cluster.namespace}:{ACCOUNT}")]
        for name, step in steps.items():
            reference[(name, step)] = found.get(name, {})
            writes[(name, step)] = sum(one.name.startswith(name) for one in ours)
    return reference, writes


@pytest.mark.timeout(300 + 15 * POINTS)
def test_after_a_kill_at_any_point_everything_is_as_if_nothing_had_been(cluster, proxy, operator, capsys):
    """At least 50 points: no child is missing, different or there twice; keys are what they were."""
    reference, writes = undisturbed(cluster, operator)
    chance, steps, inside = random.Random(SEED), steps_in(len(STEPS) - 1), 0
    for point in range(POINTS):
        name = NAMES[point % len(NAMES)]
        step = STEPS[(STEPS.index(steps[name]) + 1) % len(STEPS)]
        steps[name] = step
        keys = {each: keys_of(cluster, each) for each in NAMES}
        limit = chance.randint(1, max(1, writes[(name, step)]))
        proxy.stop_after(limit, is_write, answer_last=chance.random() < 0.5)
        ask(cluster, name, step)
        of_it = functools.partial(differences, cluster, steps, reference, name)
        # Where fewer writes were needed than without a disturbance there is nothing more to wait for.
        until("the point is reached", lambda: proxy.stopped.wait(1.0) or not of_it(), explain=of_it)  # noqa: B023 - at once
        operator.kill()
        inside += bool(of_it())
        proxy.heal()
        operator.start()
        until(f"{name} is {step}, killed after {limit} writes, as without a kill", lambda: not of_it(), explain=of_it)  # noqa: B023
        of_all = functools.partial(differences, cluster, steps, reference)
        until("no other bot is touched", lambda: not of_all(), explain=of_all)  # noqa: B023
        for each in NAMES:
            if each != name or step not in ("made", "deleted"):
                assert keys_of(cluster, each) == keys[each]
                assert (keys[each] is None) == (steps[each] == "deleted")
    with capsys.disabled():
        sys.stdout.write(f" [{POINTS} points, {inside} of them in the middle of a bot's change]")
    assert inside >= POINTS / 2


def test_a_bot_that_is_deleted_while_no_operator_runs_ends_when_one_comes(cluster, proxy, operator):
    """The finalizer waits for as long as it takes; without one its children go by themselves."""
    operator.lead()
    cluster.apply(traded("fritz", cluster.namespace))
    cluster.wait_for("fritz", "Reconciled", "True", "Applied")
    operator.kill()
    cluster.delete("TradingBot", "fritz")
    assert cluster.get("TradingBot", "fritz")["metadata"]["deletionTimestamp"]
    assert cluster.get("Deployment", "fritz-bot") is not None
    operator.start()
    until("it has ended", lambda: "fritz" not in states(cluster), explain=lambda: states(cluster).get("fritz"))
