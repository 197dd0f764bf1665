"""Two operators are up and one of them works: never both, and never none for longer than the Lease allows.

Each has a ServiceAccount of its own, so the audit log of the API server tells who wrote what and when.
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from tests.cluster.operators import ACCOUNT, Operator, bot
from tests.cluster.scenes import cluster_of_a_module, until

OTHER = "tradewind-operator-other"
SHORT = 3.0
"""The duration of a Lease where nothing is measured, in seconds."""


@pytest.fixture(scope="module")
def cluster(control_plane, definition):
    """A namespace in which two accounts may do what an operator may."""
    with cluster_of_a_module(control_plane) as found:
        kubectl = ("-n", found.namespace, "create")
        subject = f"--serviceaccount={found.namespace}:{OTHER}"
        control_plane.kubectl(*kubectl, "serviceaccount", OTHER)
        control_plane.kubectl(*kubectl, "rolebinding", OTHER, f"--clusterrole={ACCOUNT}", subject)
        control_plane.kubectl(*kubectl, "rolebinding", f"{OTHER}-lease", f"--role={ACCOUNT}-lease", subject)
        yield found


class Pair:
    """A leader, and a standby that watches. `proxy` stands before the leader alone."""

    def __init__(self, cluster, proxy, directory, duration):
        self.cluster, self.proxy = cluster, proxy
        self.leader = self._operator(ACCOUNT, directory, duration, proxy.url)
        self.standby = self._operator(OTHER, directory, duration, None)
        self.leader.lead()
        self.standby.start()
        self.began = datetime.now(UTC)

    def _operator(self, account, directory, duration, server):
        kubeconfig = self.cluster.plane.kubeconfig_for(self.cluster.namespace, account, server=server)
        return Operator(
            self.cluster.plane,
            namespaces=(self.cluster.namespace,),
            directory=directory,
            kubeconfig=kubeconfig,
            variables={"lease_duration": str(duration)},
            forked=True,
        )

    def writes(self, account, since=None):
        """When an account changed anything but the Lease, and what."""
        user = f"system:serviceaccount:{self.cluster.namespace}:{account}"
        return [
            one
            for one in self.cluster.plane.writes(since or self.began)
            if one.user == user and not one.resource.startswith("leases")
        ]

    def change(self, name, stop):
        """Another stop loss for a bot; returns at once."""
        self.cluster.patch("TradingBot", name, {"spec": {"risk": {"stopLoss": stop}}})

    def done(self, name, stop):
        """Whether that has arrived."""
        manifest = self.cluster.get("ConfigMap", f"{name}-manifest") or {"data": {}}
        return stop in manifest["data"].get("bot.yaml", "")

    def handed_over(self):
        """Whoever wrote anything held the Lease, by the API server's own log: its last writer was the same one."""
        namespace = self.cluster.namespace
        users = {f"system:serviceaccount:{namespace}:{account}": account for account in (ACCOUNT, OTHER)}
        there = [one for one in self.cluster.plane.writes(self.began) if one.user in users]
        holder, taken, wrong = ACCOUNT, None, []
        for one in sorted(there, key=lambda one: one.at):
            account = users[one.user]
            if one.resource.startswith("leases"):
                if one.code < HTTPStatus.BAD_REQUEST and account != holder:
                    holder, taken = account, one.at
            elif account != holder:
                wrong.append(f"{one.at:%T.%f} {account} {one.verb} {one.resource} {one.name}: {one.code}")
        assert not wrong, f"{holder} held the Lease since {taken}:\n" + "\n".join(wrong)
        return holder == OTHER and bool(self.writes(OTHER))


@pytest.fixture
def pair(cluster, proxy, tmp_path):
    """Makes a pair with a Lease of this duration; ends both."""
    made = []

    def make(duration=SHORT):
        made.append(Pair(cluster, proxy, tmp_path, duration))
        cluster.apply(bot("momentum", cluster.namespace, "Standard"))
        until("it is reconciled", lambda: cluster.condition("momentum", "Reconciled").get("reason") == "Applied")
        return made[-1]

    yield make
    proxy.heal()
    for one in made:
        one.leader.stop()
        one.standby.stop()
        assert not one.leader.errors() + one.standby.errors()


def say(capsys, text):
    with capsys.disabled():
        sys.stdout.write(f" [{text}]")


