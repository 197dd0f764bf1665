"""Rules 7.1 and 7.2: what is free, what may be staked, and what the limits make of it."""

from __future__ import annotations

import math

import pytest
from tests.unit.domain.freqtrade.scenes import bought, market

from tradewind.domain.freqtrade.wallet import StakeRules, Wallet, allowed_stake


def wallet(**changes):
    given = {"stake_amount": 100.0, "max_open_trades": 3, "dry_run_wallet": 1000.0}
    return Wallet(StakeRules(**(given | changes)))


def test_what_is_tied_is_not_free_and_a_hundredth_stays_out():
    """Profits that are booked count, those of partial exits too."""
    held, trade = wallet(), bought(100.0, 2.0)
    trade.realized_profit, held.closed_profit = 5.0, 10.0

    assert (200.0, 815.0) == (held.tied([trade]), held.free([trade]))
    assert pytest.approx(1015 * 0.99 - 200) == held.available([trade])
    assert pytest.approx(1015 * 0.99) == held.total_stake([trade])


def test_unlimited_stakes_are_an_equal_share_of_what_may_be_traded():
    """By the setting of slots; never more than is available."""
    held, trade = wallet(stake_amount=math.inf), bought(100.0, 8.0)

    assert pytest.approx(330.0) == held.proposed_stake([])
    assert pytest.approx(190.0) == held.proposed_stake([trade])
    assert 0.0 == wallet(stake_amount=math.inf, dry_run_wallet=0.0).proposed_stake([])


def test_a_fixed_stake_is_whole_or_none_unless_the_last_may_be_less():
    """At least the ratio of it."""
    assert 100.0 == wallet().proposed_stake([])
    assert 0.0 == wallet(dry_run_wallet=90.0).proposed_stake([])
    assert pytest.approx(89.1) == wallet(dry_run_wallet=90.0, amend_last_stake_amount=True).proposed_stake([])
    assert 0.0 == wallet(dry_run_wallet=40.0, amend_last_stake_amount=True).proposed_stake([])


def test_available_capital_stands_for_balance_and_ratio():
    """And grows with what is earned."""
    held = wallet(available_capital=500.0)
    held.closed_profit = 20.0

    assert 520.0 == held.total_stake([])


@pytest.mark.parametrize(
    ("stake", "allowed"),
    [(100.0, 100.0), (0.0, 0.0), (-5.0, 0.0), (9.0, 10.5), (8.0, 0.0), (600.0, 400.0)],
)
def test_a_stake_is_raised_a_little_or_cut_to_what_is_allowed(stake, allowed):
    """Up to 30 % short of the least."""
    assert allowed == allowed_stake(market(cost_max=400.0), stake, 10.5, 100.0, 500.0)


def test_a_least_stake_above_what_is_available_is_no_trade():
    """Whatever was asked."""
    assert 0.0 == allowed_stake(market(), 100.0, 10.5, 100.0, 10.0)
