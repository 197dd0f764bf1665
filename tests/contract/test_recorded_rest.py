"""What Binance answered by REST, through ccxt's own client, to what the feed makes of it.

The recording is gocryptotrader's test data (see the data's README); only the network is left out.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import Gap
from tradewind.domain.instrument import Instrument
from tradewind.domain.order import Side
from tradewind.domain.order_book import Level
from tradewind.kernel.ccxt_client import ClientSettings, make_client
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed
from tradewind.market_data.adapters.ccxt.feed_time import WallTime

DATA = Path(__file__).parent / "data" / "binance_rest.json.gz"
HOUR = 3_600_000
JUNE = 1_591_880_400_000
JULY = 1_593_572_400_000


class Impatient(WallTime):
    """The wall clock, without waiting."""

    async def sleep(self, seconds):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def recorded():
    return json.loads(gzip.decompress(DATA.read_bytes()))


@pytest.fixture
async def feed(recorded):
    """A feed whose client finds the recording where the network would be; it answers 200 candles a page."""
    client = make_client(ClientSettings("binance", rate_limit=False, number=Decimal))
    client.features["spot"]["fetchOHLCV"]["limit"] = 200
    asked = []

    async def fetch(url, method="GET", headers=None, body=None):
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        asked.append((parts.path, query))
        answer = recorded[parts.path]
        if parts.path.endswith("klines"):
            rows = [row for row in answer if row[0] >= int(query["startTime"])]
            answer = rows[: int(query["limit"])]
        return answer

    client.fetch = fetch
    client.timeout_on_exit = 0
    made = CcxtFeed(client, feed_time=Impatient(), measured=False)  # a recording has no clock
    made.asked = asked
    yield made
    await made.close()


async def test_instruments_are_what_trades_now_with_binances_filters(feed):
    """EOS/ETH stood still at the time, so it is not among them."""
    assert await feed.instruments() == {
        "BTC/USDT": Instrument("BTC/USDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), 5),
        "ETH/BTC": Instrument(
            "ETH/BTC", "ETH", "BTC", Decimal("0.00001"), Decimal("0.0001"), Decimal("0.0001"), Decimal("0.0001")
        ),
    }


async def test_history_is_every_candle_of_every_page_and_the_outage_a_gap(feed, recorded):
    checked = await feed.history("BTC/USDT", "1h", JUNE, JULY + HOUR)

    rows = recorded["/api/v3/klines"]
    assert checked.series.candles() == [Candle(row[0], *map(float, row[1:6])) for row in rows]
    assert checked.gaps == (Gap(1_593_306_000_000, 1_593_320_400_000, 3),)
    assert checked.quarantined == ()
    pages = [query for path, query in feed.asked if path.endswith("klines")]
    assert [int(query["startTime"]) for query in pages[:2]] == [JUNE, rows[200][0]]


async def test_a_part_of_history_has_no_candle_outside_it(feed):
    checked = await feed.history("BTC/USDT", "1h", JUNE + 1, JUNE + 10 * HOUR)

    assert checked.series.open_time.tolist() == [JUNE + number * HOUR for number in range(1, 10)]


async def test_answers_have_the_numbers_as_binance_wrote_them(feed):
    quote = await feed.quote("BTC/USDT")
    trades = await feed.trades("BTC/USDT", 2)
    book = await feed.order_book("BTC/USDT", 1)

    assert (quote.time, str(quote.last), str(quote.bid), str(quote.ask)) == (
        1_586_991_278_494, "6705.82000000", "6705.88000000", "6706.21000000",
    )  # fmt: skip
    assert (quote.volume, quote.change_ratio) == (Decimal("57857.494857"), Decimal("-0.02427"))
    assert [(trade.trade_id, trade.time, trade.price, trade.amount) for trade in trades] == [
        ("303004097", 1_577_981_944_800, Decimal("9195.09"), Decimal("0.1")),
        ("303004098", 1_577_981_945_200, Decimal("9195.09"), Decimal("0.1")),
    ]
    assert {trade.side for trade in trades} <= {None, *Side}
    assert book.bids == (Level(Decimal("32085.65"), Decimal("0.000005")),)
    assert book.asks == (Level(Decimal("32085.66"), Decimal("2.048437")),)
