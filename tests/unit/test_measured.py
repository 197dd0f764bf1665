"""A bench says whether its goals are reached, in words and by its exit code."""

from __future__ import annotations

import json

import pytest
from bench.measured import Figure, Sides, in_turns, report, sides


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("ratio", 0.8, goal=0.8), True),
        (Figure("ratio", 0.79, goal=0.8), False),
        (Figure("memory", 85.0, "MB", 85.0, at_most=True), True),
        (Figure("memory", 85.1, "MB", 85.0, at_most=True), False),
        (Figure("to look at", 1.0), True),
    ],
)
def test_a_goal_that_is_missed_is_said_and_is_a_failure(figure, reached, capsys):
    """Each way round; what has no goal cannot miss it."""
    code = report("title", [figure], "text")
    said = capsys.readouterr()
    assert (code, "NOT REACHED" in said.out, figure.name in said.err) == (
        (0, False, False) if reached else (1, True, True)
    )


def test_for_programs_it_is_one_document(capsys):
    """With the machine, because a number without it says nothing."""
    report("title", [Figure("ratio", 0.5, goal=0.8)], "json")
    document = json.loads(capsys.readouterr().out)
    assert document["machine"]
    assert document["figures"] == [{"name": "ratio", "value": 0.5, "unit": "", "goal": 0.8, "reached": False}]


def test_the_ratio_is_that_of_the_turns_and_not_of_their_best():
    """One turn in which the other side was disturbed does not make ours good."""
    found = Sides((50.0, 50.0, 50.0), (100.0, 100.0, 20.0))
    assert found.ratio == 0.5
    assert [figure.value for figure in sides("x", "/s", found, 0.4)] == [50.0, 100.0, 0.5]


async def test_who_begins_changes_and_warming_up_does_not_count():
    """Whatever gets slower or faster during the run does so for both."""
    order = []

    def side(name):
        async def measure():
            order.append(name)
            return float(len(order))

        return measure

    found = await in_turns(2, side("ours"), side("bare"))
    assert order == ["ours", "bare", "bare", "ours", "ours", "bare"]
    assert found == Sides((4.0, 5.0), (3.0, 6.0))
