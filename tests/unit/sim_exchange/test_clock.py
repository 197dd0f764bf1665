"""Time at the simulated exchange: it only goes on, stops where it is asked to, and the way there changes nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.sim_exchange.models import AccountPosition, ExecutionReport, RefusalError

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR
BTC, ETH = "BTC/USDT", "ETH/USDT"
SHAPE = (100, 112, 97, 109)


async def test_a_time_that_has_passed_does_nothing(venue):
    await venue.place()
    first = await venue.move(START + HOUR)
    commits = venue.store.commits
    again = await venue.move(START + HOUR)
    assert first == again == await venue.move(START)
    assert (first.time, first.events, first.paused, first.ended) == (START + HOUR, 2, False, False)
    assert venue.store.commits == commits


async def test_the_clock_stands_still_at_the_end_of_the_candles(venue):
    answer = await venue.move(START + 100 * HOUR)
    assert (answer.time, answer.ended) == (START + 5 * HOUR, True)
    assert venue.exchange.end_time == START + 5 * HOUR
    assert (await venue.move(START + 101 * HOUR)) == answer
    placed = await venue.place()
    assert placed.order.is_open


async def test_after_an_opening_with_events_the_clock_waits_for_legs(venue):
    await venue.place()
    answer = await venue.move(START + HOUR, pause_on_open=True)
    assert (answer.time, answer.paused, answer.events) == (START + 1, True, 2)
    await venue.oco(target=111, stop=98)
    answer = await venue.move(START + HOUR, pause_on_open=True)
    assert (answer.time, answer.paused) == (START + HOUR, False)
    # The low comes before the high, so the stop came first, at the time at which the price was there.
    trade = venue.exchange.my_trades("BTCUSDT")[1]
    assert (trade.price, trade.time) == (98, START + HOUR * 2 // 9)


async def test_an_opening_without_events_is_passed(venue):
    await venue.place("LIMIT", price=98)
    answer = await venue.move(START + 3 * HOUR, pause_on_open=True)
    assert (answer.time, answer.paused, answer.events) == (START + 3 * HOUR, False, 2)


async def test_a_gap_is_waited_out(venues):
    venue = await venues(shapes={BTC: [SHAPE, None, None, (90, 95, 85, 92)]})
    await venue.move(START + HOUR)
    await venue.place()
    await venue.move(START + 3 * HOUR)
    assert venue.exchange.open_orders()
    assert venue.exchange.price("BTCUSDT").price == 109
    await venue.move(START + 3 * HOUR + 1)
    (trade,) = venue.exchange.my_trades("BTCUSDT")
    assert (trade.price, trade.time) == (90, START + 3 * HOUR)


async def test_before_the_first_candle_the_price_is_the_one_it_will_open_with(venues):
    venue = await venues(start_time=START - HOUR)
    assert venue.exchange.price("BTCUSDT").price == 100
    await venue.place()
    await venue.move(START)
    assert venue.exchange.open_orders()


async def test_events_of_several_pairs_come_in_the_order_of_time(venues):
    falls = (100, 101, 97, 98)  # 100, 101, 97, 98: at 99 later than the other pair is
    venue = await venues(shapes={BTC: [falls], ETH: [SHAPE]})
    await venue.place("LIMIT", price=99)
    await venue.place("LIMIT", price=99, symbol="ETHUSDT")
    await venue.move(START + HOUR)
    trades = [one for one in venue.user if isinstance(one, ExecutionReport) and one.trade]
    assert [one.order.symbol for one in trades] == ["ETHUSDT", "BTCUSDT"]
    assert [one.execution_id for one in trades] == [3, 4]
    assert trades[0].time < trades[1].time


async def test_execution_ids_count_every_report_and_positions_follow_them(venue):
    await venue.place("LIMIT", price=98)
    await venue.oco(target=111, stop=90)
    await venue.move(START + HOUR)
    ids = [one.execution_id for one in venue.user if isinstance(one, ExecutionReport)]
    assert ids == list(range(1, venue.exchange.events + 1))
    last = [one for one in venue.user if isinstance(one, AccountPosition)][-1]
    assert {one.currency: (one.free, one.locked) for one in last.balances} == venue.balances()


# ----------------------------------------------------------------------------------------------------------- properties


@st.composite
def scripts(draw):
    """Orders, in time order, inside of candles and between them."""
    prices = st.integers(88, 122)
    steps = []
    for offset in sorted(draw(st.lists(st.integers(0, 12), min_size=1, max_size=6))):
        kind = draw(st.sampled_from(["MARKET", "LIMIT", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "OCO"]))
        fields = {"side": draw(st.sampled_from(["buy", "sell"])), "quantity": str(draw(st.integers(1, 4)))}
        if kind == "OCO":
            low, high = draw(st.integers(88, 99)), draw(st.integers(101, 122))
            fields["target"], fields["stop"] = (high, low) if fields["side"] == "sell" else (low, high)
        if kind in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT"):
            fields["price"] = draw(prices)
        if kind.startswith("STOP"):
            fields["stop_price"] = draw(prices)
        if kind != "OCO":
            fields["symbol"] = draw(st.sampled_from(["BTCUSDT", "ETHUSDT"]))
        steps.append((START + offset * HOUR // 3, kind, fields))
    return steps


@st.composite
def shapes(draw):
    found = []
    for _ in range(4):
        low, one, other, high = sorted(draw(st.lists(st.integers(90, 120), min_size=4, max_size=4)))
        found.append(draw(st.sampled_from([None, (one, high, low, other, draw(st.integers(0, 30)))])))
    return [(100, 104, 97, 101, 20), *found]


async def act(venue, kind, fields):
    try:
        await (venue.oco(**fields) if kind == "OCO" else venue.place(kind, **fields))
    except RefusalError as refusal:
        return refusal.code, refusal.message
    return None


async def follow(venue, script, stops, *, restart=False):
    refusals = []
    for time, kind, fields in script:
        for stop in [one for one in stops if venue.exchange.time < one < time]:
            await venue.move(stop)
            if restart:
                await venue.restart()
        await venue.move(time)
        refusals.append(await act(venue, kind, fields))
        if restart:
            await venue.restart()
    for stop in [*stops, START + 6 * HOUR]:
        await venue.move(stop)
    reports = [one for one in venue.user if isinstance(one, ExecutionReport)]
    return refusals, reports, venue.truth()


BOTH = {"balances": {"USDT": 1000, "BTC": 5, "ETH": 5}}
STOPS = st.lists(st.integers(1, 5 * HOUR - 1).map(lambda offset: START + offset), max_size=6).map(sorted)


@settings(max_examples=60, deadline=None)
@given(scripts(), shapes(), shapes(), STOPS)
def test_many_small_moves_do_what_one_does(run, script, one, other, stops):
    async def compare(venues):
        market = {"shapes": {BTC: one, ETH: other}, **BOTH}
        whole = await follow(await venues(**market), script, [])
        assert await follow(await venues(**market), script, stops) == whole

    run(compare)


@settings(max_examples=40, deadline=None)
@given(scripts(), shapes(), shapes(), STOPS)
def test_a_restart_at_any_point_changes_nothing(run, script, one, other, stops):
    async def compare(venues):
        market = {"shapes": {BTC: one, ETH: other}, **BOTH}
        whole = await follow(await venues(**market), script, stops)
        assert await follow(await venues(**market), script, stops, restart=True) == whole

    run(compare)


@settings(max_examples=60, deadline=None)
@given(scripts(), st.tuples(shapes(), shapes()), STOPS, st.booleans())
def test_money_is_conserved_and_what_open_orders_need_is_locked(run, script, shapes, stops, in_base):
    async def check(venues):
        venue = await venues(shapes=dict(zip((BTC, ETH), shapes, strict=True)), fee_in_base=in_base, **BOTH)
        await follow(venue, script, stops)
        expected = {name: D(total) for name, total in BOTH["balances"].items()}
        for symbol in venue.exchange.symbols:
            base = symbol[:3]
            for trade in venue.exchange.my_trades(symbol):
                sign = 1 if trade.is_buyer else -1
                expected[base] += sign * trade.quantity
                expected["USDT"] -= sign * trade.quote_quantity
                expected[trade.commission_asset] -= trade.commission
            sold, lists = D(0), set()
            for order in venue.exchange.open_orders(symbol):
                if order.side == "sell" and (order.order_list_id < 0 or order.order_list_id not in lists):
                    sold += order.quantity - order.executed_quantity
                    lists.add(order.order_list_id)
            assert venue.balances()[base][1] == sold
        assert {name: free + locked for name, (free, locked) in venue.balances().items()} == expected
        assert all(free >= 0 and locked >= 0 for free, locked in venue.balances().values())
        orders = [order for symbol in venue.exchange.symbols for order in venue.exchange.all_orders(symbol)]
        for order in orders:
            trades = venue.exchange.my_trades(order.symbol, order_id=order.order_id)
            assert order.executed_quantity == sum(one.quantity for one in trades) <= order.quantity

    run(check)


# ------------------------------------------------------------------------------------------------ the end of the market


@pytest.mark.parametrize("restart", [False, True])
async def test_what_comes_after_the_end_trades_with_the_next_move(venue, restart):
    """Closing once does not close the door: the same with and without a restart in between."""
    await venue.move(BEYOND)
    await venue.place("MARKET")
    if restart:
        await venue.restart()
    assert venue.exchange.open_orders()
    await venue.move(BEYOND)
    assert not venue.exchange.open_orders()
    assert [status for _, _, status in venue.reports()][-1] == "FILLED"


END = START + 5 * HOUR
BEYOND = 253_402_300_799_999


async def test_a_time_beyond_the_end_closes_the_market(venue):
    """What waits for another candle trades at the last close, within the last candle; what has a price stays."""
    await venue.move(END)
    order = (await venue.place()).order
    resting = (await venue.place("LIMIT", price=90)).order
    stop = (await venue.place("STOP_LOSS", side="sell", stop_price=95)).order
    answer = await venue.move(BEYOND)
    (trade,) = venue.exchange.my_trades("BTCUSDT")
    assert (trade.order_id, trade.price, trade.time) == (order.order_id, 109, END - 1)
    assert {one.order_id for one in venue.exchange.open_orders()} == {resting.order_id, stop.order_id}
    assert (answer.time, answer.ended, answer.paused) == (END, True, False)
    assert answer.events == venue.exchange.events


async def test_the_end_itself_closes_nothing(venue):
    """Whoever moves the clock to the last close still has to decide on it."""
    await venue.move(END)
    await venue.place()
    await venue.move(END)
    assert venue.exchange.my_trades("BTCUSDT") == []
    assert len(venue.exchange.open_orders()) == 1


async def test_a_market_closes_once(venue):
    """The word of it may be lost and said again, also by another process."""
    await venue.move(END)
    await venue.place()
    first = await venue.move(BEYOND)
    assert await venue.move(BEYOND) == first
    await venue.restart()
    assert await venue.move(BEYOND) == first
    assert len(venue.exchange.my_trades("BTCUSDT")) == 1


async def test_what_was_traded_at_the_close_is_kept(venue):
    """A kill right after it loses nothing."""
    await venue.move(END)
    await venue.place()
    await venue.move(BEYOND)
    before = venue.truth()
    await venue.restart()
    assert venue.truth() == before


async def test_every_pair_closes_at_its_own_last_close(venues):
    """Also the one whose candles ended earlier."""
    venue = await venues(shapes={BTC: [SHAPE] * 3, ETH: [SHAPE, (50, 60, 40, 55), None]})
    await venue.move(START + 3 * HOUR)
    await venue.place()
    await venue.place(symbol="ETHUSDT")
    await venue.move(BEYOND)
    assert [venue.exchange.my_trades(symbol)[0].price for symbol in ("BTCUSDT", "ETHUSDT")] == [109, 55]


async def test_a_pause_at_the_last_opening_comes_before_the_close(venue):
    """Legs are placed there too: going to the end and beyond in one step must not pass it by."""
    await venue.move(END - HOUR)
    await venue.place()
    answer = await venue.move(BEYOND, pause_on_open=True)
    assert (answer.time, answer.paused, answer.ended) == (END - HOUR + 1, True, False)
    await venue.place()
    assert (await venue.move(BEYOND, pause_on_open=True)).ended


async def test_a_market_order_between_the_closes_of_two_pairs_waits_for_its_own(venues):
    """Closing one pair with orders does not close another for good: an order that comes later trades too."""
    venue = await venues(shapes={BTC: [SHAPE], ETH: [SHAPE]})
    await venue.move(START + HOUR)
    await venue.place()
    await venue.move(BEYOND)
    await venue.place(symbol="ETHUSDT")
    await venue.move(BEYOND)
    assert len(venue.exchange.my_trades("ETHUSDT")) == 1
    assert len(venue.exchange.my_trades("BTCUSDT")) == 1


async def test_what_happens_at_the_last_moment_of_a_candle_is_stamped_within_it(venue):
    """A stamp at the next opening would put it into the next tick."""
    await venue.move(START + HOUR * 9 // 10)  # on the way down from 112 to the close
    await venue.place("STOP_LOSS", side="sell", stop_price=109)
    await venue.move(START + HOUR)
    (trade,) = venue.exchange.my_trades("BTCUSDT")
    assert (trade.price, trade.time) == (109, START + HOUR - 1)
    assert max(one.time for one in venue.user if isinstance(one, ExecutionReport)) == START + HOUR - 1
