"""Sizing: `semantics` section 5."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.instrument import Instrument
from tradewind.domain.sizing import Funds, StakeRules, minimum_stake, size_entry

D = Decimal
BTC = Instrument("BTC/EUR", "BTC", "EUR", D("0.01"), D("0.0001"), D("0.001"), D(10))
FREE = StakeRules(
    stake_amount=D(100),
    tradable_ratio=D(1),
    max_open_positions=4,
    max_risk_per_trade=D(1),
    stop_loss=None,
    max_total_exposure=D(1),
    max_pair_exposure=D(1),
    fee=D(0),
)


def funds(free, tied=0, exposure=None, equity=None):
    return Funds(
        D(free), D(tied), D(equity if equity is not None else free + tied), D(tied if exposure is None else exposure)
    )


def stake(account, price=10, instrument=BTC, **rules):
    size = size_entry(instrument, D(price), account, replace(FREE, **{name: _decimal(v) for name, v in rules.items()}))
    return size.refusal or size.stake


def _decimal(value):
    return D(str(value)) if isinstance(value, (int, float, str)) else value


# ---------------------------------------------------------------------------------------------------- wanted stake


def test_a_fixed_stake_is_what_was_asked_for():
    """As amount, in steps, at about the price."""
    size = size_entry(BTC, D(30), funds(1000), FREE)
    assert (size.amount, size.stake, size.refusal) == (D("3.3333"), D("99.999"), None)


def test_a_fixed_stake_above_what_is_available_is_refused_with_both_numbers():
    """Never silently made smaller: the stake was a person's choice."""
    assert stake(funds(99.6)) == "stake 100 is above the available 99.6"
    assert stake(funds(100)) == 100


@pytest.mark.parametrize(
    ("account", "slots", "expected"),
    [
        (funds(1000), 4, 250),  # (1000 + 0) / 4
        (funds(500, tied=500), 4, 250),  # what is tied counts as shared out already
        (funds(100, tied=900), 4, 100),  # a quarter would be 250, but 100 is all there is
        (funds(1000), 1, 1000),
    ],
)
def test_an_unlimited_stake_is_an_equal_split(account, slots, expected):
    """min((available + tied) / max_open_positions, available)."""
    assert stake(account, stake_amount=None, max_open_positions=slots) == expected


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (funds(1000), 450),  # 90 % of 1000, halved
        (funds(500, tied=500), 400),  # 900 - 500 is available; (400 + 500) / 2 = 450 is more than that
        (funds(100, tied=900), "stake 0 is below the minimum 10.5"),  # the 10 % are not for trading
        (funds(50, tied=950), "stake 0 is below the minimum 10.5"),  # and what is tied may be more than 90 %
    ],
)
def test_the_tradable_ratio_is_of_the_whole_account(account, expected):
    """Of total = (tied + free) * ratio: available = min(total - tied, free)."""
    assert stake(account, stake_amount=None, tradable_ratio="0.9", max_open_positions=2) == expected


# ----------------------------------------------------------------------------------------------------------- limits


def test_the_fee_of_the_entry_is_left_in_the_account():
    """1000 at a fee of 1 % buys for 990.09, or the venue refuses."""
    size = size_entry(BTC, D(10), funds(1000), replace(FREE, stake_amount=None, max_open_positions=1, fee=D("0.01")))
    assert size.stake <= D(1000) / D("1.01") < size.stake + D("0.001")


def test_risk_per_trade_is_what_is_lost_at_the_stop():
    """1 % of 1000 at a stop of 5 % may stake 200; without a stop the whole stake is at risk."""
    assert stake(funds(1000), stake_amount=300, max_risk_per_trade="0.01", stop_loss="0.05") == 200
    assert stake(funds(1000), stake_amount=300, max_risk_per_trade="0.1") == 100


def test_exposure_of_a_pair_and_of_all_pairs():
    """Ratios of equity, at current prices."""
    assert stake(funds(1000), stake_amount=300, max_pair_exposure="0.2") == 200
    assert stake(funds(600, tied=400, exposure=450), stake_amount=300, max_total_exposure="0.5") == 50
    assert "below the minimum" in stake(funds(600, tied=400, exposure=550), stake_amount=300, max_total_exposure="0.5")


# ---------------------------------------------------------------------------------------------------------- minimum


