"""Walk-forward: windows that follow each other, and a report of what was found on one and traded on the next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.research.optimize.toy import DAY, SPACE, ToyBench, traded

from tradewind.domain.errors import ConfigError
from tradewind.research.optimize.bench import Judge, Window
from tradewind.research.optimize.crew import Alone
from tradewind.research.optimize.interruption import Interruption
from tradewind.research.optimize.search import Plan
from tradewind.research.optimize.study import Study
from tradewind.research.optimize.walk_forward import degradation, folds_of, walk, walk_document

pytest.importorskip("optuna", reason="the extra optimize is not installed")

START = 19_000 * DAY
PLAN = Plan(8, Judge("profit", 1), prune=False)


def days(window):
    return (window.start - START) // DAY, (window.stop - START) // DAY


def test_windows_move_on_by_what_was_tried():
    """From midnight on, as long as both fit."""
    folds = folds_of("30d:10", Window(START - 5, START + 65 * DAY))

    windows = [(days(fold.in_sample), days(fold.out_of_sample)) for fold in folds]
    assert [((0, 30), (30, 40)), ((10, 40), (40, 50)), ((20, 50), (50, 60))] == windows
    assert "fold 1: 2022-01-08 to 2022-02-07, then to 2022-02-17" == folds[0].name


@pytest.mark.parametrize("text", ["30", "30:0", "a:b", "-3:1", "60d:10d"])
def test_windows_that_cannot_be_are_one_clear_error(text):
    """By their form, or by the candles that there are."""
    with pytest.raises(ConfigError, match="--walk-forward"):
        folds_of(text, Window(START, START + 65 * DAY))


def walked(folds, bench, **changes):
    found = []
    walk(
        folds,
        study_of=lambda fold: Study(fold.name, SPACE, {}, seed=fold.number),
        crew=Alone(bench, Interruption()),
        bench=bench,
        plan=replace(PLAN, **changes),
        shown=lambda _study: None,
        walked=found,
    )
    return found


def test_a_fold_is_chosen_before_its_out_of_sample_window_is_traded():
    """That is traded once for each fold, with the best of it, after all trials in sample."""
    folds, bench = folds_of("30d:10d", Window(START, START + 60 * DAY)), ToyBench()

    found = walked(folds, bench)

    for fold, one in zip(folds, found, strict=True):
        seen = [place for place, window in enumerate(bench.seen) if window == fold.out_of_sample]
        inside = [place for place, window in enumerate(bench.seen) if window == fold.in_sample]
        assert [max(inside) + 1] == seen
        assert one.loss == one.best.outcome.loss
    document = walk_document(found, len(folds))
    assert [1, 2, 3] == [fold["fold"] for fold in document["folds"]]
    assert {"start": "2022-02-07T00:00:00Z", "end": "2022-02-17T00:00:00Z"}.items() <= document["folds"][0][
        "outOfSample"
    ].items()
    assert 3 == document["outOfSample"]["trades"]
    assert 30 == document["outOfSample"]["days"]
    assert pytest.approx(0.0) == document["degradation"]


def test_the_report_says_how_much_was_lost_after_the_search():
    """Of the profit per day: half, all and more, or nothing that can be said."""
    assert [0.5, 1.0, 2.0] == [degradation(0.02, after) for after in (0.01, 0.0, -0.02)]
    assert degradation(0.0, 0.01) is degradation(-0.1, 0.01) is None
    folds, bench = folds_of("30d:10d", Window(START, START + 60 * DAY)), ToyBench()
    found = walked(folds[:1], bench)
    profit = found[0].best.outcome.figures["profit"]

    document = walk_document([replace(found[0], out_of_sample=traded(profit / 4))], 3)

    assert pytest.approx(0.75) == document["degradation"] == document["folds"][0]["degradation"]
    assert {"folds": [], "foldsInAll": 3, "outOfSample": None, "degradation": None} == walk_document([], 3)


def test_a_fold_without_a_trial_that_counts_is_left_out():
    """There is nothing to try."""
    folds = folds_of("30d:10d", Window(START, START + 40 * DAY))

    assert [] == walked(folds, ToyBench(), judge=Judge("profit", 5))
