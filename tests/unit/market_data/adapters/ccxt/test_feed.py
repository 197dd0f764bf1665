"""A feed delivers every closed candle of the exchange, in order, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import ccxt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.market_data.adapters.ccxt.conftest import VirtualTime, now_ms, true_candle

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed
from tradewind.market_data.ports import FeedState, StreamKey

BTC = StreamKey("BTC/USDT", "1m")
START = 1_700_000_400.0
MINUTE = 60_000

REST = [
    "timeout",
    "busy",
    "down",
    "odd",
    "broken",
    "empty",
    "late",
    "doubled",
    "early",
    "shuffled shuffled",
    "hole ok",
    "stray",
    "ok",
]
SOCKET = [
    "update", "dropped", "doubled", "older", "garbage", "delayed", "future", "disconnect", "timeout", "cancelled",
    "crash", "hang",
]  # fmt: skip


def words(rest):
    """A script without a failure at the first question; an exchange that twice denies a candle does not have it."""
    return ["ok", *(word for words in rest for word in words.split())]


def opened(minute):
    return int(START) * 1000 // MINUTE * MINUTE + minute * MINUTE


@settings(max_examples=60)
@given(
    rest=st.lists(st.sampled_from(REST), max_size=12),
    socket=st.lists(st.sampled_from(SOCKET), max_size=25),
    holes=st.sets(st.integers(-5, 40).map(opened), max_size=3),
    since=st.integers(-9000, 0),
    skew=st.sampled_from([0.0, -7.0, 45.0]),
    update_every=st.sampled_from([2.0, 20.0, 59.0]),
)
def test_every_closed_candle_in_order_and_once(world, rest, socket, holes, since, skew, update_every):  # noqa: PLR0917
    """Whatever is dropped, doubled, late, refused or cut off: exactly the exchange's history, and finished candles."""
    played = world(
        seconds=3600, since=since, rest=words(rest), socket=socket, holes=holes, skew=skew, update_every=update_every
    ).run()

    candles = played.listener.candles.get(BTC, [])
    assert [candle for candle in candles if candle.open_time <= played.truth()[-1].open_time] == played.truth()
    assert candles == sorted(set(candles))
    assert candles[-1].open_time + MINUTE <= played.end
    assert played.health.streams[BTC].delivered == len(candles)


@settings(max_examples=40)
@given(rest=st.lists(st.sampled_from(REST), max_size=12), holes=st.sets(st.integers(0, 40).map(opened), max_size=3))
def test_an_exchange_without_a_websocket_is_polled(world, rest, holes):
    played = world(seconds=2400, rest=words(rest), holes=holes, websocket=False).run()

    candles = played.listener.candles[BTC]
    assert [candle for candle in candles if candle.open_time <= played.truth()[-1].open_time] == played.truth()
    assert played.health.streams[BTC].state is FeedState.CONNECTED


def test_a_candle_is_delivered_within_two_seconds_of_its_end(world):
    """The clock asks where no update has said anything yet, so a quiet minute is no later than a busy one."""
    played = world(seconds=1200, update_every=59.0).run()

    live = [(at, time) for at, time in played.listener.delivered_at if time >= opened(0)]
    assert len(live) >= 18
    assert max(at - (time + MINUTE) / 1000 for at, time in live) < 2


def test_an_update_brings_the_candle_sooner_than_the_clock(world):
    played = world(seconds=600, update_every=0.25).run()

    assert played.health.streams[BTC].last_update == pytest.approx((START + 600) * 1000, abs=500)
    live = [at - (time + MINUTE) / 1000 for at, time in played.listener.delivered_at if time >= opened(0)]
    assert max(live) < 0.6


def test_one_question_a_candle(world):
    """What keeps fifty pairs inside an exchange's limits."""
    played = world(seconds=1800, update_every=2.0).run()

    asked = [call for call in played.exchange.calls if call[0] == "fetch_ohlcv"]
    assert len(asked) <= 30 + 3


