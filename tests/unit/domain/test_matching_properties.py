"""What holds for the matching kernel whatever candles and orders it is given."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import (
    CandleMatch,
    Ended,
    MarketCandle,
    Matched,
    MatchingRules,
    Reduced,
    WorkingOrder,
    calm_between,
)
from tradewind.domain.order import OrderType, Side, TimeInForce

TICK, STEP = Decimal("0.1"), Decimal("0.01")
BTC = Instrument("BTC/EUR", "BTC", "EUR", TICK, STEP, STEP, Decimal(0))
PRICES = st.integers(900, 1100).map(lambda ticks: ticks * TICK)
AMOUNTS = st.integers(1, 3000).map(lambda steps: steps * STEP)
RULES = st.builds(
    MatchingRules,
    slippage_basis_points=st.sampled_from([Decimal(0), Decimal(1), Decimal(25)]),
    volume_share=st.sampled_from([Decimal("0.25"), Decimal("0.01"), Decimal(1)]),
)


@st.composite
def candles(draw):
    prices = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
    open_, close = draw(st.permutations(prices[1:3]))
    return MarketCandle(open_, prices[3], prices[0], close, draw(st.integers(0, 400).map(Decimal)))


@st.composite
def order_lists(draw):
    """Orders of every kind, some of them in groups that share an amount, as stop and target do."""
    orders, amounts = [], {}
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(OrderType))
        group = draw(st.sampled_from([None, None, "g", "h"]))
        amount = draw(AMOUNTS) if group is None else amounts.setdefault(group, draw(AMOUNTS))
        limit, waits = kind in {OrderType.LIMIT, OrderType.STOP_LIMIT}, kind in {OrderType.STOP, OrderType.STOP_LIMIT}
        orders.append(
            WorkingOrder(
                f"order-{number}",
                number,
                Side.SELL if group else draw(st.sampled_from(Side)),
                kind,
                amount,
                price=draw(PRICES) if limit else None,
                stop_price=draw(PRICES) if waits else None,
                time_in_force=draw(st.sampled_from(TimeInForce)) if limit else TimeInForce.GTC,
                post_only=limit and draw(st.booleans()),
                group=group,
                rested=kind is OrderType.LIMIT and draw(st.booleans()),
            )
        )
    return orders


def walk(orders, market, rules, consumed=Decimal(0)):
    """A whole candle, with all three phases; the orders are copies."""
    working = [replace(order) for order in orders]
    matching = CandleMatch(BTC, rules, market, working, consumed)
    phases = [matching.open_phase(), matching.path_phase(), matching.close_phase()]
    return phases, working


@settings(max_examples=500)
@given(order_lists(), candles(), RULES)
def test_whatever_the_candle_and_the_orders(orders, market, rules):
    """Amounts, prices, ends, volume and groups, all at once: each is a way to make or lose money by mistake."""
    phases, left = walk(orders, market, rules)
    by_id = {order.order_id: order for order in orders}
    filled, gone, limited = defaultdict(Decimal), set(), Decimal(0)
    remaining = {order.order_id: order.amount for order in orders}
    for phase, events in zip(("open", "path", "close"), phases, strict=True):
        for event in events:
            order = by_id[event.order_id]
            assert event.order_id not in gone, "an order that ended acted again"
            match event:
                case Matched(order_id, amount, price, maker):
                    assert amount > 0
                    filled[order_id] += amount
                    remaining[order_id] -= amount
                    assert_price(order, price, market, rules, maker=maker, phase=phase)
                    if order.type in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
                        limited += amount
                    else:
                        assert not maker
                    if not remaining[order_id]:
                        gone.add(order_id)
                case Reduced(order_id, amount):
                    assert 0 < amount < remaining[order_id]
                    remaining[order_id] = amount
                case Ended(order_id):
                    gone.add(order_id)
    assert all(filled[order.order_id] <= order.amount for order in orders)
    assert limited <= market.volume * rules.volume_share
    for group in {order.group for order in orders} - {None}:
        members = [order for order in orders if order.group == group]
        assert sum(filled[member.order_id] for member in members) <= members[0].amount
    assert {order.order_id for order in left} == by_id.keys() - gone
    assert all(order.amount == remaining[order.order_id] > 0 for order in left)
    assert not any(order.type is OrderType.MARKET for order in left)


def assert_price(order, price, market, rules, *, maker, phase):
    """Inside the candle, at the order's own price or better, or at most the slippage and a tick beyond."""
    buys = order.side is Side.BUY
    if order.price is not None:
        assert price <= order.price if buys else price >= order.price
        if maker:
            assert price == order.price
            if phase == "path":
                assert market.low < price < market.high or price in {market.open, market.close}
        else:
            assert market.low <= price <= market.high
        return
    reference = {"open": market.open, "close": market.close, "path": order.stop_price}[phase]
    if phase == "path" and (market.open >= reference if buys else market.open <= reference):
        reference = market.open  # a leg that the price had passed when it was placed
    beyond = (price - reference) if buys else (reference - price)
    slip = reference * rules.slippage_basis_points / 10_000
    assert slip <= beyond < slip + TICK if slip else beyond == 0
    assert market.low <= reference <= market.high


