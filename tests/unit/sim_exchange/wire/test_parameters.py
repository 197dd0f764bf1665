"""Whatever a client sends becomes a value or Binance's own refusal, and never another value than was sent."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.order import TimeInForce
from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire.fields import LIMIT, SYMBOL, SYMBOLS, choice, client_order_id, flag, integer, number
from tradewind.sim_exchange.wire.parameters import Parameters, parse_form, refuse_unread


def code_of(call):
    with pytest.raises(RefusalError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-1", "+1", "1e5", "1,5", ".5", "1.", "0x10", "\uff11", "1" * 21, "1." + "1" * 21, " 1", "1\n"],
)
def test_what_is_no_plain_number_is_refused_as_illegal_characters(text):
    """A quantity is digits and a point: everything a float parser would also take is refused with -1100."""
    assert -1100 == code_of(lambda: Parameters({"quantity": text}).get(number("quantity")))


@given(st.decimals(min_value=0, max_value=10**15, places=12, allow_nan=False, allow_infinity=False))
def test_a_number_keeps_every_digit(value):
    """What was sent is what is read, to the last of twelve places."""
    assert value == Parameters({"price": f"{value:f}"}).get(number("price"))


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (lambda one: one.need(number("absent")), -1102),
        (lambda one: one.need(number("empty")), -1102),
        (lambda one: one.need(integer("absent")), -1102),
        (lambda one: one.get(client_order_id("empty")), -1105),
        (lambda one: one.get(integer("empty")), -1105),
        (lambda one: one.get(integer("word")), -1100),
        (lambda one: one.get(integer("huge")), -1100),
        (lambda one: one.get(choice("word", TimeInForce, -1115)), -1115),
        (lambda one: one.get(choice("word", TimeInForce)), -1130),
        (lambda one: one.get(flag("word")), -1100),
        (lambda one: one.get(client_order_id("long")), -1100),
        (lambda one: one.get(client_order_id("spaced")), -1100),
        (lambda one: Parameters({"symbol": "btc/usdt"}).need(SYMBOL), -1100),
        (lambda one: Parameters({"symbols": "BTCUSDT"}).get(SYMBOLS), -1100),
        (lambda one: Parameters({"limit": "0"}).rows(LIMIT), -1130),
    ],
)
def test_each_mistake_has_its_code(read, code):
    """Clients tell mistakes apart by the code."""
    sent = {"empty": "", "word": "abc", "huge": "9" * 20, "long": "a" * 37, "spaced": "a b"}

    assert code == code_of(lambda: read(Parameters(sent)))


def test_a_limit_above_the_most_is_the_most():
    """As on the real venue, asking for too many rows gives as many as there can be."""
    assert (500, 7, 1000) == tuple(Parameters(sent).rows(LIMIT) for sent in ({}, {"limit": "7"}, {"limit": "99999"}))


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), st.text(st.characters(codec="utf-8")), max_size=8
    )
)
def test_a_form_is_read_as_it_was_written(values):
    """Names and values survive the encoding of every client, whatever characters they have."""
    assert values == parse_form(urlencode(values, quote_via=quote_plus).encode(), b"")


def test_the_query_wins_over_the_form():
    """A parameter in both places is that of the query."""
    assert {"symbol": "A", "side": "BUY"} == parse_form(b"symbol=A", b"symbol=B&side=BUY")


def test_a_name_twice_is_refused_and_bytes_that_are_no_text_too():
    """Of two values for one name neither is taken."""
    assert -1101 == code_of(lambda: parse_form(b"a=1&a=2", b""))
    assert -1100 == code_of(lambda: parse_form(b"a=%ff%fe", b""))
    assert -1101 == code_of(lambda: parse_form(b"&".join(b"p%d=1" % n for n in range(101)), b""))


def test_what_nobody_reads_is_refused():
    """A misspelt parameter is not silently left out: -1104 on signed calls, -1101 on public ones, with the counts."""
    sent = Parameters({"symbol": "A", "quantitiy": "1"})
    known = frozenset({"symbol", "quantity"})

    with pytest.raises(RefusalError, match="read '1' parameter\\(s\\) but was sent '2'"):
        refuse_unread(sent, known, signed=True)
    assert -1101 == code_of(lambda: refuse_unread(sent, known, signed=False))
    refuse_unread(Parameters({"symbol": "A"}), known, signed=True)


def test_symbols_are_a_json_list():
    """With or without spaces, empty or not."""
    assert [["A", "B"], ["A"], []] == [
        Parameters({"symbols": text}).get(SYMBOLS) for text in ('["A", "B"]', '["A"]', "[]")
    ]
    assert Decimal(1) == Parameters({"x": "1.000"}).get(number("x"))
