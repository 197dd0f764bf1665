"""Order books against messages recorded from the venues: the rules here are theirs, not our reading of them.

The recordings are cryptofeed's sample data (see NOTICE): Kraken, 2021-04-17, ten pairs at depth 1000; Binance,
2021-10-12, four symbols of the diff stream with their REST snapshots.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.domain.order_book import BookChange, ChecksummedBook, Level, Outcome, SequencedBook

DATA = Path(__file__).parent / "data"
RECEIVED = re.compile(r"^[\d.]+: (?P<body>.*)$")
SNAPSHOT = re.compile(r"^.*symbol=(?P<symbol>\w+)&limit=\d+ -> [\d.]+: (?P<body>.*)$")


def lines(name, pattern):
    with gzip.open(DATA / name, "rt") as file:
        return [found for line in file if (found := pattern.match(line.rstrip("\n")))]


def levels(rows):
    return [Level(Decimal(row[0]), Decimal(row[1])) for row in rows]


def kraken_messages():
    """Channel id and book message, in the order received; the two sides of one message joined."""
    for line in lines("kraken_book_stream.txt.gz", RECEIVED):
        message = json.loads(line["body"])
        if isinstance(message, list):
            joined = {}
            for part in message[1:-2]:
                joined.update(part)
            yield message[0], joined


def replay(messages):
    books, outcomes = defaultdict(lambda: ChecksummedBook(1000)), []
    for channel, message in messages:
        if "c" in message:
            outcomes.append(
                books[channel].apply(levels(message.get("b", ())), levels(message.get("a", ())), int(message["c"]))
            )
        else:
            books[channel].snapshot(levels(message["bs"]), levels(message["as"]))
    return books, outcomes


def test_every_checksum_that_kraken_sent_is_the_one_of_our_book():
    books, outcomes = replay(kraken_messages())

    assert [Outcome.APPLIED] * 4269 == outcomes
    assert len(books) == 10


def test_one_lost_message_of_kraken_is_noticed_in_its_book_and_in_no_other():
    messages = list(kraken_messages())
    busiest = max({channel for channel, _ in messages}, key=[channel for channel, _ in messages].count)
    updates = [index for index, (channel, message) in enumerate(messages) if channel == busiest and "c" in message]
    lost = updates[len(updates) // 2]

    books, outcomes = replay(messages[:lost] + messages[lost + 1 :])

    assert Outcome.RESYNC in outcomes
    assert [channel for channel, book in books.items() if not book.in_step] == [busiest]


def binance_changes():
    changes = defaultdict(list)
    for line in lines("binance_streams.txt.gz", RECEIVED):
        message = json.loads(line["body"]).get("data", {})
        if message.get("e") == "depthUpdate":
            change = BookChange(message["U"], message["u"], levels(message["b"]), levels(message["a"]))
            changes[message["s"]].append(change)
    return changes


def binance_snapshots():
    snapshots = {}
    for line in lines("binance_depth_snapshots.txt.gz", SNAPSHOT):
        body = json.loads(line["body"])
        snapshots[line["symbol"]] = (body["lastUpdateId"], levels(body["bids"]), levels(body["asks"]))
    return snapshots


@pytest.mark.parametrize("symbol", ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"])
def test_the_diff_stream_of_binance_joins_its_snapshot_and_has_no_hole(symbol):
    changes, (last, bids, asks) = binance_changes()[symbol], binance_snapshots()[symbol]
    book = SequencedBook()
    before = [change for change in changes if change.first <= last]

    assert {Outcome.BUFFERED} == {book.apply(change) for change in before}
    assert book.snapshot(last, bids, asks) is Outcome.APPLIED
    assert {book.apply(change) for change in changes[len(before) :]} <= {Outcome.APPLIED}
    best = book.best(1)
    assert best.bids[0].price < best.asks[0].price


def test_one_lost_message_of_binance_is_noticed_at_the_next():
    changes, (last, bids, asks) = binance_changes()["NKNUSDT"], binance_snapshots()["NKNUSDT"]
    book = SequencedBook()
    book.snapshot(last, bids, asks)
    outcomes = [book.apply(change) for change in changes[:50] + changes[51:]]

    assert outcomes.index(Outcome.RESYNC) == 50


def test_the_best_price_of_the_book_is_the_one_binance_told_apart_from_it():
    """`bookTicker` is another stream of the same numbers: where both name the same update, the best level agrees."""
    last, bids, asks = binance_snapshots()["NKNUSDT"]
    book, agreed = SequencedBook(), 0
    book.snapshot(last, bids, asks)
    tickers = {}
    for line in lines("binance_streams.txt.gz", RECEIVED):
        body = json.loads(line["body"])
        if body.get("stream") == "nknusdt@bookTicker":
            tickers[body["data"]["u"]] = body["data"]
    for change in binance_changes()["NKNUSDT"]:
        book.apply(change)
        told = tickers.get(change.last)
        if told:
            agreed += 1
            best = book.best(1)
            assert (Decimal(told["b"]), Decimal(told["a"])) == (best.bids[0].price, best.asks[0].price)
    assert agreed > 10
