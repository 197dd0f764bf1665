"""Walk-forward: search on one window, trade what was found on the next, and move on by as much.

What is found in a window is chosen before its out-of-sample candles are read. Each window is a backtest of its own,
begun with the same balance, with nothing in it of candles that close after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import DAY
from tradewind.research.optimize.bench import Bench, Figures, Window
from tradewind.research.optimize.crew import Crew
from tradewind.research.optimize.loss import Traded, joined
from tradewind.research.optimize.search import Plan, Shown, search
from tradewind.research.optimize.study import Finished, Study

_FORM = re.compile(r"(\d+)d?:(\d+)d?")


@dataclass(frozen=True, slots=True)
class Fold:
    """A window to search on, and the one after it."""

    number: int
    in_sample: Window
    out_of_sample: Window

    @property
    def name(self) -> str:
        """For people and for the study of the fold."""
        start, split, stop = (iso_time(time)[:10] for time in (self.in_sample.start, self.in_sample.stop, self._end))
        return f"fold {self.number}: {start} to {split}, then to {stop}"

    @property
    def _end(self) -> int:
        return self.out_of_sample.stop


@dataclass(frozen=True, slots=True)
class Walked:
    """A fold that is done: what was best in sample, and what it traded after that."""

    fold: Fold
    best: Finished
    out_of_sample: Traded
    loss: float


def folds_of(text: str, span: Window) -> list[Fold]:
    """The folds of `IN:OUT` days within `span`, each `OUT` days after the one before; raises `ConfigError`."""
    found = _FORM.fullmatch(text.replace(" ", ""))
    allowed, fix = "IN:OUT, both in days and above 0", "write --walk-forward 90d:30d"
    if found is None or not int(found[1]) or not int(found[2]):
        raise ConfigError("--walk-forward", text, allowed, fix)
    inside, outside = int(found[1]) * DAY, int(found[2]) * DAY
    # From midnight to midnight, so that windows end where days do.
    start = -(-span.start // DAY) * DAY
    folds: list[Fold] = []
    while start + inside + outside <= span.stop:
        split = start + inside
        folds.append(Fold(len(folds) + 1, Window(start, split), Window(split, split + outside)))
        start += outside
    if not folds:
        had = f"{iso_time(span.start)} to {iso_time(span.stop)}"
        raise ConfigError("--walk-forward", text, f"windows that fit into {had}", "choose shorter ones")
    return folds


def walk(
    folds: list[Fold],
    *,
    study_of: Callable[[Fold], Study],
    crew: Crew,
    bench: Bench,
    plan: Plan,
    shown: Shown,
    walked: list[Walked],
) -> None:
    """Search each fold, and trade its best after it; `walked` gets each fold when it is done.

    A fold without a trial that counts is left out. Ctrl-C raises `KeyboardInterrupt`.
    """
    for fold in folds:
        study = study_of(fold)
        search(study, crew, plan, fold.in_sample, shown)
        best = study.best()
        if best is not None:
            traded = bench.trade(best.values, fold.out_of_sample)
            walked.append(Walked(fold, best, traded, plan.judge.of(traded)))


def walk_document(walked: list[Walked], folds: int) -> dict[str, Any]:
    """The report: each fold, all out-of-sample windows as one, and how much of the profit per day was lost."""
    total = Figures.of(joined([one.out_of_sample for one in walked])) if walked else None
    before = [_per_day(one.best.outcome.figures or {}) for one in walked]
    return {
        "folds": [_fold(one) for one in walked],
        "foldsInAll": folds,
        "outOfSample": total.as_document() if total is not None else None,
        "degradation": degradation(sum(before) / len(before), total.profit_ratio_per_day) if total else None,
    }


def degradation(before: float, after: float) -> float | None:
    """The share of what was earned per day that is gone; above 1 where it became a loss, None without a profit."""
    return 1 - after / before if before > 0 else None


def _fold(walked: Walked) -> dict[str, Any]:
    fold, outcome = walked.fold, walked.best.outcome
    inside, outside = outcome.figures or {}, Figures.of(walked.out_of_sample).as_document()
    return {
        "fold": fold.number,
        "values": walked.best.values,
        "inSample": {**_window(fold.in_sample), "loss": outcome.loss, **inside},
        "outOfSample": {**_window(fold.out_of_sample), "loss": walked.loss, **outside},
        "degradation": degradation(_per_day(inside), _per_day(outside)),
    }


def _window(window: Window) -> dict[str, str]:
    return {"start": iso_time(window.start), "end": iso_time(window.stop)}


def _per_day(figures: Mapping[str, Any]) -> float:
    return float(figures.get("profitRatioPerDay", 0.0))
