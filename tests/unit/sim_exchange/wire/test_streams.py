"""Names of market streams: which there are, and what is asked of the exchange for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.sim_exchange.wire.streams import parse_stream


@pytest.mark.parametrize(
    ("name", "symbol", "source"),
    [
        ("btcusdt@kline_1m", "BTCUSDT", "kline_1m"),
        ("btcusdt@kline_1M", "BTCUSDT", "kline_1M"),
        ("btcusdt@trade", "BTCUSDT", "trade"),
        ("btcusdt@aggTrade", "BTCUSDT", "trade"),
        ("btcusdt@depth", "BTCUSDT", "depth"),
        ("btcusdt@depth@100ms", "BTCUSDT", "depth"),
        ("btcusdt@depth20@1000ms", "BTCUSDT", "depth"),
        ("btcusdt@ticker", "BTCUSDT", "ticker"),
        ("btcusdt@miniTicker", "BTCUSDT", "ticker"),
        ("btcusdt@bookTicker", "BTCUSDT", "bookTicker"),
        ("!ticker@arr", None, "ticker"),
        ("!bookTicker", None, "bookTicker"),
    ],
)
def test_the_streams_that_there_are(name, symbol, source):
    """Each name is one stream of one symbol, or of all."""
    stream = parse_stream(name)
    assert stream is not None
    assert (name, symbol, source) == (stream.name, stream.symbol, stream.source)


@pytest.mark.parametrize("name", ["", "0", "BTCUSDT@trade", "btcusdt@kline_7m", "btcusdt@depth7", "btcusdt", "@trade"])
def test_other_names_are_no_streams(name):
    """Upper case, intervals and sizes that there are not, and the numbers that clients put into the address."""
    assert parse_stream(name) is None


@given(st.text(max_size=40))
def test_any_text_is_a_stream_or_none(text):
    """Nothing that a client sends as a name breaks the venue."""
    stream = parse_stream(text)
    assert stream is None or stream.name == text
