"""Drawdowns of many balances at once: `domain.drawdown` as arrays, apart from it because accounts load no numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewind.domain.series import Floats


@dataclass(frozen=True, slots=True)
class Drawdowns:
    """`drawdown.Drawdown` of many balances at once: each an array with one number for each row."""

    absolute: Floats
    ratio: Floats
    largest_ratio: Floats


def maximum_drawdowns(balances: Floats) -> Drawdowns:
    """`drawdown.maximum_drawdown` of every row of `balances`, shape (rows, moments); three arrays of shape (rows,)."""
    peaks = np.maximum.accumulate(balances, axis=1)
    falls = peaks - balances
    shares = np.divide(falls, peaks, out=np.zeros_like(falls), where=peaks > 0)
    deepest = np.argmax(falls, axis=1)
    rows = np.arange(len(balances))
    absolute = falls[rows, deepest]
    ratio = np.where(absolute > 0, shares[rows, deepest], 0.0)
    return Drawdowns(absolute, ratio, shares.max(axis=1, initial=0.0))
