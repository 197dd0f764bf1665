"""What is at risk: how much is held and in what, how much a bad day costs, how closely the account follows its market.

Calculated from the equity curve and the closes of days that are over, when it is asked for; nothing of it is stored.
The statistics are history's word, no forecast: `days` says of how much of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from tradewind.domain.drawdown import maximum_drawdown
from tradewind.domain.metrics import beta, concentration, conditional_value_at_risk, value_at_risk
from tradewind.domain.money import ZERO
from tradewind.domain.timeframe import DAY

LEVEL = 0.95
_FEWEST_RETURNS = 2

Points = Sequence[tuple[int, Decimal]]
DailyCloses = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Ratios as shares; `beta` against the equal-weighted pairs of the bot; None where there are too few days."""

    days: int
    value_at_risk: float | None
    conditional_value_at_risk: float | None
    beta: float | None
    max_drawdown: float
    max_drawdown_ratio: float


def statistics(start: Decimal, points: Points, closes: DailyCloses) -> Statistics:
    """From the equity by tick (ascending), the balance before it, and the closes of days that are over."""
    over = {day for by_day in closes.values() for day in by_day}
    daily = [(day, equity) for day, equity in daily_equity(points) if day in over]
    returns = [_growth(before, after) for before, after in pairwise([float(start), *(equity for _, equity in daily)])]
    fall = maximum_drawdown([float(start), *(float(equity) for _, equity in points)])
    enough = len(returns) >= _FEWEST_RETURNS
    return Statistics(
        days=len(returns),
        value_at_risk=value_at_risk(returns, LEVEL) if enough else None,
        conditional_value_at_risk=conditional_value_at_risk(returns, LEVEL) if enough else None,
        beta=_beta(daily, closes),
        max_drawdown=fall.absolute,
        max_drawdown_ratio=fall.ratio,
    )


def daily_equity(points: Points) -> list[tuple[int, float]]:
    """The last equity of each UTC day, as (start of day, equity); a day without a tick is not among them."""
    found: list[tuple[int, float]] = []
    end = 0
    while end < len(points):
        day = points[end][0] // DAY * DAY
        end = bisect_right(points, day + DAY - 1, lo=end, key=lambda point: point[0])
        found.append((day, float(points[end - 1][1])))
    return found


def downsampled(points: Points, count: int) -> list[tuple[int, Decimal]]:
    """At most `count` (2 or more) of `points`, evenly spaced, the first and the last among them."""
    if len(points) <= count:
        return list(points)
    last = len(points) - 1
    return [points[index * last // (count - 1)] for index in range(count)]


def concentration_of(values: Mapping[str, Decimal]) -> float:
    """Herfindahl index of what is held: 1 for all in one pair, 1/n for n equal ones, 0 for nothing."""
    return concentration([float(value) for value in values.values() if value > ZERO])


def _beta(daily: Sequence[tuple[int, float]], closes: DailyCloses) -> float | None:
    own: list[float] = []
    market: list[float] = []
    for (day, before), (following, after) in pairwise(daily):
        moves = [_growth(one[day], one[following]) for one in closes.values() if day in one and following in one]
        if moves:
            own.append(_growth(before, after))
            market.append(sum(moves) / len(moves))
    return beta(own, market) if len(own) >= _FEWEST_RETURNS else None


def _growth(before: float, after: float) -> float:
    return after / before - 1 if before > 0 else 0.0
