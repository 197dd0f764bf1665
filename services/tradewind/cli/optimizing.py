"""Runs a search and tells what came of it; what is finished when somebody presses Ctrl-C is told too."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from tradewind.cli.options import Output
from tradewind.cli.printing import print_document, print_table
from tradewind.cli.progress import Progress
from tradewind.contracts.searching import Sampler
from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError
from tradewind.research.optimize.bench import Ending, Figures, Window, nothing_counts
from tradewind.research.optimize.crew import Alone, Crew, hired
from tradewind.research.optimize.interruption import Interruption
from tradewind.research.optimize.loss import Traded
from tradewind.research.optimize.search import Plan, search
from tradewind.research.optimize.study import Finished, Study
from tradewind.research.optimize.subject import Subject, check_export
from tradewind.research.optimize.walk_forward import Fold, Walked, folds_of, walk, walk_document


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command."""

    plan: Plan
    sampler: Sampler
    seed: int
    jobs: int
    walk_forward: str | None
    storage: str | None
    study: str | None
    export: Path | None
    output: Output


@dataclass(slots=True)
class _Search:
    """A search under way. Without walk-forward there is one study; with it one of each fold."""

    subject: Subject
    wanted: Wanted
    folds: list[Fold]
    begun_with: Mapping[str, str]
    studies: list[Study] = field(default_factory=list)
    walked: list[Walked] = field(default_factory=list)

    def study(self, fold: Fold | None = None) -> Study:
        """Open the study of a fold, or the only one."""
        wanted, name = self.wanted, self.wanted.study or self.subject.name
        window = {} if fold is None else {"window": _window(fold.in_sample)}
        judge = wanted.plan.judge
        judged = {"loss": judge.loss, "least trades": str(judge.min_trades)}
        study = Study(
            name if fold is None else f"{name}, {_window(fold.in_sample)}",
            self.subject.space,
            {**self.begun_with, **judged, **window},
            storage=wanted.storage,
            sampler=wanted.sampler,
            seed=wanted.seed,
            prune=wanted.plan.prune,
        )
        self.studies.append(study)
        return study

    def best(self) -> Finished | None:
        """Of the only study, or of the latest fold."""
        if self.folds:
            return self.walked[-1].best if self.walked else None
        return self.studies[0].best() if self.studies else None

    def finished(self) -> int:
        """Trials of all studies so far."""
        return sum(len(study.finished) for study in self.studies)


def optimized(subject: Subject, wanted: Wanted) -> None:
    """Search, print and export; raises `ConfigError`, or `typer.Exit` where it was ended by Ctrl-C."""
    if wanted.export is not None:
        check_export(wanted.export, subject.endings)
    # Traded once as it stands: what is wrong with it or its candles is told before anything is searched.
    before = subject.bench.trade(None, None)
    folds = [] if wanted.walk_forward is None else folds_of(wanted.walk_forward, subject.span())
    found = _Search(subject, wanted, folds, subject.begun_with())
    interrupted = False
    try:
        _search(found)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        for study in found.studies:
            study.close()
    best = found.best()
    if best is None and not interrupted:
        outcomes = [one.outcome for study in found.studies for one in study.finished]
        raise nothing_counts(outcomes, wanted.plan.judge.min_trades, "tradewind optimize", "--min-trades")
    if best is not None:
        if wanted.export is not None:
            _write(wanted.export, subject.export(best.values))
        _print(found, before, best)
    if interrupted:
        _tell_how_to_go_on(found)
        raise typer.Exit(130)


def _search(found: _Search) -> None:
    wanted, subject = found.wanted, found.subject
    total = wanted.plan.trials * max(len(found.folds), 1)
    with (
        Interruption() as interruption,
        Progress(subject.name, total, "trials", every=1) as progress,
        _crew(subject, wanted, interruption) as crew,
    ):

        def shown(_study: Study) -> None:
            progress.reach(found.finished())

        if found.folds:
            walk(
                found.folds,
                study_of=found.study,
                crew=crew,
                bench=subject.bench,
                plan=wanted.plan,
                shown=shown,
                walked=found.walked,
            )
        else:
            search(found.study(), crew, wanted.plan, None, shown)


@contextmanager
def _crew(subject: Subject, wanted: Wanted, interruption: Interruption) -> Iterator[Crew]:
    if wanted.jobs == 1:
        yield Alone(subject.bench, interruption)
        return
    with hired(subject.setup, wanted.jobs, interruption) as workers:
        yield workers


