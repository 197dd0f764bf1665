"""Draws of the same trades: what is certain about them, and that a seed decides the rest."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tradewind.domain.drawdown import maximum_drawdown
from tradewind.domain.errors import ConfigError
from tradewind.research import monte_carlo as module
from tradewind.research.monte_carlo import PERCENTILES, Method, monte_carlo

PROFITS = [50.0, -20.0, 30.0, -40.0]


def drawn(profits=PROFITS, **changes):
    asked = {"samples": 2000, "seed": 7, "method": Method.SHUFFLED, "ruin": 0.5} | changes
    return monte_carlo(profits, 1000.0, **asked)


def test_shuffled_trades_end_where_they_ended():
    """Only the way there is drawn: every drawdown of an order, as often as there are such orders."""
    found = drawn(samples=20_000)
    orders = [maximum_drawdown(np.cumsum([1000.0, *order]).tolist()).absolute for order in permutations(PROFITS)]

    assert {1020.0} == {*found.final_balance.percentiles, found.final_balance.mean}
    assert pytest.approx(np.mean(orders), rel=0.01) == found.drawdown.mean
    assert (min(orders), max(orders)) == (found.drawdown.percentiles[0], found.drawdown.percentiles[-1])
    assert (0.0, 0.0) == (found.loss, found.ruin)


def test_trades_with_replacement_end_anywhere_between_the_worst_and_the_best():
    """Their mean is that of the trades, and a loss as likely as the sums below nothing are."""
    found = drawn(samples=50_000, method=Method.REPLACED)
    sums = [a + b + c + d for a in PROFITS for b in PROFITS for c in PROFITS for d in PROFITS]

    assert pytest.approx(1020.0, abs=1.0) == found.final_balance.mean
    assert pytest.approx(np.mean(np.array(sums) < 0), abs=0.01) == found.loss
    assert 1000 - 160 <= found.final_balance.percentiles[0] <= found.final_balance.percentiles[-1] <= 1200


def test_a_ruin_is_a_fall_to_the_share_that_is_left():
    """In whatever order: 60 of 100 lost before 90 are won is a ruin by half."""
    found = monte_carlo([-60.0, 90.0], 100.0, samples=4000, seed=1, method=Method.SHUFFLED, ruin=0.5)

    assert pytest.approx(0.5, abs=0.03) == found.ruin
    assert 0.0 == found.loss


@pytest.mark.parametrize("method", list(Method))
def test_a_seed_gives_the_same_numbers_however_many_are_held(monkeypatch, method):
    """And another seed others."""
    whole = drawn(method=method)
    monkeypatch.setattr(module, "_PART", 50)
    heard = []
    parts = drawn(method=method, on_samples=heard.append)

    assert whole == parts
    assert 2000 == sum(heard)
    assert max(heard) * len(PROFITS) <= 50
    assert whole != drawn(method=method, seed=8)


def test_one_trade_has_no_order():
    with pytest.raises(ConfigError, match="trades: received 1; allowed: 2 or more"):
        drawn([5.0])


def test_percentiles_do_not_fall():
    found = drawn(method=Method.REPLACED)

    for spread in (found.final_balance, found.drawdown, found.drawdown_ratio):
        assert len(PERCENTILES) == len(spread.percentiles)
        assert sorted(spread.percentiles) == list(spread.percentiles)
