"""A bench trades one set of values after the other, and keeps what they have in common.

It is opened in the process that trades, from a setup that can be sent there. `judged` makes an outcome of what was
traded: how good it is, or why it does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from tradewind.domain.errors import ConfigError
from tradewind.research.optimize.loss import Traded, loss_named
from tradewind.research.optimize.space import Values
from tradewind.research.result import camel

PARTS = 5
"""Into as many a window is divided; at the end of each but the last somebody may end a trial."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in milliseconds UTC, its `stop` excluded."""

    start: int
    stop: int


Watch = Callable[[int, Traded], None]
"""Hears which part of the window is over, from 1, and what was traded by then. What it raises ends the trial."""


class Bench(Protocol):
    """What trades sets of values."""

    def trade(self, values: Values | None, window: Window | None, watch: Watch | None = None) -> Traded:
        """Trade `values`, None for as it stands, over `window`, None for all that is given.

        Raises `ConfigError` for values that cannot be traded.
        """


class Setup(Protocol):
    """What a bench is opened from; can be sent to another process."""

    def open(self) -> Bench:
        """Read what is to be read; raises `ConfigError` for what the user must mend."""


class Ending(StrEnum):
    """How a trial ended. All but the first have no loss that counts."""

    DONE = "done"
    HOPELESS = "ended early"
    FEW_TRADES = "too few trades"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a trial that are told. Money in the currency of the stakes, ratios as shares."""

    trades: int
    profit: float
    profit_ratio: float
    profit_ratio_per_day: float
    win_rate: float
    profit_factor: float
    max_drawdown_ratio: float
    sharpe: float
    sortino: float
    calmar: float
    days: int

    @classmethod
    def of(cls, traded: Traded) -> Figures:
        """Of what was traded."""
        metrics, ratio = traded.metrics(), traded.profit_ratio
        return cls(
            trades=len(traded.trades),
            profit=float(traded.profit),
            profit_ratio=ratio,
            profit_ratio_per_day=ratio / traded.days,
            win_rate=metrics.win_rate,
            profit_factor=metrics.profit_factor,
            max_drawdown_ratio=metrics.largest_drawdown_ratio,
            sharpe=metrics.sharpe,
            sortino=metrics.sortino,
            calmar=metrics.calmar,
            days=traded.days,
        )

    def as_document(self) -> dict[str, Any]:
        """By the names of metrics in JSON."""
        return {camel(name): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial; `told` is why it was refused."""

    ending: Ending
    loss: float | None = None
    figures: dict[str, Any] | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """By what trials are compared: a loss by name, and how many trades there must be at least."""

    loss: str
    min_trades: int

    def of(self, trades: Traded) -> float:
        """The loss."""
        return loss_named(self.loss).of(trades)


class HopelessError(Exception):
    """A trial is not worth going on with."""


Hear = Callable[[int, float], bool]
"""Hears which part is over, from 1, and the loss by then; answers whether to go on."""


def judged(bench: Bench, judge: Judge, values: Values | None, window: Window | None, hear: Hear | None) -> Outcome:
    """Trade, and say what it is worth."""

    def watch(part: int, traded: Traded) -> None:
        assert hear is not None, "only who hears is told"
        if not hear(part, judge.of(traded)):
            raise HopelessError

    try:
        traded = bench.trade(values, window, None if hear is None else watch)
    except HopelessError:
        return Outcome(Ending.HOPELESS)
    except ConfigError as error:
        return Outcome(Ending.REFUSED, told=str(error).splitlines()[0])
    figures = Figures.of(traded).as_document()
    if len(traded.trades) < judge.min_trades:
        return Outcome(Ending.FEW_TRADES, figures=figures)
    return Outcome(Ending.DONE, judge.of(traded), figures)


def nothing_counts(outcomes: Sequence[Outcome], least: int, whole: str, field: str) -> ConfigError:
    """Why none of `outcomes` is the best; `whole` is the field of what was searched, `field` that of `least` trades."""
    refused = [outcome for outcome in outcomes if outcome.ending is Ending.REFUSED]
    if len(refused) == len(outcomes) and refused:
        told, fix = f"{len(refused)} sets of values, all refused", "vary within what is allowed"
        return ConfigError(whole, told, f"values that can be traded (the first: {refused[0].told})", fix)
    told = f"{least}, and none of {len(outcomes)} trials made as many"
    return ConfigError(field, told, "trials that trade", "lower it, search longer, or vary more")


class Parts:
    """Tells a watch of each part of a span that is over."""

    def __init__(self, start: int, length: int, watch: Watch) -> None:
        """Both in whatever unit `reach` is told."""
        self._start, self._length, self._watch = start, length, watch
        self._next = 1

    def reach(self, place: int, traded: Callable[[], Traded]) -> None:
        """Everything before `place` is over; of parts that end together only the last is told."""
        part = min((place - self._start) * PARTS // max(self._length, 1), PARTS - 1)
        if part >= self._next:
            self._next = part + 1
            self._watch(part, traded())
