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
    """`absolute` in money; `ratio` of the peak at that same moment; `largest_ratio` the largest share anywhere."""

    absolute: float = 0.0
    ratio: float = 0.0
    largest_ratio: float = 0.0


def maximum_drawdown(balances: Sequence[float]) -> Drawdown:
    """The deepest falls along `balances` in order of time, the starting balance first; zeros when there is none.

    The ratios are between 0 and 1 as long as no balance is negative; a peak of 0 or less gives a ratio of 0.
    """
    absolute = ratio = largest_ratio = 0.0
    peak = -math.inf
    for balance in balances:
        peak = max(peak, balance)
        fall = float(peak - balance)
        share = fall / peak if peak > 0 else 0.0
        largest_ratio = max(largest_ratio, share)
        if fall > absolute:
            absolute, ratio = fall, share
    return Drawdown(absolute, ratio, largest_ratio)
