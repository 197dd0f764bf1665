"""The engines that play a backtest by freqtrade's rules; both make the same trades. `play` has what they can."""

from __future__ import annotations

from enum import StrEnum


class Engine(StrEnum):
    """What may be asked for; `AUTO` takes whichever is quicker."""

    AUTO = "auto"
    EVENT = "event"
    COMPILED = "compiled"
