"""A study: which set of values is tried next, and what is known of those before. Optuna is met here alone.

Choosing happens in memory; a storage gets each trial when it is finished, in one piece, and gives those of others that
search with it at the same time. So what is killed leaves no half of a trial behind. A sampler is made anew for each
trial from the seed and the number of trials that are finished: a study that goes on where it stopped chooses what it
would have chosen without stopping.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.contracts.searching import Sampler
from tradewind.domain.errors import ConfigError
from tradewind.kernel.addresses import POSTGRES
from tradewind.research.optimize.bench import Ending, Outcome
from tradewind.research.optimize.space import Choice, Dimension, Space, Span, Steps, numbered, size

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

MOST_OF_A_GRID = 1_000_000
_BEFORE = 10
"""Trials that have come as far, before one is compared with them; none is after its first part."""
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial that is under way."""

    trial: Trial
    values: dict[str, Any]
    number: int


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one of `count` processes that search a study together: each `count`-th trial, from `index` on.

    What random and grid choose for a trial depends on its number alone, so all shares together are what one process
    would have tried, whoever is done first.
    """

    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A trial that is over; `number` counts from 0 in the order of finishing, in a shared study in that of asking."""

    number: int
    values: dict[str, Any]
    outcome: Outcome


def needed() -> None:
    """Raises `ConfigError` where Optuna is not installed."""
    try:
        import optuna  # noqa: F401, PLC0415
    except ImportError as error:
        fix = "pip install 'tradewind[optimize]'"
        raise ConfigError("tradewind optimize", f"no {error.name}", "the extra optimize", fix) from error


