"""The few statistics that metrics stand on: mean, standard deviation, and the t-test of a mean against zero.

Written out so that the domain needs no statistics library: the t distribution's tail is a regularised incomplete
beta function, which a continued fraction gives to the last digits (Abramowitz and Stegun 26.5.8 and 26.7.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_PRECISION = 1e-15
_TINY = 1e-300
_MOST_STEPS = 500


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 of nothing."""
    return math.fsum(values) / len(values) if values else 0.0


def deviation(values: Sequence[float], freedom_lost: int = 0) -> float:
    """Standard deviation with divisor `len(values) - freedom_lost`; 0 when that is not positive."""
    degrees = len(values) - freedom_lost
    # Equal values deviate by exactly 0; the mean of floats is not always exactly one of them.
    if degrees <= 0 or min(values) == max(values):
        return 0.0
    centre = mean(values)
    return math.hypot(*(value - centre for value in values)) / math.sqrt(degrees)


def two_sided_p_value(values: Sequence[float]) -> float:
    """Chance of a mean at least this far from 0 if the true mean were 0 (Student's t); 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    centre, spread = mean(values), deviation(values, 1)
    if spread == 0.0:
        return 0.0 if centre else 1.0
    degrees = len(values) - 1
    t_squared = len(values) * (centre / spread) ** 2
    near, far = t_squared / (degrees + t_squared), degrees / (degrees + t_squared)
    # The continued fraction converges fast on one side only; the function's symmetry gives the other.
    if near < 1.5 / (degrees / 2 + 2.5):
        return 1.0 - incomplete_beta(near, 0.5, degrees / 2)
    return incomplete_beta(far, degrees / 2, 0.5)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function of `x` in [0, 1], accurate where `x < (a + 1) / (a + b + 2)`."""
    if x <= 0.0:
        return 0.0
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / (a * _continued_fraction(x, a, b))


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)), evaluated forward (modified Lentz)."""
    value, numerator, denominator = 1.0, 1.0, 0.0
    for step in range(1, _MOST_STEPS):
        coefficient = _coefficient(step, x, a, b)
        denominator = 1.0 / (1.0 + coefficient * denominator or _TINY)
        numerator = 1.0 + coefficient / numerator or _TINY
        value *= numerator * denominator
        if abs(numerator * denominator - 1.0) < _PRECISION:
            break
    return value


def _coefficient(step: int, x: float, a: float, b: float) -> float:
    half = step // 2
    if step % 2:
        return -(a + half) * (a + b + half) * x / ((a + step - 1) * (a + step))
    return half * (b - half) * x / ((a + step - 1) * (a + step))
