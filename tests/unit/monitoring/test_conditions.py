"""Conditions: what is said of a bot in which state, and when the time of each moves."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.domain.health import HealthFacts, health_parts
from tradewind.monitoring.conditions import ConditionLog, conditions_of

WELL = HealthFacts(
    services={"engine": "", "execution": ""},
    down=frozenset(),
    feed_ended=True,
    data_age=None,
    data_interval=None,
    trading="Running",
    balance_drift=Decimal(0),
    disk_free=10**12,
    failures=0,
)


def found(**changes):
    facts = replace(WELL, **changes)
    return {one.type: one for one in conditions_of(facts, health_parts(facts))}


def test_a_bot_that_is_well_says_so_in_five_conditions():
    """Every condition is always there, so that its absence never has to be read."""
    assert {name: one.status for name, one in found().items()} == {
        "Ready": "True",
        "Trading": "True",
        "ExchangeConnected": "True",
        "Degraded": "False",
        "Paused": "False",
    }


@pytest.mark.parametrize(
    ("changes", "kind", "status", "reason", "words"),
    [
        ({"services": {"engine": "service Starting", "execution": ""}}, "Ready", "False", "ServicesNotReady", "engine"),
        ({"trading": "Paused"}, "Trading", "False", "Paused", "exits go on"),
        ({"trading": "Paused"}, "Paused", "True", "Paused", "paused"),
        ({"trading": "Stopped"}, "Trading", "False", "Stopped", "nothing is decided"),
        ({"trading": "EmergencyStopped"}, "Trading", "False", "EmergencyStopped", "a person clears it"),
        ({"trading": None}, "Trading", "Unknown", "EngineSilent", "does not answer"),
        ({"trading": None}, "Paused", "Unknown", "EngineSilent", "does not answer"),
        (
            {"services": {"execution": "venue not reconciled yet"}},
            "ExchangeConnected",
            "False",
            "NotReconciled",
            "not reconciled yet",
        ),
        (
            {"feed_trouble": {"BTC/EUR": "Silent: no update for 3 intervals"}},
            "ExchangeConnected",
            "False",
            "CandlesDisturbed",
            "BTC/EUR: Silent: no update",
        ),
        ({"down": frozenset({"execution"})}, "ExchangeConnected", "Unknown", "ExecutionSilent", "execution"),
        ({"services": {"engine": ""}}, "ExchangeConnected", "Unknown", "ExecutionSilent", "execution"),
        ({"down": frozenset({"engine"})}, "Degraded", "True", "HealthScoreLow", "services: down: engine"),
        ({"feed_ended": False}, "Degraded", "True", "HealthScoreLow", "data: no candle yet"),
    ],
)
def test_each_trouble_has_a_status_a_word_and_a_sentence(changes, kind, status, reason, words):
    """The reason is one word for machines, the message what a person reads."""
    one = found(**changes)[kind]

    assert (one.status, one.reason) == (status, reason)
    assert words in one.message
    assert re.fullmatch(r"[A-Z][A-Za-z]+", one.reason)


def test_the_time_moves_when_the_status_flips_and_only_then():
    """A condition that changes its words but not its status is as old as it was."""
    log = ConditionLog()

    def at(now, **changes):
        log.update(found(**changes).values(), now)
        return {one.type: one for one in log.current}

    assert {one.since for one in at(1.0).values()} == {1.0}
    assert {one.since for one in at(2.0).values()} == {1.0}
    paused = at(3.0, trading="Paused")
    assert (paused["Trading"].since, paused["Paused"].since, paused["Ready"].since) == (3.0, 3.0, 1.0)
    stopped = at(4.0, trading="Stopped")
    assert (stopped["Trading"].reason, stopped["Trading"].since, stopped["Paused"].since) == ("Stopped", 3.0, 4.0)