class Study:
    """Trials of one space. `begun_with` tells what they are trials of, by words that a refusal may use."""

    def __init__(
        self,
        name: str,
        space: Space,
        begun_with: Mapping[str, str],
        *,
        storage: str | None = None,
        sampler: Sampler = Sampler.TPE,
        seed: int = 0,
        prune: bool = True,
        share: Share | None = None,
    ) -> None:
        """Raises `ConfigError` for a storage that cannot be used, or whose study was begun with something else.

        The storage of a `share` is a PostgreSQL, in which studies have a schema of their own beside our tables.
        """
        import optuna  # noqa: PLC0415

        self._share, self._lowest = share, 0 if share is None else share.index
        self._done: set[int] = set()
        self._asked: set[int] = set()

        self.name, self._space, self._sampler, self._seed = name, space, sampler, seed
        self._coded = {each: _Coded(dimension) for each, dimension in space.items()}
        self._distributions = {each: coded.distribution for each, coded in self._coded.items()}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = optuna.pruners.MedianPruner(_BEFORE, 2, n_min_trials=_BEFORE) if prune else optuna.pruners.NopPruner()
        self._memory = optuna.create_study(pruner=pruner)
        self._tried: set[str] = set()
        self._traded: dict[str, Outcome] = {}
        self._place = 0
        self._finished: list[Finished] = []
        self._process = uuid.uuid4().hex
        self._address = None if storage is None else address_of(storage)
        self._seen: set[int] = set()
        self._storage: Any = None
        if sampler is Sampler.GRID:
            _check_grid(space)
        try:
            self._stored = None if self._address is None else self._opened(self._address, dict(begun_with))
            self._take_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the storage."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()

    @property
    def finished(self) -> list[Finished]:
        """Trials that are over, those of others that share the storage too, as far as they are known."""
        return self._finished

    @property
    def most(self) -> int | None:
        """As many trials as there can be; None without an end."""
        return size(self._space) if self._sampler is Sampler.GRID else None

    @property
    def own(self) -> int:
        """How many of those that are over belong to the share of this process."""
        if self._share is None:
            return len(self._finished)
        return sum(number % self._share.count == self._share.index for number in self._done)

    def best(self) -> Finished | None:
        """The first of those with the least loss; None as long as no trial counts."""
        done = [one for one in self._finished if one.outcome.loss is not None]
        return min(done, key=lambda one: (one.outcome.loss or 0.0, one.number), default=None)

    def wants(self, trials: int) -> bool:
        """Whether of `trials` in all there is one that this process has to ask for yet."""
        return self._next() < self._bounded(trials)

    def complete(self, trials: int) -> bool:
        """Whether all of `trials` are over, those of every share."""
        self._take_in()
        most = self._bounded(trials)
        # A pod that goes on beside its successor may have asked for one more than there are.
        return sum(number < most for number in self._done) >= most

    def ask(self) -> Asked:
        """The next set of values."""
        self._take_in()
        number = self._next()
        self._memory.sampler = self._sampler_of(number)
        if self._sampler is Sampler.GRID:
            self._memory.enqueue_trial(self._of_grid(number))
        trial = self._memory.ask(self._distributions)
        self._asked.add(number)
        asked = Asked(trial, {name: self._coded[name].value(held) for name, held in trial.params.items()}, number)
        self._tried.add(_key(asked.values))
        return asked

    def known(self, asked: Asked) -> Outcome | None:
        """The outcome of a trial of the same values that was traded to its end."""
        return self._traded.get(_key(asked.values))

    def hear(self, asked: Asked, part: int, loss: float) -> bool:
        """Whether a trial is worth going on with, from its loss after `part`."""
        asked.trial.report(loss, part)
        return not asked.trial.should_prune()

    def tell(self, asked: Asked, outcome: Outcome) -> None:
        """A trial is over."""
        from optuna.trial import TrialState  # noqa: PLC0415

        self._asked.discard(asked.number)
        asked.trial.set_user_attr("outcome", asdict(outcome))
        asked.trial.set_user_attr("process", self._process)
        if self._share is not None:
            asked.trial.set_user_attr("number", asked.number)
        if outcome.loss is None:
            frozen = self._memory.tell(asked.trial, state=TrialState.PRUNED)
        else:
            frozen = self._memory.tell(asked.trial, outcome.loss)
        if self._stored is not None:
            with self._told():
                self._stored.add_trial(frozen)
        self._finish(asked.values, outcome, asked.number)

    def drop(self, asked: Asked) -> None:
        """A trial is given up, as if it had not been asked for."""
        from optuna.trial import TrialState  # noqa: PLC0415

        self._asked.discard(asked.number)
        self._memory.tell(asked.trial, state=TrialState.FAIL)
        self._tried.discard(_key(asked.values))
        self._place = 0

    def _bounded(self, trials: int) -> int:
        return trials if self.most is None else min(trials, self.most)

    def _next(self) -> int:
        """The number of the trial that is asked for next."""
        if self._share is None:
            return len(self._finished) + len(self._asked)
        while self._lowest in self._done:
            self._lowest += self._share.count
        number = self._lowest
        while number in self._done or number in self._asked:
            number += self._share.count
        return number

    def _finish(self, values: dict[str, Any], outcome: Outcome, number: int) -> None:
        if self._share is None:
            number = len(self._finished)
        elif number in self._done:
            return  # by a process that was taken for dead, and its successor
        self._done.add(number)
        self._finished.append(Finished(number, values, outcome))
        self._tried.add(_key(values))
        if outcome.ending is not Ending.HOPELESS:
            self._traded[_key(values)] = outcome

    def _opened(self, address: str, begun_with: dict[str, str]) -> OptunaStudy:
        import optuna  # noqa: PLC0415

        with self._told(), self._alone(address) as engine:
            self._storage = optuna.storages.RDBStorage(address, engine_kwargs=engine)
            stored = optuna.create_study(storage=self._storage, study_name=self.name, load_if_exists=True)
            before = stored.user_attrs.get("begun_with")
            if before is None:
                stored.set_user_attr("begun_with", begun_with)
                before = begun_with
        other = [name for name in {**before, **begun_with} if before.get(name) != begun_with.get(name)]
        if other:
            differences = "; ".join(f"{name}: {before.get(name)}, now {begun_with.get(name)}" for name in other)
            raise ConfigError(
                "--storage",
                f"study {self.name}, begun with other {', '.join(other)}",
                f"the same as it was begun with ({differences})",
                "name another study by --study, or another --storage",
            )
        return stored

    def _take_in(self) -> None:
        """Learn what others have finished meanwhile, or this study before."""
        if self._stored is None:
            return
        with self._told():
            trials = self._stored.get_trials(deepcopy=False)
        for trial in trials:
            if trial.number in self._seen or not trial.state.is_finished():
                continue
            self._seen.add(trial.number)
            if trial.user_attrs.get("process") != self._process:
                self._memory.add_trial(trial)
                self._read(trial)

    def _read(self, trial: FrozenTrial) -> None:
        told = trial.user_attrs["outcome"]
        outcome = Outcome(Ending(told["ending"]), told["loss"], told["figures"], told["told"])
        values = {name: self._coded[name].value(trial.params[name]) for name in self._space}
        self._finish(values, outcome, trial.user_attrs.get("number", 0))

    def _sampler_of(self, number: int) -> BaseSampler:
        import numpy as np  # noqa: PLC0415
        import optuna  # noqa: PLC0415

        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        if self._sampler is Sampler.TPE:
            return optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.RandomSampler(seed=seed)

    def _of_grid(self, number: int) -> dict[str, Any]:
        if self._share is None:
            while _key(values := numbered(self._space, self._place)) in self._tried:
                self._place += 1
        else:
            values = numbered(self._space, number)
        return {name: self._coded[name].code(value) for name, value in values.items()}

    @contextmanager
    def _alone(self, address: str) -> Iterator[dict[str, Any]]:
        """Options of an engine. Of the processes of a shared study one after the other makes tables, and the study."""
        if self._share is None:
            yield {}
            return
        from tradewind.research.optimize.shared_storage import alone  # noqa: PLC0415

        with alone(address) as options:
            yield options

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one line what is wrong with a storage."""
        from optuna.exceptions import OptunaError, StorageInternalError  # noqa: PLC0415
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        try:
            yield
        except (OptunaError, SQLAlchemyError) as error:
            cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
            told = str(getattr(cause, "orig", None) or cause).splitlines()[0]
            allowed = "a file, or the address of a database such as postgresql://user:password@host/name"
            shown = _without_password(self._address or "")
            raise ConfigError("--storage", f"{shown}: {told}", allowed, "correct it, or see what it lacks") from error


class _Coded:
    """A dimension as Optuna has it, which knows numbers, texts and flags."""

    def __init__(self, dimension: Dimension) -> None:
        self._dimension = dimension
        self.distribution = _distribution(dimension)

    def value(self, held: Any) -> Any:
        """From what Optuna holds."""
        match self._dimension:
            case Steps():
                return self._dimension.nearest(held)
            case Choice(values=values) if not _scalars(values):
                return values[held]
        return held

    def code(self, value: Any) -> Any:
        """What Optuna holds of a value."""
        match self._dimension:
            case Choice(values=values) if not _scalars(values):
                return values.index(value)
        return value


def address_of(storage: str) -> str:
    """The address of a database, or of an SQLite file; PostgreSQL is spoken to by the driver of the extra."""
    scheme, mark, rest = storage.partition("://")
    if not mark:
        return f"sqlite:///{Path(storage).expanduser().absolute()}"
    return f"postgresql+pg8000://{rest}" if scheme in POSTGRES else storage


def _without_password(address: str) -> str:
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        return make_url(address).render_as_string(hide_password=True)
    except ArgumentError:
        return "an address"


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (  # noqa: PLC0415
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    match dimension:
        case Steps() if dimension.whole:
            return IntDistribution(int(dimension.low), int(dimension.high), step=int(dimension.step))
        case Steps():
            return FloatDistribution(float(dimension.low), float(dimension.high), step=float(dimension.step))
        case Span(low=low, high=high):
            return FloatDistribution(low, high)
        case Choice(values=values):
            return CategoricalDistribution(values if _scalars(values) else range(len(values)))


def _scalars(values: tuple[Any, ...]) -> bool:
    # True and 1 are one value to Optuna.
    return all(isinstance(value, _SCALARS) for value in values) and len(set(values)) == len(values)


def _check_grid(space: Space) -> None:
    count = size(space)
    if count is None:
        names = ", ".join(name for name, dimension in space.items() if isinstance(dimension, Span))
        raise ConfigError("--sampler", f"grid, with any number for {names}", "numbers by steps", "use tpe or random")
    if count > MOST_OF_A_GRID:
        told, fix = f"grid, of {count:,} sets", "vary less, or use tpe or random"
        raise ConfigError("--sampler", told, f"at most {MOST_OF_A_GRID:,} sets", fix)


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, default=repr)
