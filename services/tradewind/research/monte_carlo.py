"""What else might have come of the same trades: their order, or which of them there were, drawn by lot.

The order in which trades won and lost is chance for a good part, and the drawdown hangs on it. `shuffled` keeps all
trades and draws their order, so the final balance is always the same. `replaced` draws as many trades with replacement,
some twice and some never, so the final balance is drawn too. Profits are taken as the money that they were: stakes do
not grow with the balance, as drawdown and profit of closed trades (`domain.metrics`) are sums of money too.

The same seed gives the same numbers. Samples are drawn in parts, so memory is bounded however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tradewind.domain.drawdowns import maximum_drawdowns
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import Floats

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

_PART = 1_000_000
"""Balances that are held at one time."""


class Method(StrEnum):
    """What is drawn."""

    SHUFFLED = "shuffled"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure at each of `PERCENTILES`, and its mean."""

    percentiles: tuple[float, ...]
    mean: float


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """The outcome of `samples` draws. Money in the currency of the trades, ratios and probabilities as shares.

    `loss` is how often the final balance was below the start, `ruin` how often it ever fell to the ruinous one.
    """

    samples: int
    final_balance: Spread
    drawdown: Spread
    drawdown_ratio: Spread
    loss: float
    ruin: float


def monte_carlo(
    profits: Sequence[float],
    start_balance: float,
    *,
    samples: int,
    seed: int,
    method: Method,
    ruin: float,
    on_samples: Callable[[int], object] = lambda _count: None,
) -> MonteCarlo:
    """Draw `samples` times from `profits` (money, one for each trade); `on_samples` hears how many more are done.

    `ruin` is the share of the start balance that must be lost for an account to be ruined. Raises `ConfigError` for
    fewer than two trades.
    """
    if len(profits) < 2:
        raise ConfigError("trades", len(profits), "2 or more: one has no order", "take a longer backtest")
    made = np.asarray(profits, dtype=np.float64)
    draw = np.random.default_rng(seed)
    found = np.empty((4, samples))
    part = max(_PART // len(made), 1)
    for first in range(0, samples, part):
        count = min(part, samples - first)
        found[:, first : first + count] = _drawn(draw, made, start_balance, count, method)
        on_samples(count)
    final, lowest, absolute, ratio = found
    return MonteCarlo(
        samples=samples,
        final_balance=_spread(final),
        drawdown=_spread(absolute),
        drawdown_ratio=_spread(ratio),
        loss=float(np.mean(final < start_balance)),
        ruin=float(np.mean(lowest <= start_balance * (1 - ruin))),
    )


def _drawn(draw: np.random.Generator, profits: Floats, start: float, count: int, method: Method) -> Floats:
    """Final balance, lowest balance, maximum drawdown and its ratio of `count` samples, shape (4, count)."""
    if method is Method.REPLACED:
        taken = profits[draw.integers(0, len(profits), size=(count, len(profits)))]
    else:
        taken = draw.permuted(np.tile(profits, (count, 1)), axis=1)
    balances = np.empty((count, len(profits) + 1))
    balances[:, 0] = start
    np.cumsum(taken, axis=1, out=balances[:, 1:])
    balances[:, 1:] += start
    fall = maximum_drawdowns(balances)
    final = balances[:, -1]
    if method is Method.SHUFFLED:
        # The same trades make the same sum, whatever the order of rounding.
        final = np.full(count, start + float(np.sum(profits)))
    return np.stack((final, balances.min(axis=1), fall.absolute, fall.ratio))


def _spread(values: Floats) -> Spread:
    return Spread(tuple(np.percentile(values, PERCENTILES).tolist()), float(values.mean()))
