"""What goes wrong, how often, and for how long: drawn for each schedule, and nothing at all once it is calm.

Each kind is left out of about half of the schedules, so that some have one kind only and some have many: two faults
that hide each other are found apart.
"""

from __future__ import annotations

from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What can go wrong with one commit, message, request or update."""

    COMMIT_FAILS = "a commit fails"
    COMMIT_UNHEARD = "the answer to a commit is lost"
    READ_FAILS = "the store cannot be read"
    MESSAGE_TWICE = "a message is published twice"
    MESSAGE_LATE = "a message is late"
    MESSAGE_EARLY = "a message overtakes others"
    REQUEST_LOST = "a request to the venue is lost"
    REQUEST_LATE = "a request reaches the venue late"
    ANSWER_LOST = "the answer of the venue is lost"
    ANSWER_LATE = "the answer of the venue is late"
    ERROR_BEFORE = "the venue answers 503 and does nothing"
    ERROR_AFTER = "the venue answers 503 and has done it"
    UNREADABLE = "the answer of the venue cannot be read"
    TOO_MANY = "the venue answers 429"
    BAN = "the venue answers 418 for some time"
    STALE = "the venue finds a timestamp stale"
    REFUSED = "the venue refuses for no reason"
    UPDATE_LOST = "an update of the account is lost"
    UPDATE_TWICE = "an update of the account comes twice"
    UPDATE_LATE = "an update of the account is overtaken"
    STREAM_LOST = "the stream of the account breaks"
    STREAM_REFUSED = "the stream of the account cannot be opened"
    PARTIAL = "an order fills in parts"


_RARE = {Kind.BAN, Kind.STREAM_LOST, Kind.READ_FAILS}


class Disturbances:
    """The bad luck of one schedule."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.calm = False
        self.struck: dict[Kind, int] = {}
        self._rates = {
            kind: random.uniform(0.01, 0.03 if kind in _RARE else 0.12) for kind in Kind if random.random() < 0.45
        }

    def strikes(self, kind: Kind) -> bool:
        """Whether it happens now."""
        rate = self._rates.get(kind, 0.0)
        if self.calm or not rate or self.random.random() >= rate:
            return False
        self.struck[kind] = self.struck.get(kind, 0) + 1
        return True

    def seconds(self, low: float, high: float) -> float:
        """How long something takes."""
        return self.random.uniform(low, high)

    def chance(self, probability: float) -> bool:
        """Whether something happens that is no disturbance, or not of an operation."""
        return self.random.random() < probability
