"""GO / NO-GO: every gate both ways, with its value and its limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.domain.risk import RiskLimits, RiskView, Verdict, gates, limits_used, refusals

D = Decimal
LIMITS = RiskLimits(
    min_confidence=D("0.8"),
    max_open_positions=2,
    max_daily_loss=D("0.03"),
    max_drawdown=D("0.15"),
    max_total_exposure=D("0.5"),
)
FINE = RiskView(
    trading_state="Running",
    score=D("0.8"),
    open_positions=1,
    exposure=D("499.99"),
    equity=D(1000),
    equity_peak=D(1000),
    day_start_equity=D(1000),
    balance_drift=D("0.0001"),
    health=60,
    data_age=300.0,
    connected=True,
)


def gate(name, view, limits=LIMITS):
    return next(one for one in gates(view, limits) if one.name == name)


def test_everything_at_its_limit_goes():
    """Every gate answers, in a fixed order, and refuses nothing."""
    answers = gates(FINE, LIMITS)
    assert [one.name for one in answers] == [
        "trading_state",
        "pair",
        "confidence",
        "open_positions",
        "exposure",
        "drawdown",
        "daily_loss",
        "balance_drift",
        "health_score",
        "data_freshness",
        "exchange_connectivity",
    ]
    assert {one.verdict for one in answers} == {Verdict.GO}
    assert refusals(answers) == ()


def shown(answer):
    """A gate's answer as people read it."""
    return answer.name, answer.verdict, answer.value, answer.limit


@pytest.mark.parametrize(
    ("name", "change", "value", "limit"),
    [
        ("trading_state", {"trading_state": "Paused"}, "Paused", "Running"),
        ("trading_state", {"trading_state": "EmergencyStopped"}, "EmergencyStopped", "Running"),
        ("pair", {"named": False}, "not named", "named by spec.pairs"),
        ("confidence", {"score": D("0.7999")}, "0.7999", ">= 0.8"),
        ("open_positions", {"open_positions": 2}, "2", "< 2"),
        ("exposure", {"exposure": D(500)}, "0.5000", "< 0.5"),
        ("exposure", {"equity": D(0), "exposure": D(0)}, "1.0000", "< 0.5"),
        ("drawdown", {"equity_peak": D(1000) / D("0.85")}, "0.1500", "< 0.15"),
        ("daily_loss", {"day_start_equity": D(1000) / D("0.97")}, "0.0300", "< 0.03"),
        ("balance_drift", {"balance_drift": D("0.00011")}, "0.00011", "<= 0.0001"),
        ("health_score", {"health": 59}, "59", "60"),
        ("data_freshness", {"data_age": 300.1}, "300.1", "300 s"),
        ("exchange_connectivity", {"connected": False}, "False", "connected"),
    ],
)
def test_each_gate_refuses_alone(name, change, value, limit):
    """And says what it saw and what it wanted."""
    view = replace(FINE, **change)
    assert shown(gate(name, view)) == (name, Verdict.NO_GO, value, limit)
    others = {"drawdown", "daily_loss"} if "equity" in change else set()  # no equity is a loss of everything, too
    assert set(refusals(gates(view, LIMITS))) == {name, *others}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("health_score", {"health": None}),
        ("data_freshness", {"data_age": None}),
        ("exchange_connectivity", {"connected": None}),
    ],
)
def test_what_has_no_meaning_in_a_replay_does_not_refuse(name, change):
    """And does not pretend to have been looked at."""
    answer = gate(name, replace(FINE, **change))
    assert (answer.verdict, answer.value) == (Verdict.NOT_APPLICABLE, "replay")
    assert refusals([answer]) == ()


@pytest.mark.parametrize(("name", "field"), [("drawdown", "max_drawdown"), ("daily_loss", "max_daily_loss")])
def test_a_limit_that_is_switched_off_does_not_refuse(name, field):
    """However much was lost; the value is still shown."""
    view = replace(FINE, equity=D(10), exposure=D(0))
    answer = gate(name, view, replace(LIMITS, **{field: None}))
    assert shown(answer) == (name, Verdict.NOT_APPLICABLE, "0.9900", "none")


def test_a_gain_is_no_loss():
    """Above the peak and above the start of the day, and where there is nothing to compare with."""
    view = replace(FINE, equity=D(2000), day_start_equity=D(0))
    assert [gate(name, view).value for name in ("drawdown", "daily_loss")] == ["0.0000", "0.0000"]


def test_how_much_of_each_limit_is_used():
    """1 is where the gate of that name begins to refuse; what has no limit is never used."""
    at_the_limit = replace(
        FINE, open_positions=2, exposure=D("425"), equity=D(850), equity_peak=D(1000), day_start_equity=D("873.78")
    )
    used = limits_used(at_the_limit, LIMITS)
    refusing = {name for name in used if gate(name, at_the_limit).verdict is Verdict.NO_GO}

    assert used["open_positions"] == used["exposure"] == used["drawdown"] == 1
    assert D("0.9") < used["daily_loss"] < 1
    assert refusing == {"open_positions", "exposure", "drawdown"} == {name for name in used if used[name] >= 1}
    assert limits_used(at_the_limit, replace(LIMITS, max_drawdown=None))["drawdown"] == 0
    assert limits_used(replace(FINE, equity=D(0)), LIMITS)["exposure"] == 2
    assert limits_used(FINE, replace(LIMITS, max_drawdown=D(0)))["drawdown"] == 1