@settings(max_examples=100)
@given(order_lists(), candles(), RULES)
def test_the_same_orders_on_the_same_candle_do_the_same(orders, market, rules):
    """And the order in which they stand in the list is nobody's business: their arrival counts."""
    once, again = walk(orders, market, rules), walk(list(reversed(orders)), market, rules)
    assert once[0] == again[0]


@settings(max_examples=200)
@given(order_lists(), candles(), RULES)
def test_two_phases_with_a_restart_between_them_are_the_phases_without_one(orders, market, rules):
    """The paper venue loads its orders and what was consumed from the store, and goes on."""
    whole, _ = walk(orders, market, rules)
    working = [replace(order) for order in orders]
    first = CandleMatch(BTC, rules, market, working).open_phase()
    kinds = {order.order_id: order.type for order in orders}
    consumed = sum(
        (
            e.amount
            for e in first
            if isinstance(e, Matched) and kinds[e.order_id] in {OrderType.LIMIT, OrderType.STOP_LIMIT}
        ),
        Decimal(0),
    )
    second = CandleMatch(BTC, rules, market, [replace(order) for order in working], consumed).path_phase()
    assert [first, second] == whole[:2]


@settings(max_examples=100)
@given(order_lists(), st.lists(candles(), min_size=2, max_size=4), RULES)
def test_over_several_candles_no_order_and_no_group_fills_more_than_its_amount(orders, markets, rules):
    """What one candle left, the next one may fill, and nothing else."""
    filled = defaultdict(Decimal)
    working = [replace(order) for order in orders]
    for market in markets:
        matching = CandleMatch(BTC, rules, market, working)
        for event in [*matching.open_phase(), *matching.path_phase()]:
            if isinstance(event, Matched):
                filled[event.order_id] += event.amount
    for order in orders:
        together = [other for other in orders if other is order or (order.group and other.group == order.group)]
        assert sum(filled[other.order_id] for other in together) <= order.amount


@settings(max_examples=300)
@given(order_lists(), candles(), RULES, st.booleans())
def test_a_candle_between_calm_prices_changes_nothing(orders, market, rules, triggered):
    """So that who backtests may leave it out: no order acts, and none is another than before."""
    rested = [
        replace(order, rested=True, triggered=triggered and order.type is OrderType.STOP_LIMIT) for order in orders
    ]
    calm = calm_between(rested)
    if any(order.type is OrderType.MARKET for order in orders):
        assert calm is None
    elif calm is not None and (calm[0] is None or market.low > calm[0]) and (calm[1] is None or market.high < calm[1]):
        working = [replace(order) for order in rested]
        matching = CandleMatch(BTC, rules, market, working)
        assert [] == matching.open_phase() == matching.path_phase()
        assert working == rested


def test_calm_prices_are_those_at_which_the_first_order_acts():
    """Of stops and limits on either side; who has not come to rest has to be met, where nothing rests all is calm."""
    stop = WorkingOrder("stop", 1, Side.SELL, OrderType.STOP, Decimal(1), stop_price=Decimal(90), rested=True)
    target = WorkingOrder("target", 2, Side.SELL, OrderType.LIMIT, Decimal(1), price=Decimal(110), rested=True)
    raised, nearer = replace(stop, stop_price=Decimal(95)), replace(target, price=Decimal(105))
    bought = replace(target, side=Side.BUY, price=Decimal(80))

    assert (Decimal(95), Decimal(105)) == calm_between([stop, raised, target, nearer])
    assert (Decimal(80), None) == calm_between([bought])
    assert (None, Decimal(90)) == calm_between([replace(stop, side=Side.BUY)])
    assert (None, None) == calm_between([])
    assert calm_between([stop, replace(target, rested=False)]) is None
