"""The words of a search for parameters: how sets of values are chosen, and what makes one better than another.

The same in the options of `tradewind optimize` and in a `Backtest`. What a loss computes stands in
`research.optimize.loss`; a test holds its table to these names.
"""

from __future__ import annotations

from enum import StrEnum


class Sampler(StrEnum):
    """How sets of values are chosen."""

    TPE = "tpe"
    RANDOM = "random"
    GRID = "grid"


class LossName(StrEnum):
    """By what trials are compared; less of it is better."""

    PROFIT = "profit"
    PROFIT_DRAWDOWN = "profit-drawdown"
    MAX_DRAWDOWN = "max-drawdown"
    SHARPE = "sharpe"
    SORTINO = "sortino"
    CALMAR = "calmar"
    SHARPE_DAILY = "sharpe-daily"
    SORTINO_DAILY = "sortino-daily"
    CALMAR_DAILY = "calmar-daily"
    PROFIT_FACTOR = "profit-factor"
    SYSTEM_QUALITY = "system-quality"


LEAST_TRADES = 1
TRIALS = 100
"""What is searched where nothing is said: so many trials, of which those with fewer trades do not count."""