def test_long_histories_come_page_by_page_before_anything_new(world):
    played = world(seconds=120, since=-60 * 1000).run()

    candles = played.listener.candles[BTC]
    assert len(candles) >= 1001
    assert candles[: len(played.truth())] == played.truth()
    assert played.listener.delivered_at[990][0] < START + 3


def test_an_exchange_that_answers_with_more_than_was_asked_for_is_not_blamed(world):
    played = world(seconds=120, rest=["ok", "early", "early"]).run()

    assert played.health.streams[BTC].quarantined == {}
    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()


def test_pauses_grow_with_every_failure_and_begin_anew_with_a_success(world):
    """Between attempts at a connection: three quarters of 1, 2, 4 ... 60 seconds, here without chance."""
    played = world(seconds=900, socket=["update", *["disconnect"] * 7, "update", "disconnect"]).run()

    lost = [change.time / 1000 for change in played.listener.changes if change.state is FeedState.DISCONNECTED]
    back = [change.time / 1000 for change in played.listener.changes if change.state is FeedState.CONNECTED]
    assert back[1] - lost[0] > 0.75 * (1 + 2 + 4 + 8 + 16 + 32 + 60)
    assert back[2] - lost[1] < 0.75 + 62


def test_what_was_missed_during_an_outage_comes_before_what_is_new(world):
    """Ten minutes without REST or WebSocket; then the missed ones, each once, and the states say so."""
    outage = ["ok"] * 4 + ["down"] * 12
    played = world(seconds=3000, rest=outage, socket=["update"] * 5 + ["disconnect"] * 12).run()

    candles = played.listener.candles[BTC]
    assert candles[: len(played.truth())] == played.truth()
    assert played.listener.states == ["Connected", "Disconnected", "Disconnected", "Resynced", "Connected"]
    websocket, rest = played.listener.changes[1:3]
    assert "candles come by REST" in websocket.reason
    assert rest.reason == "REST: fake is down"


def test_a_silent_feed_is_reported_within_three_intervals_and_connected_anew(world):
    played = world(seconds=900, socket=["update", "update", "hang"]).run()

    silent = next(change for change in played.listener.changes if change.state is FeedState.SILENT)
    last_update = START + 0.2 + 40
    assert silent.time / 1000 - last_update == pytest.approx(180, abs=2)
    assert "close_ws_clients" in played.exchange.calls
    assert played.listener.states == ["Connected", "Silent", "Resynced", "Connected"]
    during = [at for at, _ in played.listener.delivered_at if last_update < at < silent.time / 1000]
    assert len(during) >= 2, "candles go on by REST while it is silent"


def test_a_silent_stream_does_not_cut_off_the_others(world):
    """Its subscription alone is made again; the connection that another stream listens to stays."""
    eth = StreamKey("ETH/USDT", "1m")
    begin = int(START) * 1000
    played = world(seconds=900, since=0, streams={BTC: begin, eth: begin}, socket=["update", "update", "hang"]).run()

    assert "un_watch_ohlcv" in played.exchange.calls
    assert "close_ws_clients" not in played.exchange.calls
    assert [candle.open_time for candle in played.listener.candles[eth]] == [
        candle.open_time for candle in played.listener.candles[BTC]
    ]


def test_a_lost_websocket_is_reported_once_and_candles_go_on(world):
    played = world(seconds=900, socket=["update", *["disconnect"] * 6]).run()

    assert played.listener.states == ["Connected", "Disconnected", "Resynced", "Connected"]
    assert played.health.streams[BTC].reconnects == 6
    assert "closing code 1006" in played.listener.changes[1].reason
    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()


def test_an_exchange_that_asks_to_be_left_alone_is_left_alone(world):
    """Updates keep coming by WebSocket, but none of them breaks the pause that `Retry-After` asked for."""
    played = world(seconds=600, rest=["ok", "ok", "ok", "ok", "busy"], update_every=1.0).run()

    asked = [at for name, at, _ in (call for call in played.exchange.calls if call[0] == "fetch_ohlcv")]
    pauses = [later - sooner for sooner, later in pairwise(asked)]
    assert pauses[3] == pytest.approx(30, abs=1)
    assert "Disconnected" in played.listener.states


