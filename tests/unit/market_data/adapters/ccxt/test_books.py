"""Order books as answers: proven to be the exchange's, or asked by REST."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import pytest

from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.order_book import Level, kraken_checksum
from tradewind.market_data.adapters.ccxt.books import FRESH, IDLE, SILENCE, Books

PAIR = "BTC/USDT"


class Connection:
    """ccxt's client of one WebSocket."""

    def __init__(self):
        self.sent = []

    async def send(self, message):
        self.sent.append(message)


class BookExchange:
    """ccxt's interface as far as books need it. Messages are put in by `say`; REST shows `rest_bids` at `nonce`."""

    def __init__(self, exchange="binance"):
        self.id = exchange
        self.has = {"watchOrderBook": True}
        self.last_response_headers = {}
        self.markets = {PAIR: {"info": {"pair_decimals": 1, "lot_decimals": 4}}}
        self.nonce, self.rest_bids, self.rest_asked = 10, [[100.0, 1.0]], []
        self.watched, self.unwatched, self.read_by_ccxt = [], [], []
        self.connection = Connection()
        self._updates = asyncio.Queue()

    def market(self, pair):
        return self.markets[pair]

    def safe_symbol(self, market_id, *_):
        return {"BTCUSDT": PAIR}.get(market_id, market_id)

    def handle_order_book(self, connection, message):
        self.read_by_ccxt.append(message)

    async def fetch_order_book(self, pair, limit=None):
        self.rest_asked.append(limit)
        if pair not in self.markets:
            raise ccxt.BadSymbol("fake does not have market symbol " + pair)
        return {"nonce": self.nonce, "bids": self.rest_bids, "asks": [[101.0, 2.0], [102.0, 3.0]]}

    async def watch_order_book(self, pair, limit=None):
        self.watched.append(limit)
        word = await self._updates.get()
        if isinstance(word, BaseException):
            raise word

    async def un_watch_order_book(self, pair):
        self.unwatched.append(pair)

    async def say(self, message):
        self.handle_order_book(self.connection, message)
        await self.update()

    async def update(self, word=None):
        self._updates.put_nowait(word)
        await settle()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


class NoRandom:
    def random(self):
        return 1.0


def diff(first, last, bids=(), asks=()):
    return {"e": "depthUpdate", "s": "BTCUSDT", "U": first, "u": last, "b": list(bids), "a": list(asks)}


def level(price, amount):
    return Level(Decimal(price), Decimal(amount))


@pytest.fixture
def play(virtual, virtual_time):
    """Run `work(exchange, books)` in virtual time."""

    def run(work, exchange="binance"):
        async def main():
            client = BookExchange(exchange)
            books = Books(client, virtual_time(), NoRandom())
            try:
                await work(client, books)
            finally:
                await books.close()

        virtual(main)

    return run


async def in_step(client, books):
    """A book that has been asked for and is proven."""
    await books.best(PAIR, 5)
    await settle()
    await client.say(diff(9, 11, bids=[["100.5", "4.0"]]))
    assert books.health()[PAIR].in_step


def test_the_first_answer_comes_by_rest_and_later_ones_from_the_proven_book(play):
    async def work(client, books):
        first = await books.best(PAIR, 1)
        assert first.bids == (level("100.0", "1.0"),)
        assert first.asks == (level("101.0", "2.0"),)
        await in_step(client, books)
        asked = len(client.rest_asked)

        await client.say(diff(12, 12, bids=[["100.7", "5.5"]]))

        assert (await books.best(PAIR, 2)).bids == (level("100.7", "5.5"), level("100.5", "4.0"))
        assert len(client.rest_asked) == asked

    play(work)


def test_ccxt_reads_every_message_as_well(play):
    """Its own book and whoever waits for it stay as they were."""

    async def work(client, books):
        client.handle_order_book(client.connection, diff(1, 1))
        await in_step(client, books)

        assert [message["u"] for message in client.read_by_ccxt] == [1, 11]

    play(work)


def test_after_a_lost_message_nothing_is_shown_from_the_book_until_it_is_proven_again(play):
    async def work(client, books):
        await in_step(client, books)
        client.nonce, client.rest_bids = 20, [[99.0, 9.0]]
        client.handle_order_book(client.connection, diff(15, 21, bids=[["99.5", "1.0"]]))

        assert not books.health()[PAIR].in_step
        assert (await books.best(PAIR, 1)).bids == (level("99.0", "9.0"),), "REST answers meanwhile"
        await client.update()
        asked = len(client.rest_asked)
        assert (await books.best(PAIR, 5)).bids == (level("99.5", "1.0"), level("99.0", "9.0"))
        assert (books.health()[PAIR].resyncs, len(client.rest_asked)) == (1, asked)

    play(work)


def test_a_snapshot_that_is_too_old_is_asked_for_again_with_growing_pauses(play):
    async def work(client, books):
        client.nonce = 3
        await books.best(PAIR, 5)
        await settle()
        for number in range(10, 40):
            await client.say(diff(number, number))
        snapshots = client.rest_asked.count(1000)
        assert snapshots == 1

        await asyncio.sleep(1.1)
        await settle()
        assert client.rest_asked.count(1000) == 2
        client.nonce = 39
        await asyncio.sleep(2.1)
        await settle()
        assert books.health()[PAIR].in_step

    play(work)


