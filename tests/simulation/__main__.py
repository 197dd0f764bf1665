"""Many schedules, on every core: `python -m tests.simulation --schedules 10000 --seed 0`.

The last line of standard output is `10000 schedules, N crashes, 0 violations`. A schedule that fails is told by its
seed, what does not hold and the last steps of its trace; the exit code is 1 then. One seed alone is played again by
`python -m tests.simulation --schedules 1 --seed SEED --trace`.
"""

# ruff: noqa: T201 - printing is what it is for
from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.schedule import play
from tests.simulation.trace import Outcome

LAST_STEPS = 60
TOLD = 20
"""Failures that are told in full; of more there is the seed."""


def _outcomes(seeds: range, workers: int) -> Iterator[Outcome]:
    if workers == 1:
        yield from map(play, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(play, seeds, chunksize=10)


def tell(outcome: Outcome) -> None:
    """A failure, with the seed that plays it again."""
    print(f"seed {outcome.seed}: {len(outcome.violations)} violations")
    for line in outcome.trace[-LAST_STEPS:]:
        print(f"    {line}")
    for violation in outcome.violations:
        print(f"  VIOLATED {violation}")


def main(arguments: list[str] | None = None) -> int:
    """Play, tell, count; 1 where anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule; each next one has the next")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--trace", action="store_true", help="print every step of every schedule")
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.schedules)
    struck: Counter[str] = Counter()
    crashes = orders = violations = failed = 0
    started = time.monotonic()
    for number, outcome in enumerate(_outcomes(seeds, min(options.workers, len(seeds))), 1):
        crashes += outcome.crashes
        orders += outcome.orders
        violations += len(outcome.violations)
        struck.update(outcome.struck)
        if options.trace:
            print("\n".join(outcome.trace))
            print(f"digest {outcome.digest}")
        if outcome.violations:
            failed += 1
            if failed <= TOLD:
                tell(outcome)
            else:
                print(f"seed {outcome.seed}: {len(outcome.violations)} violations")
        if number % 500 == 0:
            print(f"{number} schedules, {time.monotonic() - started:.0f} s, {failed} failed", file=sys.stderr)
    for kind, count in sorted(struck.items(), key=lambda item: -item[1]):
        print(f"{count:8}  {kind}")
    print(f"{orders:8}  orders that the venue took")
    print(f"{len(seeds)} schedules, {crashes} crashes, {violations} violations")
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main())