def test_a_standby_is_ready_and_writes_nothing_until_sigterm_hands_over_at_once(pair, capsys):
    """It knows everything; a leader that is told to end leaves the Lease to it."""
    both = pair(9.0)
    assert '"ok"' in both.standby.fetch("/readyz")
    assert 1.0 == both.leader.metric("tradewind_operator_leader")
    assert 0.0 == both.standby.metric("tradewind_operator_leader")
    both.change("momentum", "0.11")
    until("the leader has done it", lambda: both.done("momentum", "0.11"))
    assert both.writes(ACCOUNT)
    assert [] == both.writes(OTHER)

    began = time.monotonic()
    both.leader.stop()
    both.change("momentum", "0.12")
    until("the standby has done it", lambda: both.done("momentum", "0.12"))
    took = time.monotonic() - began
    say(capsys, f"after SIGTERM a change was reconciled within {took:.1f} s")
    assert took < 6, "a Lease that is given up must not be waited for"
    assert both.handed_over()


def test_after_sigkill_another_reconciles_within_fifteen_seconds(pair, capsys):
    """With the Lease of nine seconds that an installation has by default."""
    both = pair(9.0)
    both.leader.kill()
    began = time.monotonic()
    both.change("momentum", "0.21")
    until("the standby has done it", lambda: both.done("momentum", "0.21"), explain=both.standby.process.tail)
    took = time.monotonic() - began
    say(capsys, f"after SIGKILL a change was reconciled within {took:.1f} s")
    assert 5 < took < 15, "sooner than the Lease allows would be two leaders"
    assert both.handed_over()


def test_a_leader_that_was_stopped_writes_nothing_until_it_leads_again(pair):
    """It is stopped in the middle of its work for longer than the Lease, and does not go on with it afterwards."""
    both = pair()
    cluster = both.cluster
    for number in range(3):
        cluster.apply(bot(f"busy-{number}", cluster.namespace, "Full"))
    until("it is at work", lambda: len(both.writes(ACCOUNT)) > 5)
    both.leader.process.pause()
    until("the standby leads", lambda: both.standby.lines("leads"))
    for number in range(3):
        cluster.wait_for(f"busy-{number}", "Reconciled", "True", "Applied")
    cluster.delete("ConfigMap", "busy-0-manifest")  # something to do for whoever thinks that it leads
    both.leader.process.resume()
    both.change("momentum", "0.31")
    until("the standby has done it", lambda: both.done("momentum", "0.31"))
    until("the former leader knows", lambda: both.leader.lines("does not lead"))
    threading.Event().wait(SHORT)
    assert both.handed_over()

    both.standby.kill()
    both.change("momentum", "0.32")
    until("the former leader leads again", lambda: both.done("momentum", "0.32"))


def test_a_leader_that_was_stopped_alone_goes_on_with_what_came_meanwhile(pair):
    """Nobody took the Lease: what it may have turned away before it renewed is looked at all the same."""
    both = pair()
    both.standby.kill()
    for number in range(3):
        both.leader.process.pause()
        both.change("momentum", f"0.4{number + 1}")
        threading.Event().wait(SHORT)
        both.leader.process.resume()
        until("it is done", lambda number=number: both.done("momentum", f"0.4{number + 1}"))


def test_a_lease_that_cannot_be_renewed_ends_the_writing(pair):
    """Only the Lease is out of reach: the leader could go on writing, and must not."""
    both = pair()
    both.proxy.fail(503, matching=lambda _, path: "/leases/" in path)
    until("the leader stops", lambda: both.leader.lines("does not lead"))
    until("the standby leads", lambda: both.standby.lines("leads"))
    both.change("momentum", "0.51")
    until("the standby has done it", lambda: both.done("momentum", "0.51"))
    assert both.handed_over()
    renewed = max(
        one.at
        for one in both.cluster.plane.writes()
        if one.user.endswith(f":{both.cluster.namespace}:{ACCOUNT}") and one.resource.startswith("leases")
    )
    assert all(one.at < renewed + timedelta(seconds=SHORT) for one in both.writes(ACCOUNT))
    both.proxy.heal()
    assert 200 == both.cluster.plane.request("GET", "/readyz")[0]


def test_a_leader_without_an_api_server_ends_its_writes_and_begins_again(pair):
    """The API server does not answer it any more, for longer than the Lease, and nobody else does."""
    both = pair()
    both.proxy.stop_after(1, lambda *_: True)
    until("the standby leads", lambda: both.standby.lines("leads"))
    both.change("momentum", "0.61")
    until("the standby has done it", lambda: both.done("momentum", "0.61"))
    assert both.handed_over()
    both.standby.stop()
    both.proxy.heal()
    both.change("momentum", "0.62")
    until("the first one has done it", lambda: both.done("momentum", "0.62"), explain=both.leader.process.tail)
