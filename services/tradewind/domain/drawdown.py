"""Drawdown: how far a balance fell from the highest it had been.

Two maxima are kept, because they may be at different moments: a fall of 200 from 1200 is the larger in money, a fall
of 100 from 500 the larger in share. The field reports the share *at* the largest fall in money, and so do we.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drawdown:
    """`absolute` in money; `ratio` of the peak at that same moment; `largest_ratio` the largest share anywhere.

    `peak_at` and `low_at` are the places, among the balances, between which the largest fall in money lies.
    """

    absolute: float = 0.0
    ratio: float = 0.0
    largest_ratio: float = 0.0
    peak_at: int = 0
    low_at: int = 0


def maximum_drawdown(balances: Sequence[float]) -> Drawdown:
    """The deepest falls along `balances` in order of time, the starting balance first; zeros when there is none.

    The ratios are between 0 and 1 as long as no balance is negative; a peak of 0 or less gives a ratio of 0.
    """
    absolute = ratio = largest_ratio = 0.0
    highest_at = peak_at = low_at = 0
    peak = -math.inf
    for place, balance in enumerate(balances):
        if balance > peak:
            peak, highest_at = balance, place
        fall = float(peak - balance)
        share = fall / peak if peak > 0 else 0.0
        largest_ratio = max(largest_ratio, share)
        if fall > absolute:
            absolute, ratio, peak_at, low_at = fall, share, highest_at, place
    return Drawdown(absolute, ratio, largest_ratio, peak_at, low_at)
