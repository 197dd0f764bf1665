"""Instruments, quotes and trades out of what ccxt gives."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.errors import TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.domain.order import Side
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed
from tradewind.market_data.adapters.ccxt.instruments import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    instruments_of,
)
from tradewind.market_data.ports import PublicTrade, Quote

D = Decimal


def market(pair="BTC/USDT", price=0.01, amount=1e-05, **fields):
    base, quote = pair.split("/")
    return {
        "symbol": pair,
        "base": base,
        "quote": quote,
        "spot": True,
        "active": True,
        "precision": {"price": price, "amount": amount},
        "limits": {"amount": {"min": 0.0001, "max": None}, "cost": {"min": 5, "max": None}},
        **fields,
    }


def test_ticks_as_they_are():
    found = instruments_of([market()], TICK_SIZE, {})

    assert found == {
        "BTC/USDT": Instrument("BTC/USDT", "BTC", "USDT", D("0.01"), D("0.00001"), D("0.0001"), D(5)),
    }


@pytest.mark.parametrize(("mode", "price", "last", "tick"), [
    (TICK_SIZE, 1e-08, None, "0.00000001"),
    (TICK_SIZE, Decimal("0.5"), None, "0.5"),
    (TICK_SIZE, 5, None, "5"),
    (DECIMAL_PLACES, 2, None, "0.01"),
    (DECIMAL_PLACES, 0, None, "1"),
    (DECIMAL_PLACES, -2, None, "100"),
    (SIGNIFICANT_DIGITS, 5, "97123", "1"),
    (SIGNIFICANT_DIGITS, 5, "9.9999", "0.0001"),
    (SIGNIFICANT_DIGITS, 5, "10", "0.001"),
    (SIGNIFICANT_DIGITS, 5, "0.00001234", "0.000000001"),
])  # fmt: skip
def test_every_way_of_stating_a_price_precision(mode, price, last, tick):
    amount = 1e-05 if mode == TICK_SIZE else 5
    found = instruments_of([market(price=price, amount=amount)], mode, {"BTC/USDT": D(last)} if last else {})

    assert found["BTC/USDT"].price_tick == D(tick)
    assert found["BTC/USDT"].amount_step == D("0.00001")


@pytest.mark.parametrize("left_out", [
    {"spot": False}, {"active": False}, {"price": None}, {"amount": None}, {"price": 0},
])  # fmt: skip
def test_what_cannot_be_traded_here_is_left_out(left_out):
    assert instruments_of([market(**left_out)], TICK_SIZE, {}) == {}


def test_significant_digits_without_a_price_are_left_out():
    assert instruments_of([market(price=5, amount=8)], SIGNIFICANT_DIGITS, {}) == {}


def test_limits_that_the_exchange_does_not_have_are_zero():
    found = instruments_of([market(limits={"amount": {"min": None}, "cost": None}, active=None)], TICK_SIZE, {})

    assert (found["BTC/USDT"].minimum_amount, found["BTC/USDT"].minimum_notional) == (D(0), D(0))


@pytest.fixture
def ask(virtual, virtual_time, fake_exchange):
    """Ask a feed whose client answers with `answers`, coroutine methods by name."""

    def run(question, **answers):
        async def main():
            client = fake_exchange()
            for name, answer in answers.items():
                setattr(client, name, answer)
            feed = CcxtFeed(client, {}, feed_time=virtual_time())
            try:
                return await question(feed)
            finally:
                await feed.close()

        return virtual(main)

    return run


def answering(value):
    async def answer(*_):
        return value

    return answer


def test_instruments_of_a_feed(ask):
    found = ask(lambda feed: feed.instruments())

    assert list(found) == ["BTC/USDT", "ETH/USDT"]


def test_instruments_with_significant_digits_take_the_tick_of_the_last_price(ask):
    tickers = {"BTC/USDT": {"last": 97123.0}, "ETH/USDT": {"last": None}}
    markets = {pair: market(pair, price=5, amount=8) for pair in tickers}
    found = ask(
        lambda feed: feed.instruments(),
        precisionMode=SIGNIFICANT_DIGITS, all_markets=markets, fetch_tickers=answering(tickers),
    )  # fmt: skip

    assert {pair: one.price_tick for pair, one in found.items()} == {"BTC/USDT": D(1)}


def test_a_quote_has_what_the_exchange_tells_and_nothing_invented(ask):
    ticker = {"timestamp": 1700000000123, "last": D("97.10"), "bid": 97.0, "baseVolume": 12.5, "percentage": -2.5}
    quote = ask(lambda feed: feed.quote("BTC/USDT"), fetch_ticker=answering(ticker))

    assert quote == Quote(
        "BTC/USDT", 1700000000123, D("97.10"), bid=D("97.0"), volume=D("12.5"), change_ratio=D("-0.025")
    )
    assert str(quote.last) == "97.10"


def test_a_quote_without_a_time_has_the_time_of_asking(ask):
    quote = ask(lambda feed: feed.quote("BTC/USDT"), fetch_ticker=answering({"timestamp": None, "close": 3}))

    assert (quote.time, quote.last) == (1700000400000, D(3))


def test_a_pair_that_has_not_traded_has_no_quote(ask):
    with pytest.raises(TemporaryError, match="BTC/USDT has not traded yet"):
        ask(lambda feed: feed.quote("BTC/USDT"), fetch_ticker=answering({"last": None}))


def test_trades_are_the_latest_the_oldest_first(ask):
    trades = [
        {"id": "3", "timestamp": 30, "side": "sell", "price": 1.5, "amount": 2},
        {"id": None, "timestamp": 20, "side": None, "price": D("1.4"), "amount": D("0.10")},
        {"id": "1", "timestamp": 10, "side": "buy", "price": 1.3, "amount": 2},
        {"id": "0", "timestamp": 40, "side": "buy", "price": None, "amount": 2},
    ]
    answer = ask(lambda feed: feed.trades("BTC/USDT", 2), fetch_trades=answering(trades))

    assert answer == [
        PublicTrade("", 20, None, D("1.4"), D("0.10")),
        PublicTrade("3", 30, Side.SELL, D("1.5"), D(2)),
    ]


def test_history_is_what_has_closed_in_the_span(ask):
    """From `since` up to `until`, more than one page, without the candle that is being made."""
    start = 1_700_000_400_000
    checked = ask(lambda feed: feed.history("BTC/USDT", "1m", start - 250 * 60_000 + 1, start - 10 * 60_000))

    assert [int(checked.series.open_time[i]) for i in (0, -1)] == [start - 249 * 60_000, start - 11 * 60_000]
    assert len(checked.series) == 239
    assert (checked.quarantined, checked.gaps) == ((), ())
    present = ask(lambda feed: feed.history("BTC/USDT", "1m", start - 120_000, start + 600_000))
    assert int(present.series.open_time[-1]) == start - 60_000


def test_history_before_the_exchange_had_the_pair_is_empty_until_it_did(ask):
    """Exchanges that answer window by window answer nothing there; the search goes on behind it."""
    start = 1_700_000_400_000
    listed = start - 350 * 60_000

    async def answer(pair, timeframe, since, limit):
        times = range(since, min(since + limit * 60_000, start + 1), 60_000)
        return [[time, 1, 2, 1, 2, 3] for time in times if time >= listed]

    checked = ask(lambda feed: feed.history("BTC/USDT", "1m", start - 1000 * 60_000, start), fetch_ohlcv=answer)

    assert int(checked.series.open_time[0]) == listed
    assert len(checked.series) == 350
