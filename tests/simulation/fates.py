"""What one life of a process is given to end by: a step at which it is killed, or something at one of its commits."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(slots=True)
class Fate:
    """What happens to a process at one of its commits.

    It dies `before` or `after` it, or stands still for some seconds after it (`pause`). With `sending` only commits
    are counted that say of an order that it is sent: what comes next is the call of the venue.
    """

    commit: int
    what: str
    seconds: float = 0.0
    sending: bool = False


def draw_fate(random: Random, kind: str) -> tuple[Fate | None, int | None]:
    """What happens at a commit, or the step at which it dies, of a process of `kind`; at most one of the two."""
    draw = random.random()
    if draw < 0.2:
        return None, None
    if draw < 0.45:
        return None, int(random.expovariate(1 / 300)) + 1
    if kind == "execution" and draw > 0.8:
        # Between the commit that looks at the lease and the call of the venue.
        return Fate(random.randint(1, 3), "pause", random.uniform(15.0, 90.0), sending=True), None
    sending = kind == "execution" and random.random() < 0.5
    commit = random.randint(1, 6 if sending else 25)
    if draw < 0.7:
        return Fate(commit, random.choice(["before", "after"]), sending=sending), None
    return Fate(commit, "pause", random.uniform(1.0, 60.0)), None