@pytest.mark.parametrize("failure", [ccxt.NetworkError("closed"), asyncio.CancelledError(), TypeError("odd")])
def test_a_lost_connection_makes_the_book_begin_anew(play, failure):
    async def work(client, books):
        await in_step(client, books)
        watched = len(client.watched)
        await client.update(failure)

        assert not books.health()[PAIR].in_step
        await asyncio.sleep(1.1)
        assert len(client.watched) == watched + 1
        await client.say(diff(10, 12, bids=[["100.6", "1.0"]]))
        assert (await books.best(PAIR, 1)).bids == (level("100.6", "1.0"),)

    play(work)


def test_a_book_whose_connection_says_nothing_is_not_shown(play):
    async def work(client, books):
        await in_step(client, books)
        client.rest_bids = [[50.0, 1.0]]
        await asyncio.sleep(FRESH + 1)

        assert (await books.best(PAIR, 1)).bids == (level("50.0", "1.0"),)

    play(work)


def test_a_message_that_is_not_as_documented_takes_the_book_out_of_use(play):
    async def work(client, books):
        await in_step(client, books)
        await client.say({"e": "depthUpdate", "s": "BTCUSDT", "U": 12, "u": "thirteen", "b": [], "a": []})

        assert books.health()[PAIR].resyncs == 1

    play(work)


def test_a_book_without_an_update_for_long_begins_anew(play):
    async def work(client, books):
        await in_step(client, books)
        await asyncio.sleep(SILENCE + 2)

        assert books.health()[PAIR].resyncs == 1
        assert len(client.watched) == 3

    play(work)


def test_a_book_that_nobody_asks_for_ends(play):
    async def work(client, books):
        await in_step(client, books)
        await asyncio.sleep(IDLE + 2 * SILENCE)
        await client.say(diff(12, 12))

        assert client.unwatched == [PAIR]
        assert books.health() == {}

    play(work)


def test_other_exchanges_and_pairs_are_asked_by_rest(play):
    async def work(client, books):
        assert (await books.best(PAIR, 2)).asks == (level("101.0", "2.0"), level("102.0", "3.0"))
        with pytest.raises(ConfigError, match="BTC/EUR"):
            await books.best("BTC/EUR", 1)
        await settle()
        assert client.watched == []

    play(work, exchange="bybit")


def kraken(kind, bids=(), asks=(), checksum=0):
    rows = [[{"price": price, "qty": amount} for price, amount in side] for side in (bids, asks)]
    book = {"symbol": PAIR, "bids": rows[0], "asks": rows[1], "checksum": checksum}
    return {"channel": "book", "type": kind, "data": [book]}


def checksum(bids, asks):
    return kraken_checksum(type("Depth", (), {"bids": bids, "asks": asks}))


def test_krakens_numbers_get_back_the_zeros_that_its_checksum_counts(play):
    """It sends JSON numbers (0.1 for 0.1000), the checksum is made of 0.1000."""
    proven = checksum([level("100.0", "0.1000")], [level("101.5", "2.0000")])

    async def work(client, books):
        await books.best(PAIR, 1)
        await settle()
        await client.say(kraken("snapshot", [(100, 0.1)], [(101.5, 2)], proven))

        assert (await books.best(PAIR, 5)).bids == (level("100.0", "0.1000"),)
        assert client.watched[0] == 100

    play(work, exchange="kraken")


def test_a_wrong_checksum_of_kraken_subscribes_anew_on_the_same_connection(play):
    snapshot = [level("100.0", "0.1000")], [level("101.5", "2.0000")]
    changed = [level("100.0", "0.1000")], [level("101.4", "1.0000"), level("101.5", "2.0000")]

    async def work(client, books):
        await books.best(PAIR, 1)
        await settle()
        await client.say(kraken("snapshot", [(100.0, 0.1)], [(101.5, 2.0)], checksum(*snapshot)))
        await client.say(kraken("update", [], [(101.4, 1.0)], checksum(*changed)))
        assert books.health()[PAIR].in_step

        await client.say(kraken("update", [], [(101.3, 1.0)], 12345))

        assert not books.health()[PAIR].in_step
        channel = {"channel": "book", "symbol": [PAIR], "depth": 100}
        assert client.connection.sent == [
            {"method": "unsubscribe", "params": channel},
            {"method": "subscribe", "params": {**channel, "snapshot": True}},
        ]
        await client.say(kraken("update", [(99.0, 1.0)], [], 777))
        assert not books.health()[PAIR].in_step
        await client.say(kraken("snapshot", [(100.0, 0.1)], [(101.5, 2.0)], checksum(*snapshot)))
        assert books.health()[PAIR].in_step
        assert books.health()[PAIR].resyncs == 1

    play(work, exchange="kraken")


def test_a_snapshot_of_kraken_that_does_not_come_is_asked_for_again(play):
    async def work(client, books):
        await books.best(PAIR, 1)
        await settle()
        await client.say(kraken("snapshot", [(100.0, 0.1)], [(101.5, 2.0)], 1))
        assert len(client.connection.sent) == 2
        await asyncio.sleep(1.1)
        await client.update()
        assert len(client.connection.sent) == 4

    play(work, exchange="kraken")


def test_an_exchange_that_cannot_be_reached_is_a_temporary_error(play):
    async def work(client, books):
        async def fetch_order_book(pair, limit=None):
            raise ccxt.ExchangeNotAvailable("fake")

        client.fetch_order_book = fetch_order_book
        with pytest.raises(TemporaryError, match="fake"):
            await books.best(PAIR, 1)

    play(work, exchange="bybit")
