"""An unmodified ccxt client trades on the venue: orders of every kind, their fills, fees and ends."""

from __future__ import annotations

from decimal import Decimal

import ccxt.async_support
import pytest

PAIR = "ETH/USDT"


@pytest.fixture
async def client(venue):
    """A client half an hour into a candle, where the last price is known."""
    await venue.move(venue.now + venue.hour // 2)
    return await venue.client()


@pytest.fixture
async def last(client):
    return (await client.fetch_ticker(PAIR))["last"]


async def totals(client):
    return {name: Decimal(str(total)) for name, total in (await client.fetch_balance())["total"].items()}


async def test_a_market_order_fills_at_once_with_its_fee_in_base(client):
    """Bought at the present price; the fee is taken from what was bought, as Binance does."""
    before = await totals(client)
    order = await client.create_order(PAIR, "market", "buy", 2)
    after = await totals(client)

    assert ("closed", 2.0, 0.0) == (order["status"], order["filled"], order["remaining"])
    assert [{"cost": 0.004, "currency": "ETH"}] == [{k: fee[k] for k in ("cost", "currency")} for fee in order["fees"]]
    assert Decimal("1.996") == after["ETH"] - before["ETH"]
    assert Decimal(str(order["cost"])) == before["USDT"] - after["USDT"]

    sold = await client.create_order(PAIR, "market", "sell", 1)
    assert "USDT" == sold["fee"]["currency"]
    assert sold["fee"]["cost"] == pytest.approx(sold["cost"] * 0.002)


async def test_a_market_order_by_cost(client):
    """Spend so much of the quote currency, and never more."""
    before = await totals(client)
    order = await client.create_market_buy_order_with_cost(PAIR, 1000)
    after = await totals(client)

    assert 0 < before["USDT"] - after["USDT"] <= 1000
    assert order["cost"] == pytest.approx(1000, abs=1)


async def test_a_limit_order_rests_reserves_and_fills_when_crossed(venue, client, last):
    """Open with its amount reserved; filled at its price, as a maker, when the market went through it."""
    price = round(last - 25, 2)
    order = await client.create_order(PAIR, "limit", "buy", 1, price)
    balance = await client.fetch_balance()
    assert ("open", 0.0) == (order["status"], order["filled"])
    assert price == balance["USDT"]["used"]
    assert [order["id"]] == [one["id"] for one in await client.fetch_open_orders(PAIR)]
    assert [order["id"]] == [one["id"] for one in await client.fetch_open_orders()]

    sell = await client.create_order(PAIR, "limit", "sell", 1, round(last + 30, 2))
    await venue.move(venue.now + 10 * venue.hour)
    done = await client.fetch_order(sell["id"], PAIR)
    assert ("closed", 1.0, round(last + 30, 2)) == (done["status"], done["filled"], done["average"])
    trades = await client.fetch_my_trades(PAIR)
    assert [(sell["id"], "maker", round(last + 30, 2), 1.0)] == [
        (trade["order"], trade["takerOrMaker"], trade["price"], trade["amount"]) for trade in trades
    ]
    assert trades[0]["fee"]["cost"] == pytest.approx(trades[0]["cost"] * 0.001)
    assert [] == await client.fetch_my_trades(PAIR, since=venue.now + 11 * venue.hour)
    assert trades == await client.fetch_order_trades(sell["id"], PAIR)


async def test_a_cancel_gives_back_what_was_reserved(client, last):
    """By order id and by client order id; nothing stays locked."""
    first = await client.create_order(PAIR, "limit", "buy", 1, round(last * 0.9, 2))
    second = await client.create_order(PAIR, "limit", "buy", 1, round(last * 0.8, 2), {"clientOrderId": "mine-2"})
    assert "canceled" == (await client.cancel_order(first["id"], PAIR))["status"]
    assert "mine-2" == second["clientOrderId"]
    found = await client.fetch_order(None, PAIR, {"origClientOrderId": "mine-2"})
    assert second["id"] == found["id"]
    await client.cancel_order(None, PAIR, {"origClientOrderId": "mine-2"})

    assert 0.0 == (await client.fetch_balance())["USDT"]["used"]
    states = {one["id"]: one["status"] for one in await client.fetch_orders(PAIR)}
    assert {first["id"]: "canceled", second["id"]: "canceled"} == states


async def test_cancel_all(client, last):
    """Every open order of the pair, and only of the pair."""
    for share in (0.9, 0.8, 0.7):
        await client.create_order(PAIR, "limit", "buy", 0.1, round(last * share, 2))
    other = await client.create_order("BTC/USDT", "limit", "buy", 0.01, 20_000)
    assert 3 == len(await client.cancel_all_orders(PAIR))
    assert [other["id"]] == [one["id"] for one in await client.fetch_open_orders()]


async def test_a_stop_waits_for_its_price(venue, client, last):
    """Below the market nothing happens; when the price is reached it sells; one that would act at once is refused."""
    stop = await client.create_order(PAIR, "market", "buy", 1, None, {"triggerPrice": round(last + 100, 2)})
    assert ("open", round(last + 100, 2)) == (
        stop["status"] or "open",
        (await client.fetch_order(stop["id"], PAIR))["triggerPrice"],
    )
    limit = await client.create_order(
        PAIR, "limit", "sell", 1, round(last - 120, 2), {"stopLossPrice": round(last - 100, 2)}
    )
    await venue.move(venue.now + 20 * venue.hour)
    assert "closed" == (await client.fetch_order(stop["id"], PAIR))["status"]
    assert "open" == (await client.fetch_order(limit["id"], PAIR))["status"]
    with pytest.raises(ccxt.async_support.OrderImmediatelyFillable):
        await client.create_order(PAIR, "market", "sell", 1, None, {"stopLossPrice": round(last + 1000, 2)})


async def test_post_only_rests_or_is_refused(client, last):
    """An order that would take is refused, one that would rest rests."""
    with pytest.raises(ccxt.async_support.OrderImmediatelyFillable):
        await client.create_order(PAIR, "limit", "buy", 1, round(last + 50, 2), {"postOnly": True})
    order = await client.create_order(PAIR, "limit", "buy", 1, round(last - 50, 2), {"postOnly": True})
    assert ("open", True) == (order["status"], order["postOnly"])


async def test_immediate_or_cancel_and_fill_or_kill(client, last):
    """What cannot fill now does not rest."""
    for kind in ("IOC", "FOK"):
        away = await client.create_order(PAIR, "limit", "buy", 1, round(last - 50, 2), {"timeInForce": kind})
        assert (0.0, "expired") == (away["filled"], away["status"])
        now = await client.create_order(PAIR, "limit", "buy", 1, round(last + 50, 2), {"timeInForce": kind})
        assert (1.0, "closed") == (now["filled"], now["status"])
    assert [] == await client.fetch_open_orders(PAIR)


async def test_a_partial_fill(venue, client, last):
    """Half an order fills, the rest stays open and can be canceled."""
    await venue.fault("PartialFill", fraction="0.5")
    order = await client.create_order(PAIR, "limit", "buy", 1, round(last + 50, 2))
    assert ("open", 0.5, 0.5) == (order["status"], order["filled"], order["remaining"])
    canceled = await client.cancel_order(order["id"], PAIR)
    assert ("canceled", 0.5) == (canceled["status"], canceled["filled"])


async def test_a_client_order_id_is_taken_once(client, last):
    """The same id again is refused while the first is open, so a request that was sent twice is one order."""
    arguments = (PAIR, "limit", "buy", 1, round(last * 0.9, 2), {"clientOrderId": "once"})
    await client.create_order(*arguments)
    with pytest.raises(ccxt.async_support.InvalidOrder, match="Duplicate order sent"):
        await client.create_order(*arguments)
    assert 1 == len(await client.fetch_open_orders(PAIR))


async def test_an_order_is_replaced(client, last):
    """Edited: the old one canceled and the new one made, in one call."""
    order = await client.create_order(PAIR, "limit", "buy", 1, round(last * 0.9, 2))
    edited = await client.edit_order(order["id"], PAIR, "limit", "buy", 0.5, round(last * 0.8, 2))
    assert ("open", 0.5) == (edited["status"], edited["amount"])
    assert [edited["id"]] == [one["id"] for one in await client.fetch_open_orders(PAIR)]
    with pytest.raises(ccxt.async_support.ExchangeError):
        await client.edit_order("999999", PAIR, "limit", "buy", 0.5, round(last * 0.8, 2))


@pytest.mark.parametrize("form", ["today", "before"])
async def test_an_oco_list_is_one_amount(venue, client, last, form):
    """Stop and target share what they sell: one fills, the other ends; asked for in either form."""
    common = {"symbol": "ETHUSDT", "side": "SELL", "quantity": "1"}
    stop, target = f"{last - 100:.2f}", f"{last + 40:.2f}"
    if form == "today":
        placed = await client.private_post_orderlist_oco(
            {
                **common,
                "aboveType": "LIMIT_MAKER",
                "abovePrice": target,
                "belowType": "STOP_LOSS",
                "belowStopPrice": stop,
            }
        )
    else:
        placed = await client.private_post_order_oco({**common, "price": target, "stopPrice": stop})
    assert ("EXECUTING", 2) == (placed["listOrderStatus"], len(placed["orderReports"]))
    assert 1.0 == (await client.fetch_balance())["ETH"]["used"]
    assert 1 == len(await client.private_get_openorderlist())

    await venue.move(venue.now + 10 * venue.hour)
    done = await client.private_get_orderlist({"orderListId": placed["orderListId"]})
    states = {(await client.fetch_order(one["orderId"], PAIR))["status"] for one in placed["orders"]}
    assert "ALL_DONE" == done["listOrderStatus"]
    assert "closed" in states
    assert states & {"canceled", "expired"}
    assert 1 == len(await client.private_get_allorderlist())


async def test_an_oco_list_is_canceled_whole(client, last):
    """By the list or by one of its legs."""
    common = {
        "symbol": "ETHUSDT",
        "side": "SELL",
        "quantity": "1",
        "price": f"{last + 40:.2f}",
        "stopPrice": f"{last - 100:.2f}",
    }
    first = await client.private_post_order_oco(common)
    gone = await client.private_delete_orderlist({"symbol": "ETHUSDT", "orderListId": first["orderListId"]})
    assert "ALL_DONE" == gone["listOrderStatus"]
    second = await client.private_post_order_oco(common)
    await client.cancel_order(second["orders"][0]["orderId"], PAIR)
    assert [] == await client.fetch_open_orders(PAIR)


async def test_a_tested_order_changes_nothing(client, last):
    """It is refused as a real one would be, and otherwise leaves no trace."""
    await client.create_order(PAIR, "limit", "buy", 1, round(last * 0.9, 2), {"test": True})
    assert [] == await client.fetch_orders(PAIR)
    with pytest.raises(ccxt.async_support.InsufficientFunds):
        await client.create_order(PAIR, "limit", "buy", 1000, round(last * 0.9, 2), {"test": True})


async def test_the_account_survives_a_restart(make_venue):
    """Stopped and started on its directory, the venue knows every order, trade and balance, and its time."""
    venue = await make_venue("kept")
    await venue.move(venue.now + venue.hour // 2)
    client = await venue.client()
    await client.create_order(PAIR, "market", "buy", 1)
    order = await client.create_order(PAIR, "limit", "buy", 1, 1000)
    before = (await totals(client), await client.fetch_my_trades(PAIR), (await venue.admin("GET", "clock"))["time"])
    await venue.standalone.stop()

    venue = await make_venue("kept")
    client = await venue.client()
    after = (await totals(client), await client.fetch_my_trades(PAIR), (await venue.admin("GET", "clock"))["time"])
    assert before == after
    assert [order["id"]] == [one["id"] for one in await client.fetch_open_orders(PAIR)]


async def test_the_order_types_that_are_named_are_those_that_are_taken(venue):
    """A client that looks up what it may send is not refused for having sent it, nor kept from what it might."""
    client = await venue.client()
    (symbol,) = (await client.public_get_exchangeinfo({"symbol": "ETHUSDT"}))["symbols"]
    last = venue.open_price("ETH/USDT", 0)
    parts = {
        "LIMIT": {"price": last - 50, "timeInForce": "GTC"},
        "LIMIT_MAKER": {"price": last - 50},
        "MARKET": {},
        "STOP_LOSS": {"stopPrice": last + 50},
        "STOP_LOSS_LIMIT": {"stopPrice": last + 50, "price": last + 60, "timeInForce": "GTC"},
        "TAKE_PROFIT": {"stopPrice": last - 50},
        "TAKE_PROFIT_LIMIT": {"stopPrice": last - 50, "price": last - 40, "timeInForce": "GTC"},
    }
    assert 5 == len(symbol["orderTypes"])
    for kind, values in parts.items():
        order = {"symbol": "ETHUSDT", "side": "BUY", "type": kind, "quantity": 1, **values}
        if kind in symbol["orderTypes"]:
            await client.private_post_order_test(order)
        else:
            with pytest.raises(ccxt.ExchangeError, match="not supported"):
                await client.private_post_order_test(order)
