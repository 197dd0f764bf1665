"""What market-data answers about an exchange that can be asked now: its quote, its book, its trades."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles
from tradewind.domain.errors import NotFoundError, TemporaryError
from tradewind.domain.order import Side
from tradewind.domain.order_book import Depth, Level
from tradewind.domain.series import CandleSeries
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.market_data.api import MarketDataApi
from tradewind.market_data.growing import recording_since
from tradewind.market_data.live import LiveMarket
from tradewind.market_data.ports import PublicTrade, Quote
from tradewind.market_data.window import Window

D = Decimal
HOUR = 3_600_000
PAIR, NAME = "BTC/EUR", "bitvavo"
BOT = load_bot(
    Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml", ["spec.pairs.include=[BTC/EUR]"]
)


class Exchange:
    """One that answers with what the test says."""

    def __init__(self):
        self.last = D("120.5")

    async def quote(self, pair):
        return Quote(pair, 90 * HOUR, self.last, bid=D("120.4"), ask=D("120.6"))

    async def order_book(self, pair, count):
        bids = tuple(Level(D(100 - n), D("0.5")) for n in range(count))
        return Depth(bids, (Level(D(101), D(2)),))

    async def trades(self, pair, count):
        return [
            PublicTrade("7", 3_600_001, Side.SELL, D("99.99"), D("0.1")),
            PublicTrade("8", 3_600_002, None, D(100), D("0.2")),
        ][-count:]


@pytest.fixture
def window():
    series = CandleSeries.of(PAIR, "1h", [Candle(n * HOUR, 100.0, 110.0, 90.0, 105.0, 3.0) for n in range(30)])
    recording = recording_since(30 * HOUR, {PAIR: CheckedCandles(series, (), ())}, ("1h",), {PAIR: None}, {})
    return Window.of(recording, 0)


@pytest.fixture
def ask(window):
    context = SimpleNamespace(bot=BOT)
    return lambda live: MarketDataApi(context, lambda: window, lambda: "Connected", live)


async def test_the_book_is_the_exchange_s_best_levels(ask):
    """Prices and amounts exact, the best first, and no more than was asked for."""
    told = (await ask(Exchange()).order_book(NAME, PAIR, 2)).model_dump(mode="json")
    assert told == {
        "pair": PAIR,
        "bids": [{"price": "100", "amount": "0.5"}, {"price": "99", "amount": "0.5"}],
        "asks": [{"price": "101", "amount": "2"}],
    }


async def test_trades_are_the_exchange_s_latest(ask):
    """A side that it does not tell is null, never guessed."""
    told = (await ask(Exchange()).trades(NAME, PAIR, 2)).model_dump(mode="json")
    assert told["trades"] == [
        {"tradeId": "7", "time": "1970-01-01T01:00:00.001Z", "side": "sell", "price": "99.99", "amount": "0.1"},
        {"tradeId": "8", "time": "1970-01-01T01:00:00.002Z", "side": None, "price": "100", "amount": "0.2"},
    ]


async def test_the_ticker_has_the_price_of_now_over_the_candles_of_the_day(ask):
    """Also where it trades beyond every candle that has closed."""
    told = await ask(Exchange()).ticker(NAME, PAIR)
    assert (told.last, told.bid, told.ask, told.time) == (D("120.5"), D("120.4"), D("120.6"), 90 * HOUR)
    assert (told.open, told.high, told.low, told.change) == (D(100), D("120.5"), D(90), D("20.5"))


async def test_of_a_recording_there_is_neither_book_nor_trades(ask):
    """And its ticker is its last close, without bid and ask."""
    api = ask(None)
    for question in (api.order_book, api.trades):
        with pytest.raises(NotFoundError, match="is candles, and holds no"):
            await question(NAME, PAIR, 5)
    told = await api.ticker(NAME, PAIR)
    assert (told.last, told.bid, told.ask) == (D(105), None, None)


@pytest.mark.parametrize(("name", "pair"), [("mtgox", PAIR), (NAME, "XRP/EUR")])
async def test_what_the_bot_does_not_trade_is_not_asked_for(ask, name, pair):
    """The budget of requests is the bot's."""
    api = ask(SimpleNamespace())
    for question in (api.order_book, api.trades):
        with pytest.raises(NotFoundError):
            await question(name, pair, 5)


async def test_an_exchange_that_has_not_answered_yet_is_temporary_trouble():
    """503 with a time to try again, and not a lie about the pair."""
    market = LiveMarket(SimpleNamespace(tracer=None, bot=BOT, key=BOT.key, metrics=Metrics()), None)
    for question in (market.quote(PAIR), market.order_book(PAIR, 5), market.trades(PAIR, 5)):
        with pytest.raises(TemporaryError, match="has not answered yet"):
            await question
    market._feed = Exchange()
    assert (await market.quote(PAIR)).last == D("120.5")
    assert len((await market.order_book(PAIR, 3)).bids) == 3
    assert len(await market.trades(PAIR, 1)) == 1
