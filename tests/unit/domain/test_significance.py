"""The t-test against values that can be worked out by hand or looked up in a table of Student's t."""

from __future__ import annotations

import math

import pytest

from tradewind.domain import significance
from tradewind.domain.significance import deviation, incomplete_beta, mean, two_sided_p_value


def test_two_values_follow_the_cauchy_distribution() -> None:
    """One degree of freedom has a closed form: for 1 and 3, t is 2 and p is 1 - 2/pi * atan(2)."""
    assert two_sided_p_value([1, 3]) == pytest.approx(1 - 2 / math.pi * math.atan(2), rel=1e-13)


@pytest.mark.parametrize(("degrees", "critical"), [(2, 4.302652730), (10, 2.228138852), (60, 2.000297822)])
def test_tabulated_bounds_have_a_chance_of_one_in_twenty(degrees: int, critical: float) -> None:
    """The 5 % points of every table of Student's t."""
    far = degrees / (degrees + critical**2)
    assert incomplete_beta(far, degrees / 2, 0.5) == pytest.approx(0.05, rel=1e-8)


def test_a_mean_of_nearly_nothing_is_nearly_certain_to_be_chance() -> None:
    """Small t must not lose its digits against 1."""
    assert two_sided_p_value([1.0, -1.0, 1e-9, 0.0]) == pytest.approx(1.0, abs=1e-8)
    assert two_sided_p_value([1.0, -1.0]) == 1.0


def test_too_few_values_are_not_tested() -> None:
    """One value has no deviation to compare with."""
    assert two_sided_p_value([]) == two_sided_p_value([5.0]) == mean([]) == deviation([]) == deviation([5.0], 1) == 0.0


def test_incomplete_beta_starts_at_zero() -> None:
    """The logarithm of 0 is never taken."""
    assert incomplete_beta(0.0, 0.5, 3.0) == 0.0


def test_a_fraction_cut_short_is_still_near(monkeypatch):
    """A fraction that does not settle within its steps gives the value so far, never an endless loop."""
    monkeypatch.setattr(significance, "_MOST_STEPS", 4)

    assert significance.incomplete_beta(0.3, 2.0, 3.0) == pytest.approx(0.3483, rel=0.05)