def test_bad_rows_are_refused_with_their_reason_and_counted(world):
    bad = {
        opened(-3): Candle(opened(-3), 100.0, 90.0, 95.0, 100.0, 1.0),
        opened(2): Candle(opened(2), 100.0, 101.0, 99.0, 0.0, 1.0),
        opened(3): Candle(opened(3), 100.0, 5000.0, 99.0, 100.0, 1.0),
    }
    played = world(seconds=600, bad=bad).run()

    times = {candle.open_time for candle in played.listener.candles[BTC]}
    assert times.isdisjoint(bad)
    assert played.health.streams[BTC].quarantined == {"HighBelowLow": 1, "NotPositive": 1, "Outlier": 1}
    assert {candle.open_time for candle in played.truth()} <= times | set(bad)


def test_a_row_from_the_future_is_refused_and_closes_nothing(world):
    played = world(seconds=300, rest=["ok", "ok", "stray"]).run()

    assert played.health.streams[BTC].quarantined == {"OutOfOrder": 1}
    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()


def test_doubled_rows_and_updates_that_go_back_are_counted(world):
    played = world(seconds=300, rest=["ok", "doubled"], socket=["update", "update", "older"]).run()

    assert played.health.streams[BTC].quarantined["Duplicate"] == len(
        [candle for candle in played.listener.candles[BTC] if candle.open_time < opened(0)]
    )
    assert played.health.streams[BTC].quarantined["OutOfOrder"] == 1


def test_candles_the_exchange_does_not_have_are_counted_as_missing(world):
    played = world(seconds=900, holes={opened(-2), opened(4), opened(5)}).run()

    assert played.health.streams[BTC].missing == 3


def test_a_hole_that_closes_on_asking_again_is_none(world):
    """Caches of an exchange may lag behind each other; a candle that is missing in the middle is asked for twice."""
    played = world(seconds=600, rest=["ok", "ok", "ok", "ok", "hole"], socket=["hang", "hang"]).run()

    assert played.health.streams[BTC].missing == 0
    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()


def test_the_exchanges_clock_is_measured_and_decides_when_a_candle_has_closed(world):
    played = world(seconds=600, skew=-20.0).run()

    assert played.health.clock_skew == pytest.approx(-20, abs=0.01)
    assert all(at >= (time + MINUTE) / 1000 + 20 for at, time in played.listener.delivered_at)


def test_the_exchanges_clock_is_measured_again_and_again(world):
    """A clock that is put right while the feed runs is noticed; one that cannot be asked is waited for longer."""
    played = world(seconds=1500)
    exchange = {}

    async def report(change):
        exchange.setdefault("client", played.exchange).skew = 5.0

    played.listener.report = report
    played.run()

    assert played.health.clock_skew == pytest.approx(5, abs=0.01)


def test_a_clock_that_cannot_be_asked_is_not_needed(world):
    """Then a candle counts as closed when the next one has begun, which the exchange's own rows say."""
    played = world(seconds=900, clock=False).run()

    assert played.health.clock_skew is None
    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()
    live = [at - (time + MINUTE) / 1000 for at, time in played.listener.delivered_at if time >= opened(0)]
    assert max(live) < 2


def test_an_exchange_that_is_down_at_the_start_is_waited_for(world):
    played = world(seconds=600, rest=["down", "down", "timeout"]).run()

    assert played.listener.states[:2] == ["Disconnected", "Resynced"]
    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (StreamKey("BTC/EUR", "1m"), "pair: received BTC/EUR"),
        (StreamKey("BTC/USDT:USDT", "1m"), "one of the 2 spot pairs of fake"),
        (StreamKey("BTC/USDT", "4h"), "timeframe: received 4h; allowed: 1m, 5m, 1h"),
    ],
)
def test_what_the_exchange_does_not_have_is_told_before_anything_is_delivered(world, stream, said):
    played = world(streams={BTC: int(START) * 1000, stream: int(START) * 1000})

    with pytest.raises(ConfigError, match=said):
        played.run()
    assert played.listener.candles == {}
    assert set(played.listener.states) == {"Ended"}


