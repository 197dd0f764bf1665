"""From a bot to its workloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.catalog import CATALOG, Scaling
from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigErrors
from tradewind.plan import plan

QUICKSTART = Path(__file__).parents[2] / "manifests" / "samples" / "quickstart.yaml"


def planned(profile, *overrides):
    bot = load_bot(QUICKSTART, [f"spec.profile={profile}", *overrides])
    return {workload.name: workload for workload in plan(bot)}


@pytest.mark.parametrize("profile", ["Minimal", "Standard", "Full"])
def test_every_service_runs_exactly_once(profile):
    """No profile forgets a service or runs one in two workloads."""
    running = [service for workload in planned(profile).values() for service in workload.services]

    assert sorted(spec.name for spec in CATALOG) == sorted(running)


def test_minimal_is_one_workload_and_full_is_one_per_service():
    """The ends of the scale."""
    assert ["bot"] == list(planned("Minimal"))
    assert sorted(spec.name for spec in CATALOG) == sorted(planned("Full"))


def test_standard_groups_what_belongs_together():
    """Door, trading, market-data, execution, operations, and the venue that a simulated market needs."""
    workloads = planned("Standard")

    assert {"door", "trading", "market-data", "execution", "operations", "sim-exchange"} == set(workloads)
    assert {"engine", "portfolio", "strategy"} == set(workloads["trading"].services)


@pytest.mark.parametrize("profile", ["Minimal", "Standard", "Full"])
def test_a_service_that_the_bot_does_not_use_does_not_run(profile):
    """On the paper venue there is no exchange to simulate."""
    running = [s for w in planned(profile, "spec.exchanges[0].venue=Paper").values() for s in w.services]

    assert {spec.name for spec in CATALOG} - {"sim-exchange"} == set(running)


@pytest.mark.parametrize("profile", ["Minimal", "Standard", "Full"])
def test_a_workload_with_a_singleton_is_never_scaled(profile):
    """Two of a singleton would trade one account twice: it is recreated, not rolled, and refuses replicas."""
    scaling = {spec.name: spec.scaling for spec in CATALOG}
    for workload in planned(profile).values():
        singleton = any(scaling[service] is Scaling.SINGLETON for service in workload.services)

        assert workload.recreate == singleton
        assert workload.scalable == (not singleton)
        assert 1 == workload.replicas


def test_all_wrong_strategies_are_told_together():
    """What only the plan can see is refused with field, value, what is allowed and the fix, each on its line."""
    bot = load_bot(
        QUICKSTART,
        ["spec.strategies[0].kind=EmaCros", "spec.strategies[1].parameters={entryPeriods: 20, exitPeriod: 0}"],
    )

    with pytest.raises(ConfigErrors) as refused:
        plan(bot)
    lines = str(refused.value).splitlines()

    assert "spec.strategies[0].kind: received EmaCros" in lines[0]
    assert "EmaCross" in lines[0]
    assert any("spec.strategies[1].parameters.entryPeriods" in line for line in lines)
    assert any("spec.strategies[1].parameters.exitPeriod" in line for line in lines)
    assert all("allowed:" in line and "fix:" in line for line in lines)
