"""A search: what it finds, what it does not do twice, and what is left of it when it is stopped."""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import replace

import pytest
from tests.unit.research.optimize.toy import SPACE, ToyBench, ToySetup

from tradewind.contracts.searching import Sampler
from tradewind.domain.errors import ConfigError, MachineError
from tradewind.research.optimize.bench import PARTS, Ending, Judge, Outcome
from tradewind.research.optimize.crew import Alone, hired
from tradewind.research.optimize.interruption import Interruption
from tradewind.research.optimize.search import Plan, search
from tradewind.research.optimize.space import Choice, Span, Steps, numbered, size
from tradewind.research.optimize.study import Share, Study

pytest.importorskip("optuna", reason="the extra optimize is not installed")

PLAN = Plan(30, Judge("profit", 1))
BEGUN = {"strategy": "Toy", "candles": "abc"}
_DONE = Outcome(Ending.DONE, 1.0, {})


_open = []


@pytest.fixture(autouse=True)
def closed():
    """Studies let go of their storage."""
    yield
    while _open:
        _open.pop().close()


def study_of(name="toy", space=SPACE, **changes):
    _open.append(Study(name, space, BEGUN, **{"seed": 3, **changes}))
    return _open[-1]


def searched(plan=PLAN, bench=None, **changes):
    study = study_of(**changes)
    search(study, Alone(bench or ToyBench(), Interruption()), plan, None, lambda _study: None)
    return study


def told(study):
    return [(one.values, one.outcome) for one in study.finished]


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.RANDOM])
def test_a_seed_finds_the_same_again_and_another_something_else(sampler):
    """All trials of it, not the best alone."""
    first, again, other = (searched(sampler=sampler, seed=seed) for seed in (1, 1, 2))

    assert told(first) == told(again) != told(other)
    assert 30 == len(first.finished)


def test_the_best_is_the_trial_of_the_least_loss_that_counts():
    """Near where the profit is highest, and no trial that was refused or hardly traded."""
    study = searched(replace(PLAN, trials=60, prune=False))

    best = study.best()
    assert best.values["flag"] is True
    assert abs(best.values["size"] - 12) <= 3
    assert best.outcome.loss == min(one.outcome.loss for one in study.finished if one.outcome.loss is not None)
    assert best.outcome.figures["profit"] == -best.outcome.loss * 1000


def test_a_grid_is_every_set_once():
    """And then there is no more, however many trials are wanted; a refusal and too few trades say so."""
    study = searched(replace(PLAN, trials=1000, prune=False), sampler=Sampler.GRID)

    assert {(size, flag) for size in range(1, 41) for flag in (True, False)} == {
        (one.values["size"], one.values["flag"]) for one in study.finished
    }
    assert {"done": 76, "refused": 2, "too few trades": 2} == Counter(one.outcome.ending for one in study.finished)
    assert "size: received 40" in next(one.outcome.told for one in study.finished if one.values["size"] == 40)


def test_a_hopeless_trial_is_not_traded_to_its_end():
    """What is saved is work: parts that nobody trades. What was done counts as it would have anyway."""
    whole, early = ToyBench(), ToyBench()
    searched(replace(PLAN, trials=40, prune=False), whole, sampler=Sampler.GRID)
    study = searched(replace(PLAN, trials=40), early, sampler=Sampler.GRID)

    ended = [one for one in study.finished if one.outcome.ending is Ending.HOPELESS]
    assert len(ended) > 10
    # None before ten have come as far, none by its first part.
    assert min(one.number for one in ended) >= 10
    assert len(whole.worked) == 40 * PARTS
    assert len(early.worked) == 40 * PARTS - len(ended) * (PARTS - 2)
    assert {"size": 12, "flag": True} == study.best().values


def test_values_that_were_traded_before_are_not_traded_again():
    """A small space is soon known."""
    space = {"size": Steps(SPACE["size"].low, SPACE["size"].step, 3), "flag": Choice((True, False))}
    study, bench = study_of(space=space), ToyBench()
    search(study, Alone(bench, Interruption()), replace(PLAN, prune=False), None, lambda _study: None)

    assert 30 == len(study.finished)
    assert len(bench.seen) <= 6


