"""Metrics mean what the field means by their names: the reference vectors, the odd corners, and what always holds."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.metrics import (
    NO_LOSSES,
    UNDEFINED,
    TradeMetrics,
    WalletMetrics,
    beta,
    concentration,
    conditional_value_at_risk,
    exposure,
    trade_metrics,
    value_at_risk,
    wallet_metrics,
)
from tradewind.domain.timeframe import DAY, HOUR
from tradewind.domain.trade import ClosedTrade

START = Decimal(1000)


def trade(
    profit: str | int, day: int, *, pair: str = "BTC/EUR", opened: int = 0, closed: int | None = None
) -> ClosedTrade:
    return ClosedTrade(
        pair=pair,
        open_time=opened,
        close_time=day * DAY if closed is None else closed,
        open_rate=Decimal(100),
        close_rate=Decimal(100),
        amount=Decimal(1),
        fees=Decimal(0),
        profit=Decimal(profit),
        profit_ratio=Decimal(profit) / 100,
        exit_reason="exit_signal",
    )


FOUR = [trade(50, 1), trade(-20, 3), trade(30, 6), trade(-40, 8)]

profits = st.lists(st.decimals(-50, 200, places=2), min_size=1, max_size=19)
returns = st.lists(st.floats(-0.9, 0.9), max_size=40)


class TestTradeMetrics:
    @pytest.mark.parametrize(
        ("metric", "expected"),
        [
            ("sharpe", 1.0497079557919096),
            ("sortino", 3.820994634908559),
            ("calmar", 101.25635782507685),
            ("sqn", 0.2379),
            ("cagr", 1.060185230155907),
            ("expectancy", 5.0),
            ("expectancy_ratio", 1 / 6),
            ("profit_factor", 4 / 3),
            ("win_rate", 0.5),
            ("max_drawdown_absolute", 40.0),
            ("max_drawdown_ratio", 0.03773584905660377),
            ("p_value", 0.8272703110291756),
        ],
    )
    def test_gives_the_reference_values(self, metric: str, expected: float) -> None:
        """Four trades in ten days, measured with the reference implementation."""
        assert asdict(trade_metrics(FOUR, START, 10))[metric] == pytest.approx(expected, rel=1e-12)

    def test_drawdown_is_relative_to_the_highest_balance_not_to_the_start(self) -> None:
        """A fall of 200 from 1200 is a sixth; the 100 lost first, a tenth, is smaller in both ways."""
        metrics = trade_metrics([trade(-100, 1), trade(300, 2), trade(-200, 3)], START, 10)
        assert metrics.max_drawdown_absolute == 200.0
        assert metrics.max_drawdown_ratio == pytest.approx(0.16666666666666666, rel=1e-15)
        assert metrics.sharpe == metrics.sqn == metrics.cagr == 0.0

    def test_the_share_reported_is_that_of_the_largest_fall_in_money(self) -> None:
        """Half of 1000 lost early is the larger share; 600 of 5000 lost late the larger sum, and the one divided by."""
        metrics = trade_metrics([trade(-500, 1), trade(4500, 2), trade(-600, 3)], START, 10)
        assert metrics.max_drawdown_absolute == 600.0
        assert metrics.max_drawdown_ratio == pytest.approx(0.12)
        assert metrics.largest_drawdown_ratio == pytest.approx(0.5)

    def test_trades_count_in_the_order_of_closing(self) -> None:
        """The same trades handed over in another order have the same drawdown."""
        assert trade_metrics(FOUR[::-1], START, 10) == trade_metrics(FOUR, START, 10)

    def test_ratios_without_a_divisor_are_undefined(self) -> None:
        """One winning trade has no deviation, no losses and no drawdown: -100, not infinity and not an exception."""
        metrics = trade_metrics([trade(50, 1)], START, 10)
        assert (metrics.sharpe, metrics.sortino, metrics.calmar, metrics.sqn) == (UNDEFINED,) * 4
        assert metrics.profit_factor == 0.0
        assert metrics.expectancy_ratio == NO_LOSSES
        assert metrics.p_value == 0.0

    def test_one_losing_trade_leaves_sortino_undefined(self) -> None:
        """The deviation of a single loss is 0, however large the loss."""
        assert trade_metrics([trade(50, 1), trade(-20, 2), trade(5, 3)], START, 10).sortino == UNDEFINED

    def test_equal_profits_deviate_by_exactly_nothing(self) -> None:
        """Ten profits of 0.1 must not give a ratio of rounding noise."""
        metrics = trade_metrics([trade("0.1", day) for day in range(10)], START, 10)
        assert metrics.sharpe == metrics.sqn == UNDEFINED
        assert metrics.p_value == 0.0
        assert trade_metrics([trade(0, 1), trade(0, 2)], START, 10).p_value == 1.0

    def test_trades_that_broke_even_lower_the_win_rate_and_are_no_losses(self) -> None:
        """They count in the number of trades alone."""
        metrics = trade_metrics([trade(30, 1), trade(0, 2), trade(-10, 3), trade(0, 4)], START, 10)
        assert (metrics.trades, metrics.wins, metrics.losses, metrics.draws) == (4, 1, 1, 2)
        assert metrics.win_rate == 0.25
        assert metrics.expectancy == pytest.approx(5.0)
        assert metrics.expectancy_ratio == pytest.approx(0.0)

    def test_a_run_shorter_than_a_day_counts_as_one(self) -> None:
        """Otherwise a profit per day would be a division by zero."""
        assert trade_metrics(FOUR, START, 0) == trade_metrics(FOUR, START, 1)

    def test_growth_has_its_limits(self) -> None:
        """A balance below 0 has no growth rate; one that cannot be written as a float is infinite, not an error."""
        assert trade_metrics([trade(-1500, 1)], START, 10).cagr == 0.0
        assert trade_metrics([trade(10**12, 1)], START, 1).cagr == float("inf")

    @pytest.mark.parametrize(("trades", "start"), [([], START), (FOUR, Decimal(0))])
    def test_nothing_to_measure_gives_zeros(self, trades: list[ClosedTrade], start: Decimal) -> None:
        """No trades, or no balance to measure them against."""
        assert trade_metrics(trades, start, 10) == TradeMetrics()

    def test_a_clear_edge_is_significant(self) -> None:
        """A hundred trades of 10 plus or minus 1: by chance practically never."""
        assert trade_metrics([trade(10 + day % 3 - 1, day) for day in range(100)], START, 100).p_value < 1e-90

    @given(profits, st.integers(0, 400))
    def test_what_always_holds(self, values: list[Decimal], days: int) -> None:
        """Shares stay shares, counts add up, and expectancy is the mean profit."""
        metrics = trade_metrics([trade(str(value), day) for day, value in enumerate(values)], START, days)
        assert 0 <= metrics.max_drawdown_ratio <= metrics.largest_drawdown_ratio <= 1
        assert 0 <= metrics.p_value <= 1
        assert metrics.wins + metrics.losses + metrics.draws == metrics.trades == len(values)
        assert metrics.expectancy == pytest.approx(float(sum(values)) / len(values), abs=1e-9)
        assert metrics.max_drawdown_absolute <= -float(sum(value for value in values if value < 0)) + 1e-9

    @given(profits)
    def test_losing_as_likely_as_winning_is_as_significant(self, values: list[Decimal]) -> None:
        """The test is two-sided: turning every profit into a loss leaves the p-value."""
        there = trade_metrics([trade(str(value), 1) for value in values], START, 1).p_value
        back = trade_metrics([trade(str(-value), 1) for value in values], START, 1).p_value
        assert there == pytest.approx(back, rel=1e-9, abs=1e-300)


class TestWalletMetrics:
    def test_gives_the_reference_values(self) -> None:
        """Five daily balances, measured with the reference implementation."""
        metrics = wallet_metrics([1000, 1050, 1030, 1060, 1020])
        assert metrics.sharpe == pytest.approx(3.0152217187550696, rel=1e-12)
        assert metrics.sortino == pytest.approx(11.42049174771642, rel=1e-12)
        assert metrics.calmar == pytest.approx(253.1408945626921, rel=1e-12)
        assert metrics.max_drawdown_absolute == 40
        assert metrics.max_drawdown_ratio == pytest.approx(40 / 1060)

    @pytest.mark.parametrize("balances", [[], [1000.0], [1000.0, 1000.0, 1000.0], [0.0, 0.0]])
    def test_a_balance_that_never_moved_gives_zeros(self, balances: list[float]) -> None:
        """A bot that did not trade is neither good nor bad."""
        assert wallet_metrics(balances) == WalletMetrics()

    def test_a_run_without_a_losing_day_has_no_sortino_and_no_calmar(self) -> None:
        """There is nothing to divide by."""
        metrics = wallet_metrics([1000, 1010, 1030])
        assert metrics.sharpe > 0
        assert (metrics.sortino, metrics.calmar) == (UNDEFINED, UNDEFINED)

    def test_an_empty_account_that_is_paid_into_is_no_error(self) -> None:
        """There is no return on nothing."""
        assert wallet_metrics([0, 100, 50]).max_drawdown_ratio == 0.5

    @given(st.lists(st.integers(0, 10**11), max_size=60))
    def test_drawdown_is_a_share(self, cents: list[int]) -> None:
        """Between 0 and 1 for any balances that are not negative, and never more money than there was."""
        balances = [cent / 100 for cent in cents]
        metrics = wallet_metrics(balances)
        assert 0 <= metrics.max_drawdown_ratio <= metrics.largest_drawdown_ratio <= 1
        assert 0 <= metrics.max_drawdown_absolute <= max(balances, default=0)


class TestExposure:
    def test_is_averaged_over_pairs(self) -> None:
        """One of two pairs held half the time is a quarter."""
        held = [trade(1, 0, opened=0, closed=12 * HOUR)]
        assert exposure(held, 0, DAY, ["BTC/EUR", "ETH/EUR"]) == 0.25

    def test_overlapping_positions_of_a_pair_count_once_and_only_inside_the_run(self) -> None:
        """Held from before the start to hour 10, with a second position inside and a third that outlasts the end."""
        held = [
            trade(1, 0, opened=-DAY, closed=10 * HOUR),
            trade(1, 0, opened=2 * HOUR, closed=4 * HOUR),
            trade(1, 0, opened=22 * HOUR, closed=2 * DAY),
        ]
        assert exposure(held, 0, DAY, ["BTC/EUR"]) == 0.5

    @pytest.mark.parametrize(("end", "pairs"), [(0, ["BTC/EUR"]), (DAY, []), (DAY, ["ETH/EUR"])])
    def test_no_time_no_pairs_or_no_trades_give_zero(self, end: int, pairs: list[str]) -> None:
        """Never a division by zero."""
        assert exposure(FOUR, 0, end, pairs) == 0.0

    @given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=20))
    def test_is_a_share(self, spans: list[tuple[int, int]]) -> None:
        """Between 0 and 1 however positions overlap, and what counting moment by moment gives."""
        held = [trade(1, 0, opened=min(span), closed=max(span)) for span in spans]
        moments = {moment for span in spans for moment in range(min(span), max(span)) if 10 <= moment < 90}
        assert exposure(held, 10, 90, ["BTC/EUR"]) == pytest.approx(len(moments) / 80)


class TestRisk:
    def test_value_at_risk_is_the_loss_of_one_period_in_twenty(self) -> None:
        """Of 21 periods, the second worst is exceeded by one in twenty."""
        periods = [0.01] * 19 + [-0.10, -0.04]
        assert value_at_risk(periods, 0.95) == pytest.approx(0.04)
        assert conditional_value_at_risk(periods, 0.95) == pytest.approx(0.07)

    def test_value_at_risk_is_interpolated_between_periods(self) -> None:
        """Half way between -2 % and -1 %."""
        assert value_at_risk([-0.02, -0.01], 0.5) == pytest.approx(0.015)

    def test_nothing_is_at_risk_where_every_period_gained(self) -> None:
        """A gain is not reported as a negative loss."""
        assert value_at_risk([0.01, 0.02], 0.95) == conditional_value_at_risk([0.01, 0.02], 0.95) == 0.0

    def test_beta_is_the_slope_against_the_market(self) -> None:
        """Twice the market's moves, against them, and a market that does not move."""
        market = [0.01, -0.02, 0.03]
        assert beta([0.02, -0.04, 0.06], market) == pytest.approx(2.0)
        assert beta([-0.01, 0.02, -0.03], market) == pytest.approx(-1.0)
        assert beta(market, [0.0, 0.0, 0.0]) == 0.0

    def test_concentration_of_one_and_of_equal_parts(self) -> None:
        """All in one is 1, four equal parts are a quarter; a short position is as concentrated as a long one."""
        assert concentration([5.0]) == 1.0
        assert concentration([2.0, -2.0, 2.0, 2.0]) == pytest.approx(0.25)

    def test_empty_inputs_give_zero(self) -> None:
        """Nothing held, nothing observed."""
        assert (value_at_risk([], 0.95), conditional_value_at_risk([], 0.95), beta([], []), concentration([])) == (
            0,
        ) * 4

    @given(returns, st.floats(0.5, 0.99))
    def test_the_average_of_the_worst_is_no_better_than_their_bound(self, values: list[float], level: float) -> None:
        """Conditional value at risk is at least value at risk, and at most the worst period."""
        worst = max([0.0, *(-value for value in values)])
        assert value_at_risk(values, level) <= conditional_value_at_risk(values, level) + 1e-12
        assert conditional_value_at_risk(values, level) <= worst + 1e-12

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
    def test_concentration_is_between_equal_parts_and_one(self, weights: list[float]) -> None:
        """Whatever is held."""
        index = concentration(weights)
        assert index == 0 or 1 / len(weights) - 1e-9 <= index <= 1 + 1e-9
