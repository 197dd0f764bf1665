"""SIGKILL of the operator at random points of everything that it does to bots: whoever comes next ends it.

Five bots go round through five steps (made, changed, another profile, suspended, deleted), each bot one step ahead of
the next, so that every kill meets all five kinds of work under way. First undisturbed: what there is after each step is
what has to be there after a kill as well. A point is a number of writes that were let through, drawn from a seed; the
last of them is answered or not. `TRADEWIND_KILL_POINTS` sets how many points there are (50).
"""

from __future__ import annotations

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

NAMES = ("anna", "bert", "cleo", "dora", "emil")
OWN_DATABASE = ("bert", "cleo", "dora", "emil")
"""A bot that keeps its state on a volume cannot become one that does not, so these name a database of their own.

They go from Minimal to Standard, one goes from Standard to Full: a Full bot has a control plane busy for seconds.
"""
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
    make = traded if name in ("bert", "dora") else bot
    changed = {} if step == "made" else {"risk": {"maxOpenPositions": 1, "stopLoss": "0.1"}}
    if step == "deleted":
        return None
    before, after = ("Minimal", "Standard") if name in OWN_DATABASE else ("Standard", "Full")
    if name in OWN_DATABASE:
        changed["storage"] = {"postgresSecretRef": {"name": "database"}, "redisSecretRef": {"name": "broker"}}
    profile = before if step in ("made", "changed") else after
    return make(name, namespace, profile, suspended=step == "suspended", **changed)


def step_of(name, turn):
    return STEPS[(turn + NAMES.index(name)) % len(STEPS)]


def ask(cluster, turn):
    """Tell the API server what all bots are to be in this turn."""
    for name in NAMES:
        resource = wanted(name, cluster.namespace, step_of(name, turn))
        if resource is not None:
            cluster.apply(resource)
        else:
            cluster.delete("TradingBot", name)


def differences(cluster, turn, reference):
    """What is not as it has to be after this turn, in words that begin with the name of the bot."""
    found = states(cluster)
    return [
        f"{name} ({step_of(name, turn)}): {words}"
        for name in NAMES
        for words in difference(found.get(name, {}), reference[(name, step_of(name, turn))])
    ]


def is_settled(cluster, turn):
    """Nothing is on its way, by what the conditions and the Deployments say."""
    found = states(cluster)
    return rolled_out(cluster) and all(_is_there(found.get(name, {}), step_of(name, turn)) for name in NAMES)


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


def undisturbed(cluster, proxy, operator):
    """What there is of each bot after each step, and how many writes that took, by turn."""
    operator.lead()
    reference, writes = {}, []
    for turn in range(len(STEPS)):
        before = len(cluster.plane.writes())
        ask(cluster, turn)
        until(
            f"turn {turn} is settled",
            lambda turn=turn: is_settled(cluster, turn),
            explain=lambda: states(cluster),
        )
        found = states(cluster)
        reference |= {(name, step_of(name, turn)): found.get(name, {}) for name in NAMES}
        ours = [one for one in cluster.plane.writes()[before:] if one.user.endswith(f"{cluster.namespace}:{ACCOUNT}")]
        writes.append(sum(not one.resource.startswith("leases") for one in ours))
    return reference, writes


@pytest.mark.timeout(300 + 15 * POINTS)
def test_after_a_kill_at_any_point_everything_is_as_if_nothing_had_been(cluster, proxy, operator, capsys):
    """At least 50 points: no child is missing, different or there twice; keys are what they were."""
    reference, writes = undisturbed(cluster, proxy, operator)
    chance = random.Random(SEED)
    turn, points, inside = len(STEPS), 0, 0
    while points < POINTS:
        keys = {name: keys_of(cluster, name) for name in NAMES}
        limit = chance.randint(1, writes[turn % len(STEPS)])
        proxy.stop_after(limit, is_write, answer_last=chance.random() < 0.5)
        ask(cluster, turn)
        # Where fewer writes were needed than without a disturbance there is nothing more to wait for.
        until(
            "the point is reached",
            lambda turn=turn: proxy.stopped.wait(1.0) or not differences(cluster, turn, reference),
            explain=lambda turn=turn: "\n".join(differences(cluster, turn, reference)),
        )
        operator.kill()
        unfinished = {words.split(" ")[0] for words in differences(cluster, turn, reference)}
        proxy.heal()
        operator.start()
        until(
            f"turn {turn}, killed after {limit} writes, is as without a kill",
            lambda turn=turn: not differences(cluster, turn, reference),
            explain=lambda turn=turn: "\n".join(differences(cluster, turn, reference)),
        )
        for name in NAMES:
            if step_of(name, turn) not in ("made", "deleted"):
                assert keys_of(cluster, name) == keys[name] is not None
        turn, points, inside = turn + 1, points + len(NAMES), inside + len(unfinished)
    with capsys.disabled():
        sys.stdout.write(f" [{points} points, {inside} of them in the middle of a bot's change]")
    assert inside >= points / 3


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
