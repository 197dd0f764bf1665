"""Many runs in every row, on every core: what is played, what is played again, and where a failure is kept.

Each core has a lane: a process with servers of its own that plays one run after the other. A run whose fault did not
happen is played again with another seed. Of a run that failed everything is kept that its processes wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.util import Finalize
from pathlib import Path

from tests.faults.lane import Lane, lane
from tests.faults.life import Life, Outcome
from tests.faults.rows import row_named

from tradewind.kernel.telemetry.logging import configure_logging

TRIES = 6
"""How often a run is played until its fault happens."""

ANOTHER_SEED = 100_000
_LANE: list[Lane] = []


def play(made: Lane, name: str, seed: int, kept: Path) -> Outcome:
    """One run of a row; its folder goes to `kept` where it failed."""
    folder = made.scratch / f"{name.replace(' ', '-').replace('/', '-')}-{seed}"
    folder.mkdir()
    outcome = asyncio.run(Life(made, row_named(name), seed, folder).play())
    if outcome.failed:
        kept.mkdir(parents=True, exist_ok=True)
        outcome.logs = str(kept / folder.name)
        shutil.rmtree(outcome.logs, ignore_errors=True)
        shutil.copytree(folder, outcome.logs)
    shutil.rmtree(folder)
    return outcome


def campaign(names: Sequence[str], runs: int, seed: int, lanes: int, kept: Path) -> Iterator[Outcome]:
    """Every outcome, also of what is played again, as it comes.

    Neighbours are runs of different rows, so that no lane is left with the long ones.
    """
    queue = [(name, seed + number, 1) for number in range(runs) for name in names]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(lanes, mp_context=context, initializer=_open_lane) as pool:
        playing: dict[Future[Outcome], int] = {}

        def begin(name: str, number: int, tries: int) -> None:
            playing[pool.submit(_play, name, number, kept)] = tries

        for one in queue:
            begin(*one)
        while playing:
            for done in wait(playing, return_when=FIRST_COMPLETED).done:
                tries, outcome = playing.pop(done), done.result()
                if not outcome.happened and tries < TRIES:
                    begin(outcome.row, outcome.seed + ANOTHER_SEED, tries + 1)
                yield outcome


def _open_lane() -> None:
    """In a process of the pool, which ends without leaving any `with`."""
    configure_logging("critical", "text")
    stack = contextlib.ExitStack()
    _LANE.append(stack.enter_context(lane()))
    close: Callable[[], None] = stack.close
    Finalize(None, close, exitpriority=10)


def _play(name: str, seed: int, kept: Path) -> Outcome:
    return play(_LANE[0], name, seed, kept)
