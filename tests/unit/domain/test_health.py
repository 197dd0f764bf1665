"""The health score: what costs how much, and what does not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.health import GIGABYTE, HealthFacts, health_parts, health_score, health_status
from tradewind.domain.risk import BALANCE_DRIFT_LIMIT

WELL = HealthFacts(
    services={"engine": "", "portfolio": ""},
    down=frozenset(),
    feed_ended=False,
    data_age=1.0,
    data_interval=1.0,
    trading="Running",
    balance_drift=Decimal(0),
    disk_free=100 * GIGABYTE,
    failures=0,
)


def score(**changes):
    return health_score(health_parts(replace(WELL, **changes)))


def part(name, **changes):
    return next(one for one in health_parts(replace(WELL, **changes)) if one.name == name)


def test_a_bot_that_is_well_scores_100():
    """Nothing is deducted without a reason, and the weights are percents of the whole."""
    parts = health_parts(WELL)

    assert health_score(parts) == 100
    assert sum(one.weight for one in parts) == 100
    assert all(one.score == 100 and one.detail for one in parts)


@pytest.mark.parametrize(
    ("changes", "expected", "status"),
    [
        ({"services": {"engine": "service Failed", "portfolio": ""}, "down": frozenset({"engine"})}, 70, "Degraded"),
        ({"services": {"engine": "venue not reconciled", "portfolio": ""}}, 77, "Degraded"),
        ({"data_age": 7.5}, 87, "Healthy"),
        ({"data_age": 3600.0}, 75, "Degraded"),
        ({"data_age": None}, 75, "Degraded"),
        ({"data_age": None, "feed_ended": True}, 100, "Healthy"),
        ({"data_age": 50.0, "data_interval": None}, 100, "Healthy"),
        ({"data_age": 120.0, "data_interval": None}, 75, "Degraded"),
        ({"trading": "Paused"}, 92, "Healthy"),
        ({"trading": "EmergencyStopped"}, 85, "Healthy"),
        ({"trading": None}, 85, "Healthy"),
        ({"balance_drift": Decimal("0.5")}, 90, "Healthy"),
        ({"balance_drift": None}, 90, "Healthy"),
        ({"disk_free": GIGABYTE // 2}, 90, "Healthy"),
        ({"disk_free": 3 * GIGABYTE}, 95, "Healthy"),
        ({"disk_free": None}, 90, "Healthy"),
        ({"failures": 1}, 98, "Healthy"),
        ({"failures": 50}, 90, "Healthy"),
        ({"data_age": 3600.0, "trading": None, "failures": 9}, 50, "Critical"),
    ],
)
def test_what_each_trouble_costs(changes, expected, status):
    """One trouble is told by a number that a person can take apart; a service down is never healthy."""
    assert (score(**changes), health_status(score(**changes))) == (expected, status)


def test_a_part_says_why():
    """The detail names the service, the age, the drift: what a person asks next."""
    changes = {"services": {"engine": "", "execution": "venue not reconciled yet"}}
    assert part("services", **changes).detail == "not ready: execution (venue not reconciled yet)"
    assert part("services", down=frozenset({"engine"})).detail == "down: engine"
    assert part("data", data_age=12.0, data_interval=10.0).detail == "last candle 12 s ago, late after 30 s"
    assert part("balances", balance_drift=Decimal("0.0100")).detail.startswith("a ratio of 0.01 ")
    assert part("disk", disk_free=3 * GIGABYTE).detail == "3.0 GB free"


def test_a_slow_replay_is_late_only_after_three_of_its_own_intervals():
    """An hourly candle of a bot in real time may be hours old; the same age kills a fast one."""
    assert part("data", data_age=3 * 3600.0, data_interval=3600.0).score == 100
    assert part("data", data_age=6 * 3600.0, data_interval=3600.0).score == 0
    assert part("data", data_age=5.0, data_interval=0.001).score == 100


def test_a_drift_within_what_the_gates_allow_costs_nothing():
    """The score and the engine's gate agree about when a difference matters."""
    assert part("balances", balance_drift=BALANCE_DRIFT_LIMIT).score == 100
    assert part("balances", balance_drift=BALANCE_DRIFT_LIMIT * 2).score < 100


@given(
    st.builds(
        HealthFacts,
        services=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=9),
        down=st.frozensets(st.text(max_size=5), max_size=3),
        feed_ended=st.booleans(),
        data_age=st.none() | st.floats(0, 1e9),
        data_interval=st.none() | st.floats(0.0001, 1e9),
        trading=st.none() | st.text(max_size=9),
        balance_drift=st.none() | st.decimals(0, 10, places=6),
        disk_free=st.none() | st.integers(0, 10**16),
        failures=st.integers(0, 10**6),
    )
)
def test_every_score_is_between_0_and_100(facts):
    """Whatever is found out about a bot, the gauge stays on its scale."""
    parts = health_parts(facts)

    assert all(0 <= one.score <= 100 for one in parts)
    assert 0 <= health_score(parts) <= 100