@pytest.mark.parametrize(
    ("stop_loss", "price", "expected"),
    [
        (None, 100, "10.5"),  # 10 * 1.05, above 0.001 * 100 * 1.05
        ("0.05", 100, "11.05263157894736842105263158"),  # 10 * 1.05 / 0.95
        ("0.5", 100, "15"),  # 1.05 / 0.5 = 2.1 is cut to 1.5
        ("0.05", 20000, "21"),  # 0.001 * 20000 * 1.05
    ],
)
def test_the_minimum_is_such_that_the_exit_at_the_stop_is_still_accepted(stop_loss, price, expected):
    """max(cost_min * reserve, amount_min * price * 1.05), reserve = clamp(1.05 / (1 - stop), 1, 1.5)."""
    assert minimum_stake(BTC, D(price), None if stop_loss is None else D(stop_loss)) == D(expected)


def test_a_stake_below_the_minimum_is_raised_by_at_most_thirty_percent():
    """8.08 * 1.3 >= 10.5 is raised, 8.07 * 1.3 is not."""
    assert stake(funds(1000), stake_amount="8.08") == D("10.5")
    assert stake(funds(1000), stake_amount="8.07") == "stake 8.07 is below the minimum 10.5"
    assert stake(funds(1000), stake_amount="10.5") == D("10.5")


@pytest.mark.parametrize(
    "rules",
    [
        {"max_risk_per_trade": "0.009"},
        {"max_pair_exposure": "0.009"},
        {"max_total_exposure": "0.009"},
        {"stake_amount": None, "max_open_positions": 100, "tradable_ratio": "0.009"},
    ],
)
def test_a_stake_is_not_raised_over_a_limit(rules):
    """9 * 1.3 is above 10.5, but 9 is all that the limit allows."""
    assert "below the minimum 10.5" in stake(funds(1000), **{"stake_amount": 9, **rules})


def test_what_the_step_cuts_below_the_venue_s_minimum_is_refused():
    """Raised to 10.5, of which a coarse step leaves nothing."""
    coarse = replace(BTC, amount_step=D(1), minimum_amount=D(0))
    assert stake(funds(1000), instrument=coarse, price=20, stake_amount=30) == 20
    assert stake(funds(1000), instrument=coarse, price=40, stake_amount=30) == (
        "amount 0 BTC is not above 0 (the amount step is 1)"
    )


def test_without_minimums_an_amount_of_nothing_is_still_no_entry():
    """It would be an order that the venue does not know what to do with."""
    free = replace(BTC, minimum_amount=D(0), minimum_notional=D(0))
    assert "is not above 0" in stake(funds(0), instrument=free, stake_amount=None)


MONEY = st.integers(0, 100_000).map(lambda cents: D(cents) / 100)
RATIO = st.integers(1, 100).map(lambda percent: D(percent) / 100)


@given(
    st.builds(Funds, free=MONEY, tied=MONEY, equity=MONEY, exposure=MONEY),
    st.builds(
        StakeRules,
        stake_amount=st.none() | MONEY.filter(bool),
        tradable_ratio=RATIO,
        max_open_positions=st.integers(1, 10),
        max_risk_per_trade=RATIO,
        stop_loss=st.none() | st.integers(1, 99).map(lambda percent: D(percent) / 100),
        max_total_exposure=RATIO,
        max_pair_exposure=RATIO,
        fee=st.sampled_from([D(0), D("0.0025"), D("0.05")]),
    ),
    st.integers(1, 10**7).map(lambda cents: D(cents) / 100),
)
def test_a_size_is_within_every_limit_and_the_venue_takes_it(account, rules, price):
    """Or there is none, and it says why."""
    size = size_entry(BTC, price, account, rules)
    if size.refusal is not None:
        assert (size.amount, size.stake) == (0, 0)
        return
    cost = size.stake * (1 + rules.fee)
    assert size.stake == size.amount * price
    assert size.amount % BTC.amount_step == 0
    assert BTC.refusal(size.amount, price) is None
    assert cost <= account.free
    assert size.stake * (rules.stop_loss or 1) <= account.equity * rules.max_risk_per_trade
    assert size.stake <= account.equity * rules.max_pair_exposure
    assert account.exposure + size.stake <= account.equity * rules.max_total_exposure
    assert account.tied + cost <= (account.tied + account.free) * rules.tradable_ratio
