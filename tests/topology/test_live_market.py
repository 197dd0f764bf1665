"""A bot on the candles of an exchange, when these come late, never, or not as they came before.

The exchange is a script; everything behind it is the bot's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from decimal import Decimal

import pytest
from tests.topology.conftest import TRADING

from tradewind.contracts.messages import CandleClosed, FeedStateChanged, TickSettled
from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles
from tradewind.domain.errors import ConfigError, PermanentError, TemporaryError, TradewindError
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import HOUR
from tradewind.kernel.backoff import Backoff
from tradewind.market_data import gathering
from tradewind.market_data.ports import FeedHealth, FeedState, StateChange, StreamHealth, StreamKey

START = 1_646_092_800_000
BTC, ETH = PAIRS = ("BTC/EUR", "ETH/EUR")

_MANIFEST = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {name: live}
spec:
  exchanges: [{name: binance}]
  pairs: {include: ["*/EUR"]}
  timeframe: 1h
  strategies: [{name: breakout, kind: DonchianBreakout, timeframes: [1h, 4h], parameters: {entryPeriod: 3}}]
  capital: {currency: EUR, startingBalance: "10000"}
  data: {source: Exchange}
"""


def candle(pair, hour):
    price = 100.0 + hour + 50 * PAIRS.index(pair)
    return Candle(START + hour * HOUR, price, price + 2, price - 1, price + 1, 10.0)


class Script:
    """A feed that tells what the test says, and the exchange's clock: `hour` is the candle that is being made."""

    def __init__(self):
        self.hour, self.pairs, self.since, self.errors = 600, list(PAIRS), {}, []
        self.history_of = {pair: [candle(pair, hour) for hour in range(600)] for pair in PAIRS}
        self.asked = []
        self.refused = {}
        self._orders = asyncio.Queue()

    def now(self):
        return START / 1000 + self.hour * 3600 + 60

    async def instruments(self):
        self.asked.append("instruments")
        if self.errors:
            raise self.errors.pop(0)
        filters = tuple(map(Decimal, ("0.01", "0.0001", "0.0001", "5")))
        return {pair: Instrument(pair, *pair.split("/"), *filters) for pair in self.pairs}

    async def history(self, pair, timeframe, since, until):
        self.asked.append("history")
        found = [one for one in self.history_of[pair] if since <= one.open_time < until]
        return CheckedCandles(CandleSeries.of(pair, timeframe, found))

    def follow(self, streams):
        self.since = dict(streams)

    async def run(self, deliver, report):
        while True:
            order = await self._orders.get()
            await order(deliver, report)

    def tell(self, pair, *hours):
        async def order(deliver, report):
            await deliver(StreamKey(pair, "1h"), [candle(pair, hour) for hour in hours])

        self._orders.put_nowait(order)

    def state(self, pair, state, reason=""):
        async def order(deliver, report):
            await report(StateChange(StreamKey(pair, "1h"), state, START, reason))

        self._orders.put_nowait(order)

    def fail(self, error):
        async def order(deliver, report):
            raise error

        self._orders.put_nowait(order)

    def health(self):
        streams = {StreamKey(pair, "1h"): StreamHealth(quarantined=dict(self.refused)) for pair in self.pairs}
        return FeedHealth("script", None, streams, {})

    async def close(self):
        """Nothing is held."""


@pytest.fixture
def script(monkeypatch):
    found = Script()

    async def connect(exchange, dependencies, budgets):
        return found

    monkeypatch.setattr("tradewind.market_data.service.exchange_feed", connect)
    monkeypatch.setattr(Backoff, "pause", lambda self: 0.0)
    return found


@pytest.fixture
def live(embedded, script, tmp_path):
    """A bot on the script; a second one is the first, started again."""
    manifest = tmp_path / "live.yaml"
    manifest.write_text(_MANIFEST)

    @contextlib.asynccontextmanager
    async def start(*overrides, **options):
        async with embedded(*overrides, sample=manifest, clock=script, **options) as bot:
            yield bot

    return start


