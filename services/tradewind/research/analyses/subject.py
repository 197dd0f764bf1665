"""One pair of a strategy, as the analyses ask it."""

from __future__ import annotations

from typing import Protocol

from tradewind.domain.series import Integers
from tradewind.research.analyses.columns import Columns


class Subject(Protocol):
    """What can say what a strategy makes of the candles of `pair`, of all or of some of them.

    Every question is put to a strategy that has seen nothing before: what it kept would answer for what it computes.
    """

    @property
    def pair(self) -> str:
        """The pair, as BASE/QUOTE."""

    @property
    def times(self) -> Integers:
        """When its candles opened, in milliseconds UTC, ascending."""

    @property
    def warm_up(self) -> int:
        """As many of the first candles as the strategy says it needs."""

    @property
    def earliest(self) -> int:
        """As many of the first candles as have to be known for there to be a candle of every timeframe it reads."""

    def all(self) -> Columns:
        """What it says of all candles."""

    def known_after(self, candles: int) -> Columns:
        """What it says of the first `candles` when nothing is known that closed later; as many rows."""

    def begun_before(self, last: int, candles: int) -> Columns:
        """What it says of the candle in row `last` and the `candles` before it, when nothing else is known."""
