"""Brings a study and a crew together: asks, trades, tells, until there are trials enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradewind.research.optimize.bench import Judge, Outcome, Window
from tradewind.research.optimize.crew import Crew
from tradewind.research.optimize.space import Values
from tradewind.research.optimize.study import Asked, Study

Shown = Callable[[Study], None]
"""Hears of a study each time that a trial is over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is searched: `trials` in all, those of before included; hopeless ones are ended early with `prune`."""

    trials: int
    judge: Judge
    prune: bool = True


def search(study: Study, crew: Crew, plan: Plan, window: Window | None, shown: Shown) -> None:
    """Go on until `plan.trials` are finished; Ctrl-C leaves those that are, and raises `KeyboardInterrupt`."""
    crew.do(_Search(study, plan.trials, shown), plan.judge, window, hears=plan.prune)


class _Search:
    """Work for a crew."""

    def __init__(self, study: Study, trials: int, shown: Shown) -> None:
        self._study, self._shown, self._trials = study, shown, trials

    def next(self) -> tuple[Asked, Values] | None:
        """What is known already is not traded again."""
        while self._study.wants(self._trials):
            asked = self._study.ask()
            known = self._study.known(asked)
            if known is None:
                return asked, asked.values
            self.tell(asked, known)
        return None

    def hear(self, task: Asked, part: int, loss: float) -> bool:
        """As the study says."""
        return self._study.hear(task, part, loss)

    def tell(self, task: Asked, outcome: Outcome) -> None:
        """One more is finished."""
        self._study.tell(task, outcome)
        self._shown(self._study)

    def drop(self, task: Asked) -> None:
        """One less is under way."""
        self._study.drop(task)
