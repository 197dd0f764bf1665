"""The account's trades: each goes to its own order, and reading goes on where everything is known to be stored."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.execution.adapters.ccxt.trades import AccountTrades
from tradewind.execution.venues import VENUES

BTC, ETH = "BTC/USDT", "ETH/USDT"


class Exchange:
    """Binance's numbering: orders and trades are counted in each pair by themselves. `fail` is a pair that fails."""

    def __init__(self) -> None:
        self.trades: dict[str, list[dict[str, Any]]] = {BTC: [], ETH: []}
        self.names: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[str, object]] = []
        self.questions: list[tuple[str, list[str]]] = []
        self.fail: str | None = None
        self.markets: dict[str, object] = {BTC: {}, ETH: {}}

    async def run(self, request: Any) -> Any:
        return await request()

    async def fetch_my_trades(self, pair: str, since: int | None, _limit: int, params: dict[str, int]) -> Any:
        self.asked.append((pair, params.get("fromId", since)))
        if pair == self.fail:
            raise ConnectionResetError("no")
        return [trade for trade in self.trades[pair] if int(trade["id"]) >= params.get("fromId", 0)]

    async def by_venue_ids(self, venue_ids: list[str], pair: str) -> Any:
        self.questions.append((pair, list(venue_ids)))
        return [{"id": one, "clientOrderId": self.names[pair, one]} for one in venue_ids]

    def name_of(self, order: dict[str, Any]) -> str:
        return str(order["clientOrderId"])

    def add(self, pair: str, number: int, order: str, name: str) -> None:
        self.names[pair, order] = name
        self.trades[pair].append(
            {
                "id": str(number),
                "order": order,
                "symbol": pair,
                "side": "buy",
                "amount": "1",
                "price": "100",
                "fee": {"cost": "0.1", "currency": "USDT"},
                "takerOrMaker": "taker",
                "timestamp": 1_700_000_000_000 + number,
                "info": {},
            }
        )


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def trades(exchange: Exchange) -> AccountTrades:
    return AccountTrades(exchange, exchange, exchange, row=VENUES["binance"], pairs=(BTC, ETH), since=0)  # type: ignore[arg-type]


async def read(trades: AccountTrades) -> list[tuple[str, str, str]]:
    return [(fill.pair, fill.trade_id, fill.client_order_id) for fill in await trades.read()]


async def test_orders_of_two_pairs_with_the_same_number_are_two_orders(
    exchange: Exchange, trades: AccountTrades
) -> None:
    """Taken for one, the second pair's fill would be money in the first pair's position."""
    exchange.add(BTC, 1, "7", "mine-in-btc")
    exchange.add(ETH, 1, "7", "mine-in-eth")
    assert await read(trades) == [(BTC, "1", "mine-in-btc"), (ETH, "1", "mine-in-eth")]
    assert exchange.questions == [(BTC, ["7"]), (ETH, ["7"])]


async def test_what_was_told_of_an_order_holds_for_its_pair_alone(exchange: Exchange, trades: AccountTrades) -> None:
    """The answer to a create in one pair says nothing about the same number in another."""
    exchange.add(BTC, 1, "7", "mine-in-btc")
    exchange.add(ETH, 1, "7", "mine-in-eth")
    trades.learn(ETH, "7", "mine-in-eth")
    trades.learn(BTC, None, "nothing")
    assert await read(trades) == [(BTC, "1", "mine-in-btc"), (ETH, "1", "mine-in-eth")]
    assert exchange.questions == [(BTC, ["7"])]


async def test_only_what_is_said_to_be_stored_is_not_read_again(exchange: Exchange, trades: AccountTrades) -> None:
    """A kill between reading and storing must lose no fill."""
    exchange.add(BTC, 1, "7", "first")
    exchange.add(BTC, 2, "8", "second")
    for _ in range(2):
        assert len(await read(trades)) == 2
    trades.stored()
    exchange.add(BTC, 3, "9", "third")
    for _ in range(2):
        assert await read(trades) == [(BTC, "3", "third")]
    assert [place for pair, place in exchange.asked if pair == BTC] == [0, 0, 3, 3]


async def test_the_mark_is_moved_to_what_was_read_last_and_no_further(
    exchange: Exchange, trades: AccountTrades
) -> None:
    """A trade that happened after the answer was read is not in the store because of it."""
    exchange.add(BTC, 1, "7", "first")
    await read(trades)
    exchange.add(BTC, 2, "8", "second")
    trades.stored()
    assert await read(trades) == [(BTC, "2", "second")]


async def test_pairs_without_trades_keep_their_mark(exchange: Exchange, trades: AccountTrades) -> None:
    """Each pair goes on from its own."""
    exchange.add(BTC, 5, "7", "first")
    await read(trades)
    trades.stored()
    await read(trades)
    trades.stored()
    assert [place for pair, place in exchange.asked if pair == BTC] == [0, 6]
    await read(trades)
    assert exchange.asked[-2:] == [(BTC, 6), (ETH, 0)]


async def test_reading_that_fails_half_way_answers_nothing(exchange: Exchange, trades: AccountTrades) -> None:
    """The pairs before the failing one are read again: their trades were given to nobody."""
    exchange.add(BTC, 1, "7", "first")
    exchange.fail = ETH
    with pytest.raises(ConnectionResetError):
        await trades.read()
    exchange.fail = None
    assert await read(trades) == [(BTC, "1", "first")]


async def test_a_pair_that_the_venue_no_longer_lists_is_not_asked_for(
    exchange: Exchange, trades: AccountTrades
) -> None:
    """The question would be refused, and with it the account would never be known."""
    exchange.add(BTC, 1, "7", "first")
    del exchange.markets[ETH]

    assert await read(trades) == [(BTC, "1", "first")]
    assert [pair for pair, _ in exchange.asked] == [BTC]
