"""The status of a bot: each reason, and times that move on a flip and at no other moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind_operator.status import LONGEST_MESSAGE, TYPES, Condition, Seen, Workload, conditions, status

APPLIED = Condition("Reconciled", "True", "Applied", "fine")
UP = Workload("bot", ready=1, desired=1, restarts=0, done=True)
DOWN = Workload("engine", ready=0, desired=1, restarts=2, done=False)
TOLD = tuple(
    Condition(kind, truth, reason, "m")
    for kind, truth, reason in (
        ("Ready", "True", "AllServicesReady"),
        ("Trading", "True", "Running"),
        ("ExchangeConnected", "True", "Reconciled"),
        ("Degraded", "False", "Healthy"),
        ("Paused", "False", "NotPaused"),
    )
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def seen(**parts):
    return Seen(**({"generation": 1, "reconciled": APPLIED, "workloads": (UP,), "told": TOLD} | parts))


def found(kind, **parts):
    one = next(one for one in conditions(seen(**parts)) if one.type == kind)
    return one.status, one.reason


REFUSED = Condition("Reconciled", "False", "InvalidSpec", "spec.pairs: received nothing")
NOT_READY = (Condition("Ready", "False", "ServicesNotReady", "engine: starts"),)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, ("True", "AllWorkloadsReady")),
        ({"suspended": True}, ("False", "Suspended")),
        ({"workloads": (), "reconciled": REFUSED}, ("False", "InvalidSpec")),
        ({"storage_missing": True}, ("False", "StorageMissing")),
        ({"workloads": (UP, DOWN)}, ("False", "WorkloadsNotReady")),
        ({"workloads": (UP, DOWN), "waits": ("pod p waits: no image",)}, ("False", "PodsWaiting")),
        ({"workloads": (UP,), "waits": ("of an old one",)}, ("True", "AllWorkloadsReady")),
        ({"told": NOT_READY}, ("False", "ServicesNotReady")),
        ({"told": None}, ("True", "AllWorkloadsReady")),
        ({"workloads": (Workload("bot", 0, 0, 0, done=True),)}, ("False", "WorkloadsNotReady")),
    ],
)
def test_why_a_bot_is_ready_or_not(parts, expected):
    assert found("Ready", **parts) == expected


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("Trading", {}, ("True", "Running")),
        ("Trading", {"told": None}, ("Unknown", "MonitoringSilent")),
        ("Trading", {"suspended": True}, ("False", "Suspended")),
        ("ExchangeConnected", {"told": ()}, ("Unknown", "MonitoringSilent")),
        ("Degraded", {"crashes": ("pod p crashes: exit code 1",)}, ("True", "CrashLoop")),
        ("Degraded", {"crashes": ("left over",), "suspended": True}, ("False", "Suspended")),
        ("Degraded", {}, ("False", "Healthy")),
        ("Paused", {"reconcile_disabled": True}, ("True", "ReconcileDisabled")),
        ("Paused", {}, ("False", "NotPaused")),
        ("Reconciled", {"reconciled": REFUSED}, ("False", "InvalidSpec")),
    ],
)
def test_what_the_other_conditions_say(kind, parts, expected):
    assert found(kind, **parts) == expected


def test_a_message_names_what_is_waited_for():
    ready = conditions(seen(workloads=(UP, DOWN)))[0]
    assert ready.message == "not ready: engine (0 of 1)"
    ready = conditions(seen(workloads=(UP, DOWN), waits=("pod p waits: a", "pod q waits: b")))[0]
    assert ready.message == "pod p waits: a; pod q waits: b; not ready: engine (0 of 1)"


TRUTHS = st.sampled_from(["True", "False", "Unknown"])
MOMENTS = st.lists(
    st.builds(
        lambda reconciled, trading, generation, suspended: {
            "reconciled": Condition("Reconciled", *reconciled, "said"),
            "told": (Condition("Trading", *trading, "said"),),
            "generation": generation,
            "suspended": suspended,
        },
        st.tuples(TRUTHS, st.sampled_from(["A", "B"])),
        st.tuples(TRUTHS, st.sampled_from(["A", "B"])),
        st.integers(1, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(MOMENTS)
def test_times_move_on_flips_only_and_nothing_new_is_nothing_written(moments):
    before, flipped = {}, {}
    for number, parts in enumerate(moments):
        now = START + timedelta(minutes=number)
        after = status(seen(**parts), before, now)
        standing = {one["type"]: one["status"] for one in before.get("conditions", ())}
        assert [one["type"] for one in after["conditions"]] == list(TYPES)
        for one in after["conditions"]:
            if standing.get(one["type"]) != one["status"]:
                flipped[one["type"]] = now
            assert datetime.fromisoformat(one["lastTransitionTime"]) == flipped[one["type"]]
            assert one["observedGeneration"] == parts["generation"]
        assert status(seen(**parts), after, now + timedelta(hours=1)) == after
        before = after


def test_another_number_in_a_message_is_not_written_but_what_is_to_be_mended_is():
    def told(message):
        return (Condition("Degraded", "True", "HealthScoreLow", message),)

    before = status(seen(told=told("the health score is 41")), {}, START)
    assert status(seen(told=told("the health score is 42")), before, START) == before
    first = status(seen(reconciled=REFUSED), {}, START)
    other = Condition("Reconciled", "False", "InvalidSpec", "spec.timeframe: received 7x")
    after = status(seen(reconciled=other), first, START + timedelta(minutes=1))
    (reconciled,) = [one for one in after["conditions"] if one["type"] == "Reconciled"]
    assert reconciled["message"] == other.message
    assert reconciled["lastTransitionTime"] == "2026-01-01T00:00:00Z"


def test_messages_fit_into_the_schema_and_rows_are_about_services():
    long = Condition("Reconciled", "False", "ApplyFailed", "x" * 5000)
    after = status(
        seen(reconciled=long, workloads=(DOWN,), services={"engine": ("engine", "portfolio")}, strategies="a,b"),
        {},
        START,
    )
    assert max(len(one["message"]) for one in after["conditions"]) == LONGEST_MESSAGE
    assert [(one["name"], one["desired"], one["restarts"]) for one in after["services"]] == [
        ("engine", 1, 2),
        ("portfolio", 1, 2),
    ]
    assert after["strategies"] == "a,b"
