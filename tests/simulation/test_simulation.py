"""The short form of `make simulate`, and what makes its answer worth something.

A seed is a schedule, to the last step, whatever else differs; what is wrong is found and told; and time, turns and
death are as `virtual_loop` promises.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.simulation.__main__ import main
from tests.simulation.planted import DEFECTS
from tests.simulation.schedule import play
from tests.simulation.virtual_loop import Process, StalledError, VirtualLoop

ROOT = Path(__file__).parents[2]
SCHEDULES = 60

ENOUGH = 300
"""Schedules within which every planted defect must be found."""
FOUND = {"no inbox": 1, "the lease is not looked at": 5, "sent again at once": 14, "signed when it is sent": 96}
"""Where a defect was found last that few schedules meet, or that takes long to play: there it is looked for first."""


def test_no_order_is_lost_or_doubled():
    """Whatever is disturbed, both sides agree in the end, and nothing was ever otherwise that must not be."""
    wrong = {seed: outcome.violations for seed in range(SCHEDULES) if (outcome := play(seed)).violations}
    assert not wrong


def test_a_seed_plays_the_same_schedule_whatever_the_hashes_of_this_process_are():
    """Else a failure could not be looked at."""
    digests = []
    for hashes in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulation", "--schedules", "3", "--seed", "4", "--workers", "1"]
        told = subprocess.run(
            [*command, "--trace"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        digests.append(re.findall(r"^digest (\w+)$", told, re.MULTILINE))
    assert len(digests[0]) == 3
    assert digests[0] == digests[1] == [play(seed).digest for seed in (4, 5, 6)]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect):
    """A simulation that cannot fail would prove nothing."""
    with DEFECTS[defect]():
        seeds = [FOUND.get(defect, 0), *range(ENOUGH)]
        assert any(play(seed).violations for seed in seeds)


def test_the_command_ends_with_what_it_has_counted(capsys):
    """Who reads only the last line knows enough."""
    assert main(["--schedules", "4", "--workers", "1"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"4 schedules, \d+ crashes, 0 violations", last)


def test_the_command_tells_the_seed_of_a_failure_and_what_does_not_hold(capsys):
    """And ends with 1, so that nobody overlooks it."""
    with DEFECTS["fills known by their telling"]():
        assert main(["--schedules", "1", "--seed", "0", "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("seed 0: ")
    assert "  VIOLATED in the end: " in told
    assert " 0 violations" not in told.splitlines()[-1]


# ------------------------------------------------------------------------------------------------------------ the loop


@pytest.fixture
def loop():
    made = VirtualLoop(Random(0))
    yield made
    made.close()


def test_time_passes_only_where_nobody_has_anything_to_do(loop):
    """An hour takes no time, and a step takes none of it."""

    async def wait():
        for _ in range(100):
            await asyncio.sleep(0)
        assert loop.time() == 0.0
        await asyncio.sleep(3600)

    loop.run_until_complete(wait())
    assert loop.time() == 3600.0


def test_a_process_that_dies_runs_no_step_more_and_cleans_up_nothing(loop):
    """As after kill -9: neither `finally` nor a timer."""
    done, deaths = [], []
    process = Process("one", loop, deaths.append)

    async def work():
        try:
            for step in range(10):
                done.append(step)
                await asyncio.sleep(1)
        finally:
            done.append("cleaned up")

    process.start(work())
    process.call_later(2.5, process.die)
    loop.run_until_complete(asyncio.sleep(20))
    assert done == [0, 1, 2]
    assert deaths == [process]


def test_a_process_can_die_at_every_step(loop):
    """Between any two awaits."""
    for dies_at in range(1, 6):
        done = []
        process = Process("one", loop, lambda _: None)
        process.dies_at = dies_at

        async def work(done=done):
            for step in range(10):
                done.append(step)
                await asyncio.sleep(0)

        process.start(work())
        loop.run_until_complete(asyncio.sleep(1))
        assert done == list(range(dies_at - 1))


def test_a_process_that_stands_still_goes_on_where_it_was(loop):
    """What was due meanwhile happens late, and others do not wait."""
    happened = []
    process = Process("one", loop, lambda _: None)

    async def work():
        await asyncio.sleep(1)
        happened.append(("one", loop.time()))

    async def other():
        await asyncio.sleep(2)
        happened.append(("other", loop.time()))

    process.start(work())
    loop.call_later(0.5, process.pause, 10)
    loop.create_task(other())
    loop.run_until_complete(asyncio.sleep(20))
    assert happened == [("other", 2.0), ("one", 10.5)]


def test_a_world_in_which_everybody_waits_is_told(loop):
    """It would hang for ever."""
    with pytest.raises(StalledError):
        loop.run_until_complete(loop.create_future())
