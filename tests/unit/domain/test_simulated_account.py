"""The account of a simulated venue: it refuses, reserves, fills and charges, and says what changed."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain.account_order import (
    AccountOrder,
    AccountRefusalError,
    AccountRules,
    OrderEnd,
    PairClock,
    Resize,
    arriving,
)
from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules, WorkingOrder
from tradewind.domain.order import Fill, Leg, Order, OrderState, OrderType, Side, TimeInForce
from tradewind.domain.simulated_account import SimulatedAccount

D = Decimal
BTC, ETH = "BTC/EUR", "ETH/EUR"
DURATION = 3000


def make_account(start="1000", *, in_base=False, slippage=0, share="0.25", **more):
    matching = MatchingRules(D(slippage), D(share))
    account = SimulatedAccount(AccountRules(D("0.001"), D("0.002"), in_base, matching), {"EUR": D(start), **more})
    account.instruments = {
        pair: Instrument(pair, pair[:3], "EUR", D("0.01"), D("0.001"), D("0.002"), D(5)) for pair in (BTC, ETH)
    }
    account.last = {BTC: D(100), ETH: D(10)}
    return account


def order(name, side="buy", kind="market", amount="1", *, since=0, on_path=False, pair=BTC, spend=None, **fields):
    prices = {key: D(str(fields.pop(key))) for key in ("price", "stop_price") if key in fields}
    working = WorkingOrder(name, 0, Side(side), OrderType(kind), D(amount), **prices, **fields)
    return AccountOrder(name, pair, working, D(amount), since, on_path, quote_amount=D(spend) if spend else None)


def candle(time, open_, high=None, low=None, close=None, *, volume=1000.0):
    return Candle(time, *map(float, (open_, high or open_, low or open_, close or open_)), volume)


def meet(account, one, *phases, pair=BTC):
    return [brief(told) for phase in phases or ("Open", "Path") for told in account.match(pair, one, phase).happenings]


def brief(told):
    match told:
        case Fill():
            return told.client_order_id, told.amount, told.price, told.time
        case OrderEnd(order_id, state, reason, time):
            return order_id, state.value, reason, time
        case Resize(order_id, remaining, time):
            return order_id, remaining, time


def legs(amount="1", **fields):
    return [
        order("stop", "sell", "stop", amount, stop_price=95, group="g", **fields),
        order("target", "sell", "limit", amount, price=110, group="g", **fields),
    ]


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (order("a", pair="XRP/EUR"), "BadSymbol"),
        (order("a", amount="0.001"), "Filter"),
        (order("a", amount="10"), "InsufficientFunds"),  # the fee comes on top
        (order("a", "sell"), "InsufficientFunds"),
        (order("a", kind="limit", amount="11", price=91), "InsufficientFunds"),
        (order("a", kind="stop", amount="9", stop_price=111), "InsufficientFunds"),
    ],
)
def test_it_refuses_what_it_cannot_take_and_stays_as_it_was(asked, reason):
    account = make_account()
    with pytest.raises(AccountRefusalError) as refusal:
        account.admit([asked])
    assert refusal.value.reason == reason
    assert not account.orders
    assert account.is_idle(BTC)


def test_a_pair_without_a_price_cannot_be_traded():
    account = make_account()
    del account.last[ETH]
    with pytest.raises(AccountRefusalError, match="BadSymbol"):
        account.admit([order("a", pair=ETH)])


# -------------------------------------------------------------------------------------------------------- reservations


def test_open_orders_reserve_what_they_may_cost():
    account = make_account(BTC=D(2), slippage=100)
    account.admit([order("limit", kind="limit", amount="2", price=90)])
    account.admit([order("above", kind="stop", stop_price=110)])
    account.admit([order("spend", spend=50)])
    account.admit(legs())
    account.admit([order("sell", "sell", amount="0.5")])
    cost = D(180) + D("111.10") + D(50)
    assert account.locked("EUR") == cost * D("1.002")
    assert account.locked("BTC") == D("1.5")
    assert account.free("BTC") == D("0.5")


def test_a_market_buy_reserves_at_the_price_last_seen():
    account = make_account()
    account.admit([order("a")])
    account.see(BTC, D(200))
    assert account.locked("EUR") == D("200.4")


def test_a_cancel_ends_the_whole_group_of_its_pair_and_frees_what_it_held():
    account = make_account(BTC=D(1), ETH=D(1))
    account.admit(legs())
    account.admit([order("other", "sell", "limit", pair=ETH, price=12, group="g")])
    changes = account.cancel("target", 7)
    assert [brief(one) for one in changes.happenings] == [
        ("stop", "Canceled", "Requested", 7),
        ("target", "Canceled", "Requested", 7),
    ]
    assert set(changes.orders) == {"stop", "target"}
    assert (account.locked("BTC"), account.locked("ETH"), account.is_idle(BTC)) == (0, 1, True)


# ------------------------------------------------------------------------------------------------------------ matching


def test_a_fill_changes_balances_by_amount_cost_and_fee():
    account = make_account()
    account.admit([order("a")])
    changes = account.match(BTC, candle(1, 100), "Open")
    assert account.balances == {"EUR": D("899.8"), "BTC": D(1)}
    assert changes.currencies == {"EUR", "BTC"}
    assert changes.orders["a"].state is OrderState.FILLED
    assert not account.orders


def test_a_fee_in_base_is_taken_from_what_is_bought():
    account = make_account(in_base=True)
    account.admit([order("a", amount="10")])
    (fill,) = account.match(BTC, candle(1, 100), "Open").happenings
    assert (fill.fee, fill.fee_currency) == (D("0.02"), "BTC")
    assert account.balances == {"EUR": D(0), "BTC": D("9.98")}


def test_an_order_meets_what_opens_after_it_and_a_leg_the_path_it_was_placed_on():
    account = make_account(BTC=D(1))
    account.admit([order("late", since=1)])
    account.admit(legs(since=1, on_path=True))
    assert meet(account, candle(1, 100, 111, 99, 105)) == [
        ("target", 1, 110, 1),
        ("stop", "Canceled", "OtherLegFilled", 1),
    ]
    assert meet(account, candle(2, 100)) == [("late", 1, 100, 2)]


def test_a_phase_is_met_once():
    account = make_account()
    account.admit([order("a")])
    assert meet(account, candle(2, 100), "Open", "Open") == [("a", 1, 100, 2)]
    account.admit([order("b", since=0)])
    assert meet(account, candle(2, 100), "Open") == meet(account, candle(1, 100), "Path") == []


def test_at_the_end_of_the_data_a_market_order_meets_the_close():
    account = make_account()
    account.admit([order("a", since=5)])
    assert meet(account, candle(5, 100, 104, 99, 103), "Close") == [("a", 1, 103, 5)]


def test_a_buy_that_became_too_dear_expires_and_who_came_first_is_served():
    account = make_account()
    for name in ("first", "second"):
        account.admit([order(name, amount="4.9")])
    assert meet(account, candle(1, 110)) == [("second", "Expired", "InsufficientFunds", 1), ("first", D("4.9"), 110, 1)]


def test_a_limit_takes_its_share_of_the_volume_and_the_rest_waits_as_maker():
    account = make_account()
    account.admit([order("a", kind="limit", amount="4", price=100)])
    first = account.match(BTC, candle(1, 99, 99, 90, 99, volume=4.0), "Open")
    assert [(one.amount, one.maker) for one in first.happenings] == [(1, False)]
    assert meet(account, candle(1, 99, 99, 90, 99, volume=4.0), "Path") == []
    second = account.match(BTC, candle(2, 99, volume=400.0), "Open")
    assert [(one.amount, one.price, one.maker) for one in second.happenings] == [(3, 100, True)]


def test_that_a_limit_rests_now_is_a_change():
    account = make_account()
    account.admit([order("a", kind="limit", price=90)])
    changes = account.match(BTC, candle(1, 99), "Open")
    assert (list(changes.orders), changes.happenings) == (["a"], [])
    assert account.match(BTC, candle(1, 99), "Path").orders == {}


def test_the_other_leg_has_what_is_left():
    account = make_account(BTC=D(3))
    account.admit(legs("3"))
    assert meet(account, candle(1, 100, 112, 100, 100, volume=4.0)) == [("target", 1, 110, 1), ("stop", 2, 1)]
    assert account.orders["stop"].amount == 2
    assert account.locked("BTC") == 2


def test_an_amended_stop_meets_what_comes_later():
    account = make_account(BTC=D(1))
    account.admit([order("stop", "sell", "stop", stop_price=95)])
    assert list(account.amend("stop", D(99), 1).orders) == ["stop"]
    assert meet(account, candle(1, 100, 100, 98, 98)) == []
    assert meet(account, candle(2, 98)) == [("stop", 1, 98, 2)]


# --------------------------------------------------------------------------------------------------- inside of a candle


def test_the_path_in_stretches_has_times():
    account = make_account()
    account.admit([order("a", kind="limit", price=98)])
    shape = candle(9000, 100, 112, 97, 109)
    account.match(BTC, shape, "Open")
    assert account.walk(BTC, shape, 0, 600, DURATION).happenings == []
    (fill,) = account.walk(BTC, shape, 600, DURATION, DURATION).happenings
    assert (fill.price, fill.time) == (98, 9667)
    assert account.clocks[BTC].phase == "Path"
    assert account.walk(BTC, shape, 0, 1, DURATION).happenings == []


def test_a_market_order_acts_at_the_present_price():
    account = make_account()
    account.admit([order("a", since=1, on_path=True)])
    (fill,) = account.act("a", candle(1, 100), D("103.5"), 77).happenings
    assert (fill.price, fill.time) == (D("103.5"), 77)


def test_slippage_that_cannot_be_paid_ends_a_market_order_that_acts_at_once():
    account = make_account(slippage=100)
    account.admit([order("a", amount="9.95", since=1, on_path=True)])
    assert [brief(one) for one in account.act("a", candle(1, 100), D(100), 77).happenings] == [
        ("a", "Expired", "InsufficientFunds", 77)
    ]


def test_a_sum_of_quote_buys_what_it_can_at_the_price_that_there_is():
    account = make_account()
    account.admit([order("a", amount="2", spend=200)])
    assert meet(account, candle(1, 120)) == [("a", D("1.666"), 120, 1)]
    account.admit([order("b", amount="2", spend=200, since=1, on_path=True)])
    assert [one.amount for one in account.act("b", candle(2, 150), D(150), 9).happenings] == [D("1.333")]


def test_a_sum_that_buys_less_than_the_least_amount_expires():
    account = make_account()
    account.admit([order("a", amount="0.05", spend=5)])
    assert meet(account, candle(1, 9000)) == [("a", "Expired", "AmountTooSmall", 1)]
    account.admit([order("b", amount="0.05", spend=5, since=1, on_path=True)])
    assert [brief(one) for one in account.act("b", candle(2, 1), D(9000), 9).happenings] == [
        ("b", "Expired", "AmountTooSmall", 9)
    ]


# ------------------------------------------------------------------------------------------------------------ withheld


def withheld(account, one, part):
    account.admit([one])
    one.withheld, one.working.amount = D(part), one.working.amount - D(part)
    return one


def test_what_is_withheld_comes_with_the_candle_after_the_first_fill():
    account = make_account()
    one = withheld(account, order("a", amount="4"), "3")
    assert meet(account, candle(1, 100)) == [("a", 1, 100, 1)]
    assert (one.state, account.locked("EUR")) == (OrderState.PARTIALLY_FILLED, D(300) * D("1.002"))
    changes = account.match(BTC, candle(2, 101), "Open")
    assert [brief(told) for told in changes.happenings] == [("a", 3, 101, 2)]


def test_before_the_first_fill_the_rest_stays_away():
    account = make_account()
    withheld(account, order("a", kind="limit", amount="4", price=90), "3")
    assert meet(account, candle(1, 100)) == []
    assert meet(account, candle(2, 100, 100, 80, 100)) == [("a", 1, 90, 2)]
    assert meet(account, candle(3, 89)) == [("a", 3, 90, 3)]


def test_the_rest_of_a_stop_is_sold_at_the_market():
    account = make_account(BTC=D(2))
    withheld(account, order("s", "sell", "stop", "2", stop_price=95), "1")
    assert meet(account, candle(1, 100, 100, 90, 100)) == [("s", 1, 95, 1)]
    changes = account.match(BTC, candle(2, 120), "Open")
    assert [brief(told) for told in changes.happenings] == [("s", 1, 120, 2)]


def test_a_new_candle_s_release_is_a_change_even_if_nothing_else_happens():
    account = make_account()
    withheld(account, order("a", kind="limit", amount="4", price=90), "3")
    meet(account, candle(1, 100, 100, 80, 100))
    changes = account.match(BTC, candle(2, 100), "Open")
    assert (list(changes.orders), changes.happenings) == (["a"], [])


# ------------------------------------------------------------------------------------------------------------- restore


def test_restored_it_goes_on_as_if_nothing_had_been():
    account = make_account(BTC=D(3))
    account.admit(legs("3"))
    meet(account, candle(1, 100, 112, 100, 100, volume=4.0), "Open")
    other = make_account()
    other.restore(account.balances, list(account.orders.values()), account.clocks, account.sequence)
    assert meet(other, candle(1, 100, 112, 100, 100, volume=4.0)) == [("target", 1, 110, 1), ("stop", 2, 1)]
    other.admit([order("next")])
    assert other.orders["next"].working.sequence == 3
    assert other.clocks[BTC] == PairClock(1, "Path", D(1), 1)


# ---------------------------------------------------------------------------------------------------------- properties


@st.composite
def steps(draw):
    kind = draw(st.sampled_from(["market", "limit", "stop", "stop_limit"]))
    prices = st.integers(80, 120)
    fields = {"amount": str(draw(st.integers(1, 6)))}
    if kind in ("limit", "stop_limit"):
        fields["price"] = draw(prices)
        fields["time_in_force"] = draw(st.sampled_from(TimeInForce))
    if kind.startswith("stop"):
        fields["stop_price"] = draw(prices)
    shape = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    low, one, other, high = shape
    return draw(st.sampled_from(Side)), kind, fields, (one, high, low, other), float(draw(st.integers(0, 40)))


@settings(max_examples=150, deadline=None)
@given(st.lists(steps(), min_size=1, max_size=12), st.booleans(), st.data())
def test_balances_are_what_fills_and_fees_made_of_them(script, in_base, data):
    account = make_account(in_base=in_base, BTC=D(5))
    expected = {"EUR": D(1000), "BTC": D(5)}
    for number, (side, kind, fields, shape, volume) in enumerate(script, start=1):
        try:
            account.admit([order(str(number), side, kind, since=number - 1, **fields)])
        except AccountRefusalError as refusal:
            assert refusal.reason == "InsufficientFunds"  # noqa: PT017 - any other reason would be a defect
        if account.orders and data.draw(st.booleans()):
            account.cancel(data.draw(st.sampled_from(sorted(account.orders))), number)
        one = candle(number, *shape, volume=volume)
        for phase in ("Open", "Path"):
            for told in account.match(BTC, one, phase).happenings:
                if isinstance(told, Fill):
                    sign = 1 if told.side is Side.BUY else -1
                    expected["BTC"] += sign * told.amount
                    expected["EUR"] -= sign * told.amount * told.price
                    expected[told.fee_currency] -= told.fee
        assert account.balances == expected
        held = account.orders.values()
        assert account.locked("BTC") == sum(one.remaining for one in held if one.working.side is Side.SELL)
        assert account.free("BTC") >= 0
        assert account.balances["EUR"] >= 0


def walked(account, currency):
    """What open orders reserve of a currency, counted one by one: a group once, by its oldest leg."""
    total, groups = D(0), set()
    for one in account.orders.values():
        side, group = one.working.side, one.working.group
        if currency != ("EUR" if side is Side.BUY else one.pair[:3]) or (one.pair, group) in groups:
            continue
        groups |= {(one.pair, group)} if group else set()
        total += account.reservation(one)
    return total


def a_few_orders(data, number):
    """One order of some kind, or the legs of a group, of either pair."""
    pair, amount = data.draw(st.sampled_from([BTC, ETH])), str(data.draw(st.integers(1, 5)))
    unit = D(1) if pair == BTC else D("0.1")
    levels = [data.draw(st.integers(70, 99)) * unit, data.draw(st.integers(101, 130)) * unit]
    since, name = number - 1, str(number)
    if data.draw(st.booleans()):
        group = f"group {name}"
        return [
            order(f"{name} stop", "sell", "stop", amount, pair=pair, since=since, stop_price=levels[0], group=group),
            order(f"{name} target", "sell", "limit", amount, pair=pair, since=since, price=levels[1], group=group),
        ]
    side, kind = data.draw(st.sampled_from(["buy", "sell"])), data.draw(st.sampled_from(["market", "limit", "stop"]))
    if kind == "market" and side == "buy" and data.draw(st.booleans()):
        return [order(name, side, kind, "0", pair=pair, since=since, spend=str(data.draw(st.integers(6, 300))))]
    price = {"limit": {"price": levels[0]}, "stop": {"stop_price": levels[side == "buy"]}}.get(kind, {})
    return [order(name, side, kind, amount, pair=pair, since=since, **price)]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_reserved_is_what_the_open_orders_reserve(data):
    """Kept as a sum through every order, fill, cancel, amendment and restart, it never differs from a count."""
    in_base, share = data.draw(st.booleans()), data.draw(st.sampled_from(["0.05", "0.25"]))
    account = make_account("2000", in_base=in_base, share=share, BTC=D(7), ETH=D(60))
    for number in range(1, data.draw(st.integers(2, 9))):
        with suppress(AccountRefusalError):
            account.admit(a_few_orders(data, number))
        open_orders = sorted(account.orders)
        match data.draw(st.sampled_from(["wait", "cancel", "amend", "restart", "see"])):
            case "cancel" if open_orders:
                account.cancel(data.draw(st.sampled_from(open_orders)), number)
            case "amend" if stops := [name for name in open_orders if account.orders[name].working.stop_price]:
                account.amend(data.draw(st.sampled_from(stops)), D(data.draw(st.integers(60, 140))), number)
            case "restart":
                held = (dict(account.balances), list(account.orders.values()), account.clocks, account.sequence)
                account.restore(*held)
            case "see":
                account.see(BTC, D(data.draw(st.integers(60, 140))))
        for pair, unit in ((BTC, 1), (ETH, 0.1)):
            low, one, other, high = sorted(data.draw(st.lists(st.integers(65, 135), min_size=4, max_size=4)))
            shape = (one * unit, high * unit, low * unit, other * unit)
            for phase in ("Open", "Path"):
                account.match(pair, candle(number, *shape, volume=float(data.draw(st.integers(1, 40)))), phase)
                for currency in ("EUR", "BTC", "ETH"):
                    assert account.locked(currency) == walked(account, currency)


# ------------------------------------------------------------------------------------------------- a bot's orders come


def test_a_leg_placed_at_an_opening_meets_the_path_of_that_candle():
    """And so does none that was decided at its close, or is no leg; alone it has no group."""
    entry = Order("entry", "d", Leg.ENTRY, BTC, Side.BUY, OrderType.MARKET, D(2), 7)
    stop = Order("stop", "d", Leg.STOP, BTC, Side.SELL, OrderType.STOP, D(2), 7, stop_price=D(90), group="g")

    assert not arriving(entry, 7, grouped=False).on_path
    assert arriving(stop, 7, grouped=True).on_path
    assert not arriving(stop, 8, grouped=True).on_path
    assert ("g", None) == (
        arriving(stop, 7, grouped=True).working.group,
        arriving(stop, 7, grouped=False).working.group,
    )
    assert (D(2), D(90), 7) == (
        arriving(stop, 7, grouped=False).remaining,
        arriving(stop, 7, grouped=False).working.stop_price,
        arriving(stop, 7, grouped=False).since,
    )


def test_between_its_orders_a_pair_is_calm():
    """Each pair on its own."""
    account = make_account(BTC=D(2))
    account.admit([order("stop", "sell", "stop", stop_price=90)])
    assert account.calm_between(BTC) is None
    account.match(BTC, candle(1, 100), "Open")
    account.match(BTC, candle(1, 100), "Path")

    assert (D(90), None) == account.calm_between(BTC)
    assert (None, None) == account.calm_between(ETH)