async def ticks(bot, last):
    """The ticks up to the hour `last`, once that is settled: hours with the pairs and timeframes in them."""
    done = False
    async with asyncio.timeout(60):
        while not done:
            messages = await bot.progress.take(1000)
            done = any(isinstance(one, TickSettled) and one.time == START + last * HOUR for one in messages)
    found = {}
    for message in await bot.feed.take(10_000):
        if isinstance(message, CandleClosed):
            found.setdefault((message.time - START) // HOUR, []).append((message.pair[:3], message.timeframe))
    return found


async def heard(bot, state):
    """The next message that the feed is in a state."""
    async with asyncio.timeout(60):
        while True:
            for message in await bot.feed.take(1000):
                if isinstance(message, FeedStateChanged) and message.state == state:
                    return message


async def test_a_bot_stands_on_history_and_trades_what_closes_from_now_on(live, script):
    """Before the first tick there is a past to look at; what closed a moment ago is the first tick."""
    script.history_of = {pair: [candle(pair, hour) for hour in range(599)] for pair in PAIRS}
    async with live() as bot:
        progress = await bot.ask("market-data", "progress")
        known = await bot.ask("market-data", "series", pair=BTC, timeframe="1h")
        script.tell(BTC, 599)
        script.tell(ETH, 599)
        found = await ticks(bot, 599)
        script.tell(BTC, 600)
        script.tell(ETH, 600)
        await ticks(bot, 600)
        after = await bot.ask("market-data", "progress")
        status = await bot.ask("market-data", "status")

    both = [("BTC", "1h"), ("ETH", "1h")]
    assert (progress["time"], progress["interval"], progress["ended"]) == (START + 599 * HOUR, 3600.0, False)
    assert (len(known), known.candle(0)) == (499, candle(BTC, 100))
    assert found == {599: [*both, ("BTC", "4h"), ("ETH", "4h")]}
    # The second tick is settled, which market-data may be about to note.
    assert after["time"] - START in {600 * HOUR, 601 * HOUR}
    assert (status["ticks"], status["candles"], status["notes"]) == (2, 1002, [])


async def test_a_pair_that_is_too_late_has_a_gap(live, script, monkeypatch):
    """The others go on; the late candle is in no series, and the next one is traded."""
    monkeypatch.setattr(gathering, "GRACE", 0.05)
    async with live() as bot:
        for pair in PAIRS:
            script.state(pair, FeedState.CONNECTED)
        script.tell(BTC, 600)
        assert await ticks(bot, 600) == {600: [("BTC", "1h")]}
        script.tell(ETH, 600, 601)
        script.tell(BTC, 601)
        assert await ticks(bot, 601) == {601: [("BTC", "1h"), ("ETH", "1h")]}
        series = await bot.ask("market-data", "series", pair=ETH, timeframe="1h")
        status = await bot.ask("market-data", "status")

    assert [one.open_time for one in series.candles()[-2:]] == [START + 599 * HOUR, START + 601 * HOUR]
    assert [(gap["pair"], gap["missing"]) for gap in status["gaps"]] == [(ETH, 1)]


async def test_a_bot_that_comes_back_stands_on_what_it_saw(live, script):
    """Whatever the exchange tells of the past today: averages, the curve and the ticks are those of before."""

    async def known(bot):
        series = [await bot.ask("market-data", "series", pair=p, timeframe=t) for p in PAIRS for t in ("1h", "4h")]
        ticks_so_far = await bot.ask("market-data", "closes_by_tick", until=START + 10_000 * HOUR)
        return [one.candles() for one in series], ticks_so_far, await bot.ask("portfolio", "equity")

    async with live() as bot:
        for pair in PAIRS:
            script.tell(pair, 600, 601, 602)
        await ticks(bot, 602)
        before = await known(bot)

    script.history_of, script.hour, script.asked = {}, 606, []
    script.pairs.append("ADA/EUR")
    async with live() as bot:
        assert (script.since, script.asked) == (
            {StreamKey(pair, "1h"): START + 603 * HOUR for pair in PAIRS}, ["instruments"],
        )  # fmt: skip
        after = await known(bot)
        for pair in PAIRS:
            script.tell(pair, 603, 604, 605)
        found = await ticks(bot, 605)

    assert after[:2] == before[:2]
    assert [hour for hour in found if hour > 602] == [603, 604, 605]
    assert len(found[603]) == 4


async def test_a_tick_says_whether_the_market_has_gone_on_since(live, script):
    """At an exchange nobody sells at the price of then: who trades there must not enter on it."""

    async def missed(bot, last):
        done = False
        async with asyncio.timeout(60):
            while not done:
                messages = await bot.progress.take(1000)
                done = any(isinstance(one, TickSettled) and one.time == START + last * HOUR for one in messages)
        told = [one for one in await bot.feed.take(10_000) if isinstance(one, CandleClosed)]
        return {(one.time - START) // HOUR: one.missed for one in told}

    async with live() as bot:
        script.hour = 601
        for pair in PAIRS:
            script.tell(pair, 600)  # it closed a minute ago
        assert await missed(bot, 600) == {600: False}
        script.hour = 604
        for pair in PAIRS:
            script.tell(pair, 601, 602, 603)
        assert await missed(bot, 603) == {601: True, 602: True, 603: False}
        script.hour = 606
        for pair in PAIRS:
            script.tell(pair, 604)  # nothing has come after it, and yet it closed an hour ago
        assert await missed(bot, 604) == {604: True}
    async with live() as bot:
        assert (await missed(bot, 604))[604] is True


async def test_a_pair_that_is_gone_stops_the_bot_that_traded_it(live, script):
    """It may hold a position that nobody could value or sell any more: a person decides."""
    async with live():
        pass
    script.pairs.remove(ETH)
    with pytest.raises(ConfigError, match=re.escape("spec.pairs.include: received ETH/EUR; allowed: pairs that")):
        async with live():
            pass


async def test_an_exchange_that_does_not_answer_is_waited_for(live, script):
    """A bot may be started before the network is there."""
    script.errors = [TemporaryError("unreachable", 0.0), TemporaryError("unreachable", 0.0)]
    async with live():
        assert script.asked.count("instruments") == 3


async def test_the_manifests_filters_stand_over_those_of_the_exchange(live, script):
    """And a filter of a pair that the bot does not trade is a mistake, as in a replay."""
    step = "spec.exchanges[0].instruments=[{pair: %s, amountStep: '0.5'}]"
    async with live(step % ETH) as bot:
        found = await bot.ask("market-data", "instruments")
        assert [(pair, str(one.amount_step)) for pair, one in found.items()] == [(BTC, "0.0001"), (ETH, "0.5")]
    with pytest.raises(ConfigError, match=r"spec.exchanges\[0\].instruments: received ADA/EUR"):
        async with live(step % "ADA/EUR"):
            pass


async def test_a_bot_that_never_traded_comes_back_to_its_history(live, script):
    """What closed while it was away is traded, tick by tick."""
    async with live():
        pass
    script.hour = 700
    async with live():
        assert script.since == {StreamKey(pair, "1h"): START + 600 * HOUR for pair in PAIRS}


async def test_a_market_without_a_candle_is_refused(live, script):
    """Nothing could be decided on it, and the manifest is the place to mend."""
    script.history_of = {pair: [] for pair in PAIRS}
    with pytest.raises(ConfigError, match=r"pairs that have traded in the last 500 candles of 1h"):
        async with live():
            pass


async def test_a_market_that_goes_on_while_it_is_asked_is_known_to_one_moment(live, script):
    """History ends for all pairs where it ends for the one that was asked last: no candle falls between."""
    script.history_of[BTC].pop()
    told, asked = script.history, []

    async def history(pair, timeframe, since, until):
        asked.append((pair, (until - START) // HOUR))
        if len(asked) == 3:
            script.history_of[BTC].append(candle(BTC, 599))
        return await told(pair, timeframe, since, until)

    script.history = history
    async with live() as bot:
        series = await bot.ask("market-data", "series", pair=BTC, timeframe="1h")

    assert asked == [(BTC, 600), (ETH, 600), (BTC, 600)]
    assert (len(series), series.candle(499)) == (500, candle(BTC, 599))


async def test_rows_that_the_feed_refuses_are_counted(live, script):
    """Each once: it tells how many there were so far."""
    async with live() as bot:
        script.refused = {"OutOfOrder": 2}
        for hour in (600, 601):
            script.tell(BTC, hour)
            script.tell(ETH, hour)
            await ticks(bot, hour)
            script.refused = {"OutOfOrder": 5}
        labels = {"bot": bot.runners["engine"].context.key, "pair": BTC, "reason": "OutOfOrder"}
        assert bot.metrics.registry.get_sample_value("tradewind_candles_quarantined_total", labels) == 5


async def test_a_feed_in_trouble_says_so(live, script):
    """To whoever listens, and in the conditions; and takes it back."""
    async with live(services=(*TRADING, "monitoring")) as bot:
        watch = bot.runners["monitoring"].service

        async def connected():
            await watch.tasks[0].__self__.look()
            return next(c for c in watch.tasks[0].__self__.conditions.current if c.type == "ExchangeConnected")

        async def state():
            routes = bot.runners["market-data"].service.router().routes
            exchanges = next(route for route in routes if route.path == "/api/v1/exchanges")
            return (await exchanges.endpoint()).exchanges[0].state

        assert await state() == "Starting"
        script.state(BTC, FeedState.CONNECTED)
        script.state(ETH, FeedState.DISCONNECTED, "REST: gone")
        message = await heard(bot, "Disconnected")
        assert (message.pair, message.reason) == (ETH, "REST: gone")
        condition = await connected()
        assert (condition.status, condition.message) == ("False", "ETH/EUR: Disconnected: REST: gone")
        assert await state() == "Disconnected"
        script.state(ETH, FeedState.RESYNCED)
        await heard(bot, "Resynced")
        assert await state() == "Connected"
        assert (await connected()).status == "True"


async def test_a_feed_that_fails_for_good_stops_the_bot_and_sells_nothing(live, script):
    """Its end is not the end of recorded data: positions stay, with their stops, until the bot is there again."""
    async with live(until_end=True) as bot:
        script.state(ETH, FeedState.ENDED, "gone")
        script.state(BTC, FeedState.SILENT, "no update")
        assert [one.state for one in await bot.feed.take(1000)] == ["Silent"]
        script.fail(PermanentError("no candles any more"))
        with pytest.raises(TradewindError, match="no candles any more"):
            await bot.wait()
