"""What is better: each loss is less for what its name promises, and is made of the metrics of the domain."""

from __future__ import annotations

import pytest
from tests.unit.research.optimize.toy import DAY, trade, traded

from tradewind.contracts.searching import LossName
from tradewind.domain.errors import ConfigError
from tradewind.domain.metrics import UNDEFINED, trade_metrics, wallet_metrics
from tradewind.research.optimize.bench import Figures
from tradewind.research.optimize.loss import LOSSES, joined, loss_named

STEADY, WILD, LOSING = traded(10, 12, -2, 11, -3), traded(90, -80, 100, -60), traded(-10, 5, -12)


def test_every_loss_can_be_named_in_a_backtest():
    """And no other one."""
    assert [name.value for name in LossName] == list(LOSSES)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_is_less_for_what_is_better(name):
    """Nothing prefers what loses; what looks at risk prefers the steady to the wild, which earns more."""
    of = loss_named(name).of

    assert of(STEADY) < of(LOSING)
    assert (of(STEADY) < of(WILD)) is (name != "profit")


def test_the_losses_are_the_metrics_of_the_domain():
    """Under their names, turned round where more is better."""
    metrics = trade_metrics(WILD.trades, WILD.start_balance, 10)
    daily = wallet_metrics([1000, 1090, 1010, 1110, *[1050] * 8])

    assert {
        "profit": -0.05,
        "profit-drawdown": pytest.approx(0.08 - 0.05),
        "max-drawdown": metrics.largest_drawdown_ratio,
        "sharpe": -metrics.sharpe,
        "sortino": -metrics.sortino,
        "calmar": -metrics.calmar,
        "sharpe-daily": -daily.sharpe,
        "sortino-daily": -daily.sortino,
        "calmar-daily": -daily.calmar,
        "profit-factor": -metrics.profit_factor,
        "system-quality": -metrics.sqn,
    } == {name: loss.of(WILD) for name, loss in LOSSES.items()}


def test_a_ratio_that_has_no_divisor_is_bad():
    """As freqtrade has it: one trade, or none that loses, tells nothing."""
    assert -UNDEFINED == LOSSES["sortino"].of(traded(10, 12)) == LOSSES["sharpe"].of(traded(10))


def test_an_unknown_loss_is_one_clear_error():
    """With those that there are."""
    with pytest.raises(ConfigError, match="--loss: received best; allowed: profit, profit-drawdown, max-drawdown"):
        loss_named("best")


def test_spans_that_follow_each_other_count_as_one():
    """Their trades and their days, on one balance."""
    both = joined([traded(10, -5), traded(20, start=10 * DAY)])

    assert (3, 20, 0.025) == (len(both.trades), both.days, both.profit_ratio)
    assert {"trades": 3, "profit": 25.0, "profitRatioPerDay": 0.00125}.items() <= Figures.of(both).as_document().items()
    assert trade(1).pair == both.trades[0].pair