def _tell_how_to_go_on(found: _Search) -> None:
    wanted, done = found.wanted, found.finished()
    total = wanted.plan.trials * max(len(found.folds), 1)
    if wanted.storage is None:
        kept = "they are not kept: with --storage FILE the same command goes on where it stopped"
    else:
        kept = "they are kept: the same command goes on where it stopped"
    print(f"interrupted: {done} of {total} trials are finished; {kept}", file=sys.stderr)


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        told = f"{error.strerror}: {path}"
        raise ConfigError("--export", told, "a file that can be written", "correct the path") from error


# ------------------------------------------------------------------------------------------------------- what is told


def _print(found: _Search, before: Traded, best: Finished) -> None:
    wanted, judge = found.wanted, found.wanted.plan.judge
    stands = {"loss": judge.of(before), **Figures.of(before).as_document()}
    endings = Counter(one.outcome.ending.value for study in found.studies for one in study.finished)
    document: dict[str, Any] = {
        "study": wanted.study or found.subject.name,
        "loss": judge.loss,
        "sampler": wanted.sampler.value,
        "seed": wanted.seed,
        "trials": {"finished": found.finished(), **{ending.value: endings[ending.value] for ending in Ending}},
        "asItStands": stands,
        "best": {
            "trial": best.number,
            "loss": best.outcome.loss,
            **(best.outcome.figures or {}),
            "values": best.values,
            **found.subject.told(best.values),
        },
        "walkForward": walk_document(found.walked, len(found.folds)) if found.folds else None,
        "export": None if wanted.export is None else str(wanted.export),
    }
    if wanted.output is Output.TEXT:
        _print_tables(found, document)
    else:
        print_document(document, wanted.output)
    refused = [one.outcome.told for study in found.studies for one in study.finished if one.outcome.told]
    notes = found.subject.notes()
    notes += [f"{len(refused)} trials were refused, the first: {refused[0]}"] if refused else []
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _print_tables(found: _Search, document: dict[str, Any]) -> None:
    stands, best, folds = document["asItStands"], document["best"], document["walkForward"]
    ended = ", ".join(f"{count} {name}" for name, count in document["trials"].items() if count)
    title = f"{document['study']} · {document['loss']} · {document['sampler']}, seed {document['seed']} · {ended}"
    if folds is None:
        rows = [[text, _figure(name, stands), _figure(name, best)] for name, text in _FIGURES.items()]
        print_table(title, ["figure", "as it stands", f"best, trial {best['trial']}"], rows)
    else:
        _print_folds(title, folds)
    print_table(None, ["parameter", "value"], [[name, str(value)] for name, value in best["values"].items()])
    for override in best.get("set", ()):
        print(f"--set {override}")
    if found.wanted.export is not None:
        print(f"written: {found.wanted.export}")


def _print_folds(title: str, report: dict[str, Any]) -> None:
    rows = []
    for fold in report["folds"]:
        inside, outside = fold["inSample"], fold["outOfSample"]
        windows = [f"{window['start'][:10]} to {window['end'][:10]}" for window in (inside, outside)]
        profits = [f"{window['profitRatio']:+.2%}" for window in (inside, outside)]
        rows.append([str(fold["fold"]), *windows, *profits, str(outside["trades"]), _share(fold["degradation"])])
    print_table(
        f"{title} · {len(rows)} of {report['foldsInAll']} folds",
        ["fold", "in sample", "out of sample", "profit in", "profit out", "trades out", "degradation"],
        rows,
    )
    total = report["outOfSample"]
    rows = [[text, _figure(name, total)] for name, text in _FIGURES.items() if name in total]
    rows.append(["degradation of profit per day", _share(report["degradation"])])
    print_table(None, ["out of sample, in all", "value"], rows)


_FIGURES = {
    "loss": "loss",
    "trades": "trades",
    "profit": "profit",
    "profitRatio": "profit ratio",
    "winRate": "win rate",
    "maxDrawdownRatio": "max drawdown",
    "sharpe": "Sharpe (trades)",
    "sortino": "Sortino (trades)",
    "calmar": "Calmar (trades)",
    "profitFactor": "profit factor",
}
_SHARES = {"profitRatio", "winRate", "maxDrawdownRatio"}


def _figure(name: str, figures: Mapping[str, Any]) -> str:
    value = figures[name]
    if name in _SHARES:
        return f"{value:.2%}"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _share(value: float | None) -> str:
    return "no profit in sample" if value is None else f"{value:.1%}"


def _window(window: Window) -> str:
    return f"{iso_time(window.start)[:10]} to {iso_time(window.stop)[:10]}"
