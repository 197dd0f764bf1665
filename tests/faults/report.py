"""The table of the campaign, and the page that it is published on."""

from __future__ import annotations

import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.life import Outcome
from tests.faults.rows import ROWS
from tests.servers.programs import postgres_programs, redis_program

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- written by `make faults` from here -->", "<!-- to here -->"
_HEAD = (
    "fault",
    "runs",
    "orders sent",
    "lost",
    "duplicated",
    "fills missed",
    "ledger equal",
    "recovery p50 s",
    "max s",
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was played: how many runs in a row, from which seed on, at a time, for how long."""

    runs: int
    seed: int
    lanes: int
    seconds: float


def table(outcomes: Sequence[Outcome], left_out: Mapping[str, str] | None = None) -> str:
    """The table of what happened, a line for each row that was played, and one for all.

    `left_out` are rows that could not be played, with the reason: they stand in it with no runs.
    """
    lines = [_line(_HEAD), _line(["---", *["---:"] * (len(_HEAD) - 1)])]
    happened = [one for one in outcomes if one.happened]
    for row in ROWS:
        of_row = [one for one in happened if one.row == row.name]
        if left_out and row.name in left_out:
            nothing = [f"{row.name} (not played: {left_out[row.name]})", "0", *("-" for _ in _HEAD[2:])]
            lines.append(_line(nothing))
        elif of_row:
            lines.append(_line(_cells(row.name, of_row)))
    lines.append(_line(_cells("all", happened)))
    return "\n".join(lines)


def _cells(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    found = [one.findings for one in outcomes]
    recoveries = [one.recovery for one in outcomes if one.recovery is not None]
    never = "" if len(recoveries) == len(outcomes) else f" ({len(outcomes) - len(recoveries)} never)"
    return [
        name,
        str(len(outcomes)),
        str(sum(one.sent for one in found)),
        *(str(sum(len(getattr(one, kind)) for one in found)) for kind in ("lost", "duplicated", "missed")),
        f"{sum(not one.unequal for one in found)} of {len(found)}",
        f"{statistics.median(recoveries):.1f}" if recoveries else "-",
        (f"{max(recoveries):.1f}" if recoveries else "-") + never,
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def published(text: str, outcomes: Sequence[Outcome], played: Campaign) -> str:
    """A page with the part between its markers made new."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"the page has no part between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{_measured(outcomes, played)}\n\n{END}{after}"


def _measured(outcomes: Sequence[Outcome], played: Campaign) -> str:
    again = sum(not one.happened for one in outcomes)
    words = "\n".join(_line([row.name, row.words]) for row in ROWS)
    return (
        f"{table(outcomes)}\n\n"
        f"{played.runs} runs a row, {played.lanes} at a time, {played.seconds / 60:.0f} minutes; seeds from"
        f" {played.seed} on. Played again, because the fault had not happened for certain: {again}.\n\n"
        f"{_when()}: commit {_commit()}; {_machine()}.\n\n"
        f"| fault | what happens in a run |\n| --- | --- |\n{words}"
    )


def _when() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _commit() -> str:
    told = _said("git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return f"{told} with changes that are not in it" if changed else told


def _machine() -> str:
    servers = [_said(str(one), "--version") for one in (redis_program(), postgres_programs() / "postgres")]
    redis = next((word.removeprefix("v=") for word in servers[0].split() if word.startswith("v=")), servers[0])
    cores = _said("nproc")
    return (
        f"{cores} cores, {platform.system()}, Python {platform.python_version()}, {redis_program().name} {redis},"
        f" {servers[1].replace('postgres (PostgreSQL)', 'PostgreSQL').partition(' (')[0]}"
    )


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