def test_a_refused_key_ends_the_feed_and_says_so(world):
    played = world(rest=["refused"])

    with pytest.raises(ConfigError, match="fake credentials") as refused:
        played.run()
    assert isinstance(refused.value.__cause__, ccxt.AuthenticationError)
    assert played.listener.states == ["Ended"]


def test_a_failure_of_who_takes_the_candles_ends_the_feed(world):
    """Nothing is delivered after a candle that was not taken."""
    played = world()

    async def deliver(key, candles):
        raise OSError("disk full")

    played.listener.deliver = deliver
    with pytest.raises(OSError, match="disk full"):
        played.run()


def test_a_failure_of_who_hears_the_reports_ends_the_feed(world):
    played = world()

    async def report(change):
        raise OSError("disk full")

    played.listener.report = report
    with pytest.raises(OSError, match="disk full"):
        played.run()


def test_several_streams_do_not_wait_for_each_other(world):
    eth = StreamKey("ETH/USDT", "5m")
    begin = int(START) * 1000
    played = world(seconds=1300, since=0, streams={BTC: begin, eth: begin}).run()

    assert played.listener.candles[BTC][: len(played.truth())] == played.truth()
    assert played.listener.candles[eth][: len(played.truth(eth))] == played.truth(eth)
    assert len(played.listener.candles[eth]) >= 3


def test_history_holds_no_unfinished_candle_where_our_clock_is_ahead(virtual, fake_exchange):
    """The exchange's clock is asked before its candles are, for ours would take the one in the making as closed."""

    async def history():
        feed = CcxtFeed(fake_exchange(skew=-180.0), feed_time=VirtualTime())
        return (await feed.history(BTC.pair, "1m", now_ms() - 600_000, now_ms())).series.candles()

    candles = virtual(history)
    assert candles == [true_candle(one.open_time) for one in candles]
    assert candles[-1].open_time + MINUTE <= (START - 180) * 1000


def test_where_the_clock_says_nothing_a_candle_closes_when_the_next_begins(world):
    """At an address that is not the exchange's own there may be a simulation, whose time is not the wall's."""
    played = world(seconds=300, skew=-180.0, clock=False, closes=False).run()

    candles = played.listener.candles[BTC]
    assert candles == played.truth()[: len(candles)]
    assert len(candles) > 4


def one_stream(virtual, fake_exchange, work):
    """What `work` makes of a feed that delivers nothing by itself; with what one stream of it delivered."""

    async def play():
        exchange = fake_exchange()
        feed = CcxtFeed(exchange, feed_time=VirtualTime())
        got = []

        async def deliver(key, candles):
            got.extend(candles)

        async def report(change):
            """Nobody asks."""

        def begin():
            return asyncio.ensure_future(feed.stream(BTC, opened(0), deliver, report))

        await work(feed, exchange, begin)
        await feed.close()
        return exchange, got

    return virtual(play)


def test_one_stream_is_delivered_alone_until_nobody_wants_it(virtual, fake_exchange):
    """Afterwards the exchange is asked nothing more, and need not send it; and it may begin again."""

    async def work(feed, exchange, begin):
        streaming = begin()
        await asyncio.sleep(600)
        assert feed.health().streams[BTC].state is FeedState.CONNECTED
        streaming.cancel()
        await asyncio.gather(streaming, return_exceptions=True)
        asked = len(exchange.calls)
        assert exchange.calls[-1] == "close_ws_clients"
        await asyncio.sleep(600)
        assert len(exchange.calls) == asked

    _, got = one_stream(virtual, fake_exchange, work)
    assert got == [true_candle(opened(minute)) for minute in range(len(got))]
    assert 9 <= len(got) <= 10


def test_a_stream_that_the_exchange_has_not_ends_with_the_reason(virtual, fake_exchange):
    async def work(feed, exchange, begin):
        exchange.all_markets = {}
        with pytest.raises(ConfigError):
            await begin()
        assert feed.health().streams[BTC].state is FeedState.ENDED

    one_stream(virtual, fake_exchange, work)
