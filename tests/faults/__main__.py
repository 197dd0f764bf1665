"""The fault campaign: `python -m tests.faults --runs 10 --seed 0`, or `make faults`.

Prints a line for each run on standard error and the table on standard output. A whole campaign (every row, ten runs or
more) writes the table into `docs/reliability.md`; one of which a row could not be played says so in the table, and is
not published. The exit code is 1 where anything was lost, doubled, missed or
unequal, where a bot did not trade again, or where a fault did not happen as often as it was to.
"""

# ruff: noqa: T201 - printing is what it is for
from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaign import campaign
from tests.faults.lane import SmallDisk
from tests.faults.life import Outcome
from tests.faults.report import PAGE, Campaign, published, table
from tests.faults.rows import ROWS

WHOLE = 10
"""Runs a row that make a campaign that is published."""


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=WHOLE, help="in each row")
    parser.add_argument("--seed", type=int, default=0, help="of the first run of each row; each next one has the next")
    parser.add_argument("--lanes", type=int, default=2 * (os.cpu_count() or 1), help="runs at a time; they wait a lot")
    parser.add_argument("--row", action="append", choices=[row.name for row in ROWS], help="only this one; repeatable")
    parser.add_argument("--page", type=Path, default=PAGE, help="where a whole campaign is published")
    return parser.parse_args(arguments)


def tell(outcome: Outcome) -> str:
    """A line about a run, and one for each thing that does not hold."""
    found = outcome.findings
    word = "FAILED" if outcome.failed else "ok" if outcome.happened else "again"
    recovery = "-" if outcome.recovery is None else f"{outcome.recovery:.1f} s"
    line = f"{word:<6}  {outcome.row}, seed {outcome.seed}: {found.sent} orders, recovery {recovery}"
    lines = [f"{line}, {outcome.seconds:.0f} s", *outcome.notes]
    if outcome.failed:
        lines += [*found.all[:20], f"logs: {outcome.logs}"]
    return "\n        ".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Play, tell, publish."""
    options = _options(arguments)
    names = options.row or [row.name for row in ROWS]
    left_out: dict[str, str] = {}
    if not SmallDisk.is_allowed():
        left_out = {
            row.name: "only root may mount a small disk" for row in ROWS if row.small_disk and row.name in names
        }
        names = [name for name in names if name not in left_out]
    kept, began = Path(tempfile.gettempdir()) / "tradewind-faults-failed", time.monotonic()
    outcomes = []
    for outcome in campaign(names, options.runs, options.seed, options.lanes, kept):
        outcomes.append(outcome)
        print(tell(outcome), file=sys.stderr, flush=True)
    print(table(outcomes, left_out))
    if left_out:
        why = ", ".join(f"{name} was not played, {reason}" for name, reason in left_out.items())
        print(f"not published in {options.page.name}: {why}; play it as root", file=sys.stderr)
    elif options.row is None and options.runs >= WHOLE:
        played = Campaign(options.runs, options.seed, options.lanes, time.monotonic() - began)
        options.page.write_text(published(options.page.read_text(), outcomes, played))
    missing = [name for name in names if sum(one.happened for one in outcomes if one.row == name) < options.runs]
    print(*(f"{name} did not happen {options.runs} times" for name in missing), sep="\n", file=sys.stderr)
    return int(any(one.failed for one in outcomes) or bool(missing))


if __name__ == "__main__":
    sys.exit(main())