class _Ends:
    """Presses Ctrl-C while a trial is traded."""

    def __init__(self, bench, after):
        self.bench, self.after = bench, after

    def trade(self, values, window, watch=None):
        if len(self.bench.seen) == self.after:
            raise KeyboardInterrupt
        return self.bench.trade(values, window, watch)


def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    """Ctrl-C leaves what is finished; the trials after it are those that would have come anyway."""
    place = str(tmp_path / "studies.db")
    with pytest.raises(KeyboardInterrupt):
        searched(bench=_Ends(ToyBench(), 12), storage=place)
    left = study_of(storage=place)
    assert 12 <= len(left.finished) < 30

    resumed = searched(storage=place)

    assert told(searched()) == told(resumed)
    assert told(left) == told(resumed)[: len(left.finished)]


@pytest.mark.parametrize(
    ("space", "begun", "words"),
    [
        (
            {**SPACE, "size": Steps(SPACE["size"].low, SPACE["size"].step, 41)},
            {"spaces": "b"},
            "begun with other spaces",
        ),
        (SPACE, {"candles": "other"}, "begun with other candles; .*candles: abc, now other"),
        (SPACE, {"strategy": "Else"}, "begun with other strategy; .*fix: name another study"),
    ],
)
def test_a_study_of_something_else_is_refused_with_the_reason(stored, space, begun, words):
    """By the word for what is not the same."""
    with pytest.raises(ConfigError, match=words):
        Study("toy", space, {**BEGUN, **begun}, storage=stored)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A storage with a study of three trials."""
    place = str(tmp_path_factory.mktemp("stored") / "studies.db")
    searched(replace(PLAN, trials=3), storage=place).close()
    return place


def test_a_study_has_whatever_values_there_are(tmp_path):
    """Lists, nothing, numbers of some decimals: they come back from a storage as they went."""
    space = {
        "list": Choice(([1, 2], None, "a")),
        "decimal": Steps.rounded(-0.3, 0.1, 1),
        "by": Steps.between(SPACE["size"].low, SPACE["size"].low + 10, SPACE["size"].low * 3),
        "any": Span(0.5, 1.5),
        "odd": Choice((True, 1)),
    }
    study = study_of(space=space, storage=str(tmp_path / "values.db"))
    asked = [study.ask() for _ in range(20)]
    for one in asked:
        study.tell(one, _DONE)
    again = study_of(space=space, storage=str(tmp_path / "values.db"))

    assert [one.values for one in asked] == [one.values for one in again.finished]
    for one in asked:
        assert one.values["list"] in ([1, 2], None, "a")
        assert one.values["decimal"] in (-0.3, -0.2, -0.1, 0.0, 0.1)
        assert one.values["by"] in (1, 4, 7, 10)
        assert 0.5 <= one.values["any"] <= 1.5
        assert type(one.values["odd"]) in (bool, int)


def test_those_who_search_with_one_database_learn_from_each_other(postgres_url):
    """Each finds what the other has finished, and together they make as many trials as are wanted."""
    first, second = (study_of(storage=postgres_url, seed=seed) for seed in (1, 2))
    search(first, Alone(ToyBench(), Interruption()), replace(PLAN, trials=4), None, lambda _study: None)
    bench = ToyBench()
    search(second, Alone(bench, Interruption()), replace(PLAN, trials=6), None, lambda _study: None)

    assert told(first) == told(second)[:4]
    assert 2 >= len(bench.seen)
    first.ask()
    assert told(first) == told(second)


def test_processes_share_the_work_and_one_that_dies_is_told(tmp_path):
    """What was finished is kept."""
    ender = tmp_path / "end"
    with hired(ToySetup(ender), 2, Interruption()) as workers:
        study = study_of()
        search(study, workers, replace(PLAN, trials=25), None, lambda _study: None)
        assert 25 == len(study.finished)
        assert len([one for one in study.finished if one.outcome.ending is Ending.HOPELESS]) > 0

        ender.touch()
        with pytest.raises(MachineError, match="a worker that ended with 9"):
            search(study, workers, replace(PLAN, trials=60), None, lambda _study: None)
    assert 25 <= len(study.finished) < 60


def test_a_grid_needs_numbers_that_can_be_counted():
    """And not too many."""
    with pytest.raises(ConfigError, match="any number for a"):
        Study("a", {"a": Span(0.0, 1.0)}, {}, sampler=Sampler.GRID)
    many = Steps(SPACE["size"].low, SPACE["size"].step, 2_000_000)
    with pytest.raises(ConfigError, match=r"2,000,000 sets"):
        Study("a", {"a": many}, {}, sampler=Sampler.GRID)
    assert [80, None] == [size(SPACE), size({"a": Span(0.0, 1.0)})]
    assert {"size": 2, "flag": False} == numbered(SPACE, 3)


class _Press:
    """Somebody presses Ctrl-C where a trial is kept, and where one is traded, in code that swallows what is raised."""

    def __init__(self, bench, at):
        self.bench, self.at, self.swallowed = bench, at, 0

    def trade(self, values, window, watch=None):
        if len(self.bench.seen) == self.at:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                while True:
                    pass
            except KeyboardInterrupt:
                self.swallowed += 1
        return self.bench.trade(values, window, watch)


def test_ctrl_c_is_not_lost_whatever_swallows_it():
    """It is raised where a trial is traded; swallowed there, before the next; elsewhere it waits for such a place."""
    study, bench = study_of(), _Press(ToyBench(), 5)
    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        search(study, Alone(bench, interruption), PLAN, None, lambda _study: None)
    assert 1 == bench.swallowed
    assert 5 <= len(study.finished) <= 15

    kept = study_of()
    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        search(kept, Alone(ToyBench(), interruption), PLAN, None, lambda _study: os.kill(os.getpid(), signal.SIGINT))
    assert 1 == len(kept.finished)


def test_a_second_ctrl_c_ends_wherever_it_is():
    """And after the search it is what it was, which in a background job is nothing."""
    before = signal.getsignal(signal.SIGINT)
    with Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert before is signal.getsignal(signal.SIGINT)


@pytest.mark.parametrize("sampler", [Sampler.RANDOM, Sampler.GRID])
def test_shares_of_a_study_are_together_what_one_process_tries(postgres_url, sampler):
    """Each trial once, whoever is done first; who begins again goes on, and all know the same best one."""
    plan = replace(PLAN, trials=12, prune=False)
    alone = searched(plan, sampler=sampler)

    def shared(index, trials=12):
        study = study_of(sampler=sampler, storage=postgres_url, share=Share(index, 3))
        search(study, Alone(ToyBench(), Interruption()), replace(plan, trials=trials), None, lambda _study: None)
        return study

    second, killed = shared(1), shared(0, trials=6)
    assert not second.complete(12)
    first, third = shared(0), shared(2)
    assert [4, 2, 4, 4, 4] == [one.own for one in (second, killed, first, shared(1), third)]
    assert all(one.complete(12) for one in (first, second, third))
    assert set(range(12)) == {one.number for one in third.finished}
    assert {one.number: one.values for one in first.finished} == {one.number: one.values for one in alone.finished}
    assert first.best().values == alone.best().values
    assert first.best() == second.best() == third.best()


def test_a_trial_too_many_does_not_stand_for_one_that_is_missing(postgres_url):
    """As of a pod that goes on beside its successor."""
    for index, trials in enumerate((15, 12, 9)):
        study = study_of(sampler=Sampler.RANDOM, storage=postgres_url, share=Share(index, 3))
        plan = replace(PLAN, trials=trials, prune=False)
        search(study, Alone(ToyBench(), Interruption()), plan, None, lambda _study: None)
    assert len(study.finished) == 12
    assert not study.complete(12)
    assert study.complete(11)


def test_a_share_of_a_small_grid_ends_with_it(postgres_url):
    """However many trials are wanted: every set once."""
    space = {"size": Steps(SPACE["size"].low, SPACE["size"].step, 3), "flag": Choice((True, False))}
    studies = []
    for index in range(3):
        study = study_of(space=space, sampler=Sampler.GRID, storage=postgres_url, share=Share(index, 3))
        search(study, Alone(ToyBench(), Interruption()), replace(PLAN, prune=False), None, lambda _study: None)
        studies.append(study)
    assert [2, 2, 2] == [one.own for one in studies]
    assert studies[0].complete(30)
    assert 6 == len({(one.values["size"], one.values["flag"]) for one in studies[0].finished})
