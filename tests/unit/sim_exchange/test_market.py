"""Market data at a moment: candles as they stand, trades, book and tickers by their models, and the streams of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain.errors import ConfigError
from tradewind.sim_exchange.models import BookTickerUpdate, DepthUpdate, KlineUpdate, TickerUpdate, TradeUpdate

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR  # four in the morning
BTC, ETH = "BTC/USDT", "ETH/USDT"
SHAPE = (100, 112, 97, 109)


def brief(kline):
    return kline.open_time, kline.open, kline.high, kline.low, kline.close


# --------------------------------------------------------------------------------------------------------------- klines


async def test_a_candle_is_there_from_its_first_millisecond_and_as_it_stands(venue):
    assert venue.exchange.klines("BTCUSDT", "1h") == []
    await venue.move(START + 1)
    (kline,) = venue.exchange.klines("BTCUSDT", "1h")
    assert brief(kline) == (START, 100, 100, 100, 100)
    await venue.inside()
    (kline,) = venue.exchange.klines("BTCUSDT", "1h")
    assert brief(kline) == (START, 100, D("104.5"), 97, D("104.5"))
    assert kline.close_time == START + HOUR - 1
    assert 0 < kline.volume < 1000
    trades = venue.exchange.trades("BTCUSDT")
    assert kline.volume == sum(one.quantity for one in trades)
    assert (kline.trades, kline.first_trade_id, kline.last_trade_id) == (len(trades), 0, trades[-1].trade_id)


async def test_at_its_end_a_candle_is_the_recorded_one(venue):
    await venue.move(START + HOUR)
    (kline,) = venue.exchange.klines("BTCUSDT", "1h")
    assert brief(kline) == (START, 100, 112, 97, 109)
    assert (kline.volume, kline.trades) == (1000, 13)


async def test_longer_candles_are_made_of_the_base(venues):
    shapes = [SHAPE, None, (109, 120, 108, 110), (110, 111, 90, 95), SHAPE]
    venue = await venues(shapes={BTC: shapes})
    await venue.move(START + 5 * HOUR)
    first, second = venue.exchange.klines("BTCUSDT", "4h")
    assert brief(first) == (START, 100, 120, 90, 95)
    assert (first.volume, first.close_time, first.trades) == (3000, START + 4 * HOUR - 1, 39)
    assert brief(second) == (START + 4 * HOUR, 100, 112, 97, 109)
    assert [one.open_time // HOUR for one in venue.exchange.klines("BTCUSDT", "1h")] == [100, 102, 103, 104]
    assert len(venue.exchange.klines("BTCUSDT", "1M")) == len(venue.exchange.klines("BTCUSDT", "1w")) == 1


async def test_a_longer_candle_in_the_making_has_what_there_is_so_far(venue):
    await venue.move(START + HOUR + HOUR // 3)
    (kline,) = venue.exchange.klines("BTCUSDT", "4h")
    assert brief(kline) == (START, 100, 112, 97, 97)
    assert 1000 < kline.volume < 2000


async def test_klines_are_asked_for_by_time_and_count(venue, refused):
    await venue.move(START + 5 * HOUR)

    def hours(**arguments):
        return [one.open_time // HOUR for one in venue.exchange.klines("BTCUSDT", "1h", **arguments)]

    assert hours(limit=2) == [103, 104]
    assert hours(start_time=START + 1, limit=2) == [101, 102]
    assert hours(end_time=START + HOUR) == [100, 101]
    assert hours(start_time=START + HOUR, end_time=START + 2 * HOUR) == [101, 102]
    assert hours(start_time=START + 9 * HOUR) == []
    for interval in ("30m", "7h", "1H"):
        with refused(-1120, "Invalid interval."):
            venue.exchange.klines("BTCUSDT", interval)
    with refused(-1121):
        venue.exchange.klines("NOPE", "1h")


# --------------------------------------------------------------------------------------------------------------- trades


async def test_trades_add_up_to_the_candle_and_touch_its_prices(venue):
    await venue.move(START + HOUR)
    trades = venue.exchange.trades("BTCUSDT")
    assert [one.trade_id for one in trades] == list(range(13))
    assert sum(one.quantity for one in trades) == 1000
    assert {D(100), D(97), D(112), D(109)} <= {one.price for one in trades}
    assert all(START < one.time < START + HOUR for one in trades)
    assert {one.is_buyer_maker for one in trades} == {True, False}


async def test_trades_are_the_same_whatever_is_asked_first(venue):
    await venue.move(START + 4 * HOUR)
    late = venue.exchange.trades("BTCUSDT", from_id=40, limit=5)
    await venue.restart()
    assert len(venue.exchange.trades("BTCUSDT", from_id=0, limit=39)) == 39
    assert venue.exchange.trades("BTCUSDT", from_id=40, limit=5) == late
    assert [one.trade_id for one in venue.exchange.trades("BTCUSDT", limit=2)] == [50, 51]
    assert venue.exchange.trades("BTCUSDT", from_id=52) == []


async def test_aggregate_trades_are_asked_for_by_time(venue):
    await venue.move(START + 2 * HOUR)
    found = venue.exchange.aggregate_trades("BTCUSDT", start_time=START + HOUR, end_time=START + HOUR + 1)
    assert [one.trade_id for one in found] == [13]
    assert [one.trade_id for one in venue.exchange.aggregate_trades("BTCUSDT", start_time=START, limit=2)] == [0, 1]
    assert [one.trade_id for one in venue.exchange.aggregate_trades("BTCUSDT", from_id=24)] == [24, 25]
    assert [one.trade_id for one in venue.exchange.aggregate_trades("BTCUSDT", limit=1)] == [25]


async def test_little_volume_is_one_trade_and_none_is_none(venues):
    venue = await venues(shapes={BTC: [(*SHAPE, "0.005"), (*SHAPE, 0), (*SHAPE, 5)]})
    await venue.move(START + 3 * HOUR)
    trades = venue.exchange.trades("BTCUSDT")
    assert (len(trades), trades[0].price, trades[0].quantity) == (14, 109, D("0.005"))
    one, none, many = venue.exchange.klines("BTCUSDT", "1h")
    assert [(k.trades, k.first_trade_id, k.last_trade_id) for k in (one, none, many)] == [
        (1, 0, 0),
        (0, -1, -1),
        (13, 1, 13),
    ]


# ----------------------------------------------------------------------------------------------------- book and tickers


async def test_the_book_stands_a_tick_around_the_price_and_shows_own_orders(venue):
    depth = venue.exchange.depth("BTCUSDT", limit=5)
    assert [price for price, _ in depth.bids] == [D("99.99"), D("99.98"), D("99.97"), D("99.96"), D("99.95")]
    assert [price for price, _ in depth.asks][:2] == [D("100.01"), D("100.02")]
    assert all(quantity > 0 for _, quantity in (*depth.bids, *depth.asks))
    await venue.place("LIMIT", price="99.98")
    after = venue.exchange.depth("BTCUSDT", limit=5)
    assert after.bids[1] == (D("99.98"), depth.bids[1][1] + 1)
    assert after.last_update_id == depth.last_update_id + 1
    best = venue.exchange.book_ticker("BTCUSDT")
    assert (best.bid_price, best.ask_price, best.update_id) == (D("99.99"), D("100.01"), after.last_update_id)
    assert venue.exchange.depth("BTCUSDT", limit=5) == after


async def test_an_order_that_rests_beyond_the_price_is_never_crossed(venues):
    venue = await venues(volume=8.0)
    await venue.inside()
    await venue.place("LIMIT", quantity="3", price=106)
    best = venue.exchange.book_ticker("BTCUSDT")
    assert (best.bid_price, best.bid_quantity) == (106, 1)
    assert best.ask_price > 106 or best.ask_price == 0


async def test_the_day_in_one_line(venues):
    venue = await venues(shapes={BTC: [(50, 60, 40, 55), *[SHAPE] * 30]})
    await venue.move(START + 26 * HOUR)
    ticker = venue.exchange.ticker("BTCUSDT")
    assert (ticker.open, ticker.high, ticker.low, ticker.last_price) == (100, 112, 97, 109)
    assert (ticker.price_change, ticker.price_change_percent) == (9, 9)
    assert (ticker.volume, ticker.trades, ticker.previous_close) == (24_000, 24 * 13, 109)
    assert ticker.last_trade_id == venue.exchange.trades("BTCUSDT", limit=1)[0].trade_id
    assert 97 < ticker.weighted_average_price < 112


async def test_a_day_without_a_candle_is_empty(venues):
    venue = await venues(start_time=START - HOUR)
    ticker = venue.exchange.ticker("BTCUSDT")
    assert (ticker.open, ticker.volume, ticker.trades, ticker.price_change) == (100, 0, 0, 0)


async def test_the_average_price_is_that_of_the_last_five_minutes(venues):
    """Weighted by what was traded in them; where nothing was, the last price."""
    venue = await venues(shapes={BTC: [SHAPE, None, SHAPE]})
    await venue.move(START + HOUR)
    average = venue.exchange.average_price("BTCUSDT")
    recent = [one for one in venue.exchange.trades("BTCUSDT") if one.time >= START + HOUR - 300_000]
    assert len({one.price for one in recent}) > 1
    value, volume = sum(one.price * one.quantity for one in recent), sum(one.quantity for one in recent)
    assert (average.price, average.minutes) == (round(value / volume, 8), 5)
    assert average.time == recent[-1].time
    await venue.move(START + HOUR + HOUR // 2)
    average = venue.exchange.average_price("BTCUSDT")
    assert (average.price, average.time) == (109, recent[-1].time)


async def test_before_the_first_trade_the_average_is_the_price_there_is(venues):
    venue = await venues(start_time=START - HOUR)
    average = venue.exchange.average_price("BTCUSDT")
    assert (average.price, average.minutes) == (100, 5)
    assert average.time <= START - HOUR


# -------------------------------------------------------------------------------------------------------------- streams


def follow(venue, *streams, symbol="BTCUSDT"):
    heard = []
    stop = venue.exchange.on_market_event(heard.append, lambda one, stream: one == symbol and stream in streams)
    return heard, stop


async def test_every_candle_is_told_once_closed_and_the_present_one_as_it_stands(venue):
    heard, _ = follow(venue, "kline_1h", "kline_4h")
    for time in (START + HOUR // 2, START + 4 * HOUR, START + 4 * HOUR + 1):
        await venue.move(time)
    closed = [(one.interval, one.kline.open_time) for one in heard if one.is_closed]
    assert closed == [("1h", START + n * HOUR) for n in range(4)] + [("4h", START)]
    present = [(one.interval, one.time) for one in heard if not one.is_closed]
    assert present[:2] == [("1h", START + HOUR // 2), ("4h", START + HOUR // 2)]
    assert present[-2:] == [("1h", START + 4 * HOUR + 1), ("4h", START + 4 * HOUR + 1)]
    assert [one.kline for one in heard if one.is_closed and one.interval == "1h"] == venue.exchange.klines(
        "BTCUSDT", "1h", end_time=START + 3 * HOUR
    )


async def test_trades_and_candles_come_in_the_order_of_time(venue):
    heard, _ = follow(venue, "trade", "kline_1h")
    await venue.move(START + 3 * HOUR)
    assert [one.trade.trade_id for one in heard if isinstance(one, TradeUpdate)] == list(range(39))
    assert [one.time for one in heard] == sorted(one.time for one in heard)


async def test_tickers_are_told_when_they_may_have_changed(venue):
    heard, stop = follow(venue, "ticker", "bookTicker")
    await venue.inside()
    await venue.place("LIMIT", price="104.49")
    assert [type(one) for one in heard] == [BookTickerUpdate, TickerUpdate, BookTickerUpdate]
    assert heard[1].ticker == venue.exchange.ticker("BTCUSDT") or heard[1].ticker.last_price == D("104.5")
    stop()
    await venue.move(START + HOUR)
    assert len(heard) == 3


async def test_nothing_is_told_to_whom_it_does_not_concern(venues):
    venue = await venues(shapes={BTC: [SHAPE] * 3, ETH: [SHAPE] * 3})
    heard, _ = follow(venue, "trade", "depth", "kline_1h", "ticker", symbol="ETHUSDT")
    await venue.place()
    assert heard == []
    await venue.move(START + HOUR)
    symbols = {(one.symbol if isinstance(one, KlineUpdate | DepthUpdate) else "ETHUSDT") for one in heard}
    assert symbols == {"ETHUSDT"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * HOUR), st.booleans(), st.booleans()), max_size=8))
def test_a_snapshot_and_its_updates_are_the_book(run, steps):
    async def check(venues):
        venue = await venues()
        heard, _ = follow(venue, "depth")
        snapshot = venue.exchange.depth("BTCUSDT", 5000)
        for offset, places, looks in sorted(steps):
            await venue.move(START + offset)
            if places:
                last = venue.exchange.price("BTCUSDT").price
                await venue.place("LIMIT", quantity="0.1", price=last - D("0.03"))
            if looks:
                venue.exchange.depth("BTCUSDT")
        bids, asks, number = dict(snapshot.bids), dict(snapshot.asks), snapshot.last_update_id
        for update in [one for one in heard if one.last_id > number]:
            assert update.first_id == number + 1
            number = update.last_id
            for side, levels in ((bids, update.bids), (asks, update.asks)):
                side.update(levels)
                for price in [price for price, quantity in levels if not quantity]:
                    del side[price]
        present = venue.exchange.depth("BTCUSDT", 5000)
        assert (dict(present.bids), dict(present.asks)) == (bids, asks)
        assert present.last_update_id >= number

    run(check)


# ----------------------------------------------------------------------------------------------------------- the making


async def test_what_is_no_market_is_refused(venues):
    for shapes in ({BTC: []}, {BTC: [None]}, {}):
        with pytest.raises(ConfigError, match="candles of one timeframe"):
            await venues(shapes=shapes)
    with pytest.raises(ConfigError, match="pairs of different symbols"):
        await venues(shapes={"BTC/USDT": [SHAPE], "BTCU/SDT": [SHAPE]})


async def test_filters_are_those_of_the_instrument(venue):
    filters = venue.exchange.symbols["BTCUSDT"]
    assert (filters.tick, filters.step, filters.minimum_quantity, filters.minimum_notional) == (
        D("0.01"),
        D("0.001"),
        D("0.002"),
        5,
    )
    assert (venue.exchange.timeframe, list(venue.exchange.symbols)) == ("1h", ["BTCUSDT"])
