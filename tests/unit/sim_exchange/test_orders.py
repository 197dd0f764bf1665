"""Orders of the simulated exchange: what is refused, what acts at once, what waits, what ends what."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.order import Side, TimeInForce
from tradewind.sim_exchange.models import CancelReplace, Kind, Leg, NewOrderList, PlacedOrder, RefusalError, Status

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR
INSUFFICIENT = "Account has insufficient balance for requested action."


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"symbol": "XRPUSDT"}, -1121, "Invalid symbol."),
        ({"quantity": "1000"}, -2010, INSUFFICIENT),
        ({"side": "sell", "quantity": "11"}, -2010, INSUFFICIENT),
        ({"quantity": "1.0005"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "2000000000"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
        ({"quantity": "0.04"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": None, "quote_quantity": 4}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": None, "quote_quantity": -4}, -1013, "Invalid quote order quantity."),
        ({"quantity": None, "quote_quantity": "1e40"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
        (
            {"quantity": None, "quote_quantity": "0.000000001"},
            -1111,
            "Parameter 'quoteOrderQty' has too much precision.",
        ),
        (
            {"quantity": "NaN"},
            -1102,
            "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
        ),
        ({"kind": "LIMIT", "price": "99.005"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"kind": "LIMIT", "price": "1e10"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"kind": "LIMIT", "price": "1", "quantity": "1"}, -1013, "Filter failure: NOTIONAL"),
        ({"kind": "STOP_LOSS", "side": "sell", "stop_price": "90.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"kind": "STOP_LOSS", "side": "sell", "stop_price": 100}, -2010, "Stop price would trigger immediately."),
        ({"kind": "STOP_LOSS", "stop_price": 100}, -2010, "Stop price would trigger immediately."),
        ({"kind": "LIMIT_MAKER", "price": 100}, -2010, "Order would immediately match and take."),
        ({"kind": "LIMIT_MAKER", "side": "sell", "price": 99}, -2010, "Order would immediately match and take."),
        ({"kind": "TAKE_PROFIT", "stop_price": 90}, -2010, "Take profit orders are not supported for this symbol."),
        ({"quantity": None}, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ({"quote_quantity": 50}, -1128, "Combination of optional parameters invalid."),
        ({"price": 50}, -1106, "Parameter 'price' sent when not required."),
        ({"kind": "LIMIT_MAKER"}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        (
            {"kind": "LIMIT", "price": 90, "quantity": None, "quote_quantity": 50},
            -1102,
            "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
        ),
        (
            {"kind": "LIMIT", "price": 90, "quote_quantity": 50},
            -1106,
            "Parameter 'quoteOrderQty' sent when not required.",
        ),
    ],
)
async def test_a_refusal_has_binance_s_code_and_words_and_changes_nothing(venue, refused, asked, code, message):
    before = venue.truth()
    with refused(code, message):
        venue.exchange.test(venue.request(**asked))
    with refused(code, message):
        await venue.place(**asked)
    assert venue.truth() == before
    assert venue.store.commits == 0


async def test_a_client_order_id_that_is_open_is_refused_and_free_again_afterwards(venue, refused):
    first = await venue.place("LIMIT", price=90, client_order_id="mine")
    with refused(-2010, "Duplicate order sent."):
        await venue.place("LIMIT", price=91, client_order_id="mine")
    await venue.exchange.cancel("BTCUSDT", client_order_id="mine")
    second = await venue.place("LIMIT", price=91, client_order_id="mine")
    assert (first.order.order_id, second.order.order_id) == (1, 2)
    assert venue.exchange.order("BTCUSDT", client_order_id="mine").order_id == 2


async def test_there_are_so_many_orders_and_no_more(venue, refused):
    for _ in range(5):
        await venue.place("STOP_LOSS", "sell", "0.1", stop_price=90)
    with refused(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"):
        await venue.place("STOP_LOSS", "sell", "0.1", stop_price=90)
    with refused(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"):
        await venue.oco()
    for _ in range(195):
        await venue.place("LIMIT", quantity="0.1", price=90)
    with refused(-1013, "Filter failure: MAX_NUM_ORDERS"):
        await venue.place("LIMIT", quantity="0.1", price=90)


# -------------------------------------------------------------------------------------------------------- what they do


async def test_inside_a_candle_a_market_order_fills_in_the_answer(venue):
    await venue.inside()
    placed = await venue.place(quantity="2")
    (trade,) = placed.trades
    assert (trade.price, trade.quantity, trade.quote_quantity, trade.time) == (D("104.5"), 2, 209, START + HOUR // 2)
    assert (trade.commission, trade.commission_asset, trade.is_maker) == (D("0.004"), "BTC", False)
    assert (placed.order.status, placed.order.executed_quote) == (Status.FILLED, 209)
    assert venue.balances() == {"USDT": (9791, 0), "BTC": (D("11.996"), 0)}
    assert venue.reports() == [("NEW", 1, "NEW"), ("TRADE", 1, "FILLED")]


async def test_between_candles_a_market_order_waits_for_the_open(venue):
    placed = await venue.place()
    assert (placed.order.status, placed.trades) == (Status.NEW, ())
    await venue.move(START + 1)
    order = venue.exchange.order("BTCUSDT", order_id=1)
    assert (order.status, order.executed_quote, order.update_time) == (Status.FILLED, 100, START)


async def test_a_sum_of_quote_is_spent(venue):
    await venue.inside()
    placed = await venue.place(quantity=None, quote_quantity=200)
    assert (placed.order.quantity, placed.order.executed_quote) == (D("1.913"), D("199.9085"))
    assert placed.order.quote_quantity == 200
    await venue.move(START + HOUR)
    await venue.place(quantity=None, quote_quantity=200)
    await venue.move(START + HOUR + 1)
    order = venue.exchange.order("BTCUSDT", order_id=2)
    assert (order.status, order.quantity, order.executed_quote) == (Status.FILLED, 2, 200)


async def test_a_sum_of_quote_is_earned(venue):
    await venue.inside()
    placed = await venue.place(side="sell", quantity=None, quote_quantity=200)
    assert (placed.order.status, placed.order.quantity, placed.order.executed_quote) == (
        Status.FILLED,
        D("1.913"),
        D("199.9085"),
    )


async def test_a_crossing_limit_takes_at_once_and_the_rest_rests(venues):
    venue = await venues(volume=8.0)
    await venue.inside()
    placed = await venue.place("LIMIT", quantity="3", price=106)
    assert [(one.quantity, one.price, one.is_maker) for one in placed.trades] == [(2, D("104.5"), False)]
    assert placed.order.status is Status.PARTIALLY_FILLED
    await venue.move(START + HOUR + 1)
    assert [(one.quantity, one.price, one.is_maker) for one in venue.exchange.my_trades("BTCUSDT")[1:]] == [
        (1, 106, True)
    ]


@pytest.mark.parametrize(
    ("kind", "price", "traded", "status"),
    [("IOC", 106, [2], "EXPIRED"), ("FOK", 106, [], "EXPIRED"), ("IOC", 90, [], "EXPIRED"), ("FOK", 90, [], "EXPIRED")],
)
async def test_what_cannot_fill_at_once_expires(venues, kind, price, traded, status):
    venue = await venues(volume=8.0)
    await venue.inside()
    placed = await venue.place("LIMIT", quantity="3", price=price, time_in_force=TimeInForce(kind))
    assert [one.quantity for one in placed.trades] == traded
    assert placed.order.status.value == status
    assert venue.exchange.open_orders() == []
    assert all(locked == 0 for _, locked in venue.balances().values())


async def test_a_stop_limit_stands_in_the_book_once_it_was_reached(venue):
    await venue.place("STOP_LOSS_LIMIT", "sell", stop_price=98, price=111)
    assert venue.exchange.order("BTCUSDT", order_id=1).is_working is False
    await venue.inside()
    order = venue.exchange.order("BTCUSDT", order_id=1)
    assert (order.is_working, order.status) == (True, Status.NEW)
    await venue.move(START + HOUR)
    (trade,) = venue.exchange.my_trades("BTCUSDT")
    assert (trade.price, trade.is_maker) == (111, True)


async def test_a_maker_waits_and_pays_the_maker_s_fee(venue):
    await venue.place("LIMIT_MAKER", price=98)
    await venue.move(START + HOUR)
    (trade,) = venue.exchange.my_trades("BTCUSDT")
    assert (trade.price, trade.is_maker, trade.commission) == (98, True, D("0.001"))


async def test_a_market_order_that_slippage_makes_too_dear_expires(venues):
    venue = await venues(slippage=100)
    await venue.inside()
    placed = await venue.place(quantity="95.5")
    assert (placed.order.status, placed.trades) == (Status.EXPIRED, ())
    assert venue.user[1].reason == "InsufficientFunds"


# ---------------------------------------------------------------------------------------------------------------- lists


async def test_of_two_legs_one_fills_and_the_other_expires(venue):
    await venue.inside()
    made = await venue.oco(target=111, stop=90)
    above, below = made.orders
    assert (above.type, below.type, above.order_list_id) == (Kind.LIMIT_MAKER, Kind.STOP_LOSS, 1)
    assert venue.balances()["BTC"] == (9, 1)
    await venue.move(START + HOUR)
    assert [one.status.value for one in venue.exchange.all_orders("BTCUSDT")] == ["FILLED", "EXPIRED"]
    done = venue.exchange.order_list(order_list_id=1)
    assert (done.is_done, done.list_status_type, done.list_order_status) == (True, "ALL_DONE", "ALL_DONE")
    assert venue.exchange.open_order_lists() == []
    assert venue.balances()["BTC"] == (9, 0)


async def test_a_leg_that_fills_in_part_leaves_the_other_what_is_left(venues):
    venue = await venues(volume=8.0)
    await venue.oco(target=111, stop=90, quantity="3")
    await venue.move(START + HOUR)
    assert [(one.quantity, one.executed_quantity) for one in venue.exchange.open_orders()] == [(3, 2), (1, 0)]
    assert venue.balances()["BTC"] == (7, 1)


async def test_a_buying_list_is_the_mirror(venue):
    made = await venue.oco(side="buy", target=98, stop=120)
    assert [one.type for one in made.orders] == [Kind.STOP_LOSS, Kind.LIMIT_MAKER]
    await venue.move(START + HOUR)
    assert [one.status.value for one in venue.exchange.all_orders("BTCUSDT")] == ["EXPIRED", "FILLED"]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"stop": 101}, -2010, "The relationship of the prices for the orders is not correct."),
        ({"target": 99}, -2010, "The relationship of the prices for the orders is not correct."),
        ({"side": "buy"}, -2010, "The relationship of the prices for the orders is not correct."),
        ({"quantity": "11"}, -2010, INSUFFICIENT),
        ({"quantity": "0.0001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"target_id": "same", "stop_id": "same"}, -2010, "Duplicate order sent."),
        ({"target_id": "open"}, -2010, "Duplicate order sent."),
        ({"list_client_order_id": "open list"}, -2010, "Duplicate order sent."),
    ],
)
async def test_a_list_is_taken_whole_or_not_at_all(venue, refused, asked, code, message):
    await venue.oco(list_client_order_id="open list", target_id="open")
    before = venue.truth()
    with refused(code, message):
        await venue.oco(**asked)
    assert venue.truth() == before


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("sell", Kind.LIMIT, Kind.STOP_LOSS), -1158),
        (("sell", Kind.LIMIT_MAKER, Kind.LIMIT_MAKER), -1168),
        (("sell", Kind.STOP_LOSS, Kind.LIMIT_MAKER), -1166),
        (("buy", Kind.LIMIT_MAKER, Kind.STOP_LOSS), -1165),
        (("sell", Kind.STOP_LOSS, Kind.STOP_LOSS), -1197),
        (("buy", Kind.STOP_LOSS, Kind.STOP_LOSS), -1196),
        (("sell", Kind.TAKE_PROFIT, Kind.STOP_LOSS), -2010),
    ],
)
async def test_legs_have_their_places(venue, refused, asked, code):
    side, above, below = asked
    legs = {"above": Leg(type=above, price=D(120)), "below": Leg(type=below, stop_price=D(90))}
    with refused(code):
        await venue.exchange.place_list(NewOrderList(symbol="BTCUSDT", side=Side(side), quantity=D(1), **legs))


# -------------------------------------------------------------------------------------------------------------- cancels


async def test_a_cancel_frees_and_is_told_with_its_own_name(venue):
    await venue.place("LIMIT", quantity="2", price=90, client_order_id="mine")
    assert venue.balances()["USDT"] == (9820, 180)
    canceled = await venue.exchange.cancel("BTCUSDT", order_id=1, new_client_order_id="away")
    assert (canceled.orders[0].status, canceled.client_order_id) == (Status.CANCELED, "away")
    assert venue.balances()["USDT"] == (10_000, 0)
    report = venue.user[2]
    assert (report.client_order_id, report.original_client_order_id) == ("away", "mine")


async def test_a_leg_cancels_its_list(venue):
    await venue.oco()
    canceled = await venue.exchange.cancel("BTCUSDT", order_id=2)
    assert [one.status for one in canceled.orders] == [Status.CANCELED] * 2
    assert canceled.order_list.is_done
    await venue.oco(list_client_order_id="mine")
    canceled = await venue.exchange.cancel_list("BTCUSDT", list_client_order_id="mine")
    assert [one.order_id for one in canceled.orders] == [3, 4]


async def test_cancel_all_takes_each_list_once(venue):
    await venue.place("LIMIT", price=90)
    await venue.oco()
    canceled = await venue.exchange.cancel_all("BTCUSDT")
    assert [len(one.orders) for one in canceled] == [1, 2]
    assert venue.exchange.open_orders() == []


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("cancel", {"order_id": 7}, -2011),
        ("cancel", {"client_order_id": "nobody"}, -2011),
        ("cancel", {"order_id": 1}, -2011),  # it has ended
        ("cancel", {}, -1102),
        ("cancel_list", {"order_list_id": 9}, -2011),
        ("cancel_list", {}, -1102),
        ("cancel_all", {}, -2011),
    ],
)
async def test_what_is_not_open_cannot_be_canceled(venue, refused, call, arguments, code):
    await venue.place("LIMIT", price=90)
    await venue.exchange.cancel("BTCUSDT", order_id=1)
    with refused(code):
        await getattr(venue.exchange, call)("BTCUSDT", **arguments)


async def test_replacing_gives_both_answers(venue):
    await venue.place("LIMIT", quantity="100", price=90)
    new = venue.request("LIMIT", quantity="100", price=91)
    replaced = await venue.exchange.cancel_replace(CancelReplace(order=new, stop_on_failure=True, cancel_order_id=1))
    assert replaced.canceled.orders[0].order_id == 1
    assert isinstance(replaced.placed, PlacedOrder)
    assert replaced.placed.order.price == 91


async def test_a_replacement_stops_or_goes_on_when_there_is_nothing_to_cancel(venue):
    new = venue.request("LIMIT", price=91)
    stopped = await venue.exchange.cancel_replace(CancelReplace(order=new, stop_on_failure=True, cancel_order_id=9))
    assert (stopped.canceled.code, stopped.placed) == (-2011, None)
    going = await venue.exchange.cancel_replace(CancelReplace(order=new, stop_on_failure=False, cancel_order_id=9))
    assert isinstance(going.canceled, RefusalError)
    assert going.placed.order.order_id == 1


async def test_a_refused_replacement_leaves_the_cancel(venue):
    await venue.place("LIMIT", price=90)
    new = venue.request("LIMIT", quantity="9999", price=91)
    replaced = await venue.exchange.cancel_replace(CancelReplace(order=new, stop_on_failure=True, cancel_order_id=1))
    assert replaced.placed.code == -2010
    assert venue.exchange.open_orders() == []


# -------------------------------------------------------------------------------------------------------------- queries


async def test_orders_and_trades_are_found_by_id_and_time(venue):
    for number in range(4):
        await venue.place(quantity="0.1", client_order_id=f"n{number}")
        await venue.move(START + (number + 1) * HOUR)
    exchange = venue.exchange

    def ids(**arguments):
        return [one.order_id for one in exchange.all_orders("BTCUSDT", **arguments)]

    assert ids(limit=2) == [3, 4]
    assert ids(order_id=2, limit=2) == [2, 3]
    assert ids(start_time=START + HOUR) == [2, 3, 4]
    assert ids(start_time=START, end_time=START + HOUR) == [1, 2]
    assert ids(end_time=START + HOUR, limit=1) == [2]
    assert [one.trade_id for one in exchange.my_trades("BTCUSDT", from_id=2, limit=2)] == [2, 3]
    assert [one.trade_id for one in exchange.my_trades("BTCUSDT", order_id=3)] == [3]
    assert [one.trade_id for one in exchange.my_trades("BTCUSDT", start_time=START + HOUR, end_time=START + HOUR)] == [
        2
    ]
    assert [one.trade_id for one in exchange.my_trades("BTCUSDT", limit=1)] == [4]


async def test_what_nobody_made_is_not_found(venue, refused):
    with refused(-2013, "Order does not exist."):
        venue.exchange.order("BTCUSDT", order_id=1)
    with refused(-2018, "Order list does not exist."):
        venue.exchange.order_list(order_list_id=1)
    with refused(-1102):
        venue.exchange.order("BTCUSDT")
    with refused(-1121):
        venue.exchange.open_orders("NOPE")


async def test_lists_are_found_by_id_and_time(venue):
    for _ in range(3):
        await venue.oco(quantity="0.1")
    assert [one.order_list_id for one in venue.exchange.order_lists(limit=2)] == [2, 3]
    assert [one.order_list_id for one in venue.exchange.order_lists(from_id=2, limit=1)] == [2]
    assert venue.exchange.order_lists(start_time=START + 1) == []
    assert len(venue.exchange.open_order_lists()) == 3
