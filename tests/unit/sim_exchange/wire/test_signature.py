"""The signature covers the bytes that were sent, and the receive window is kept to the millisecond."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire.parameters import Parameters
from tradewind.sim_exchange.wire.signature import Credentials, check_window, signed_payload, sorted_payload

NOW = 1_700_000_000_000
CREDENTIALS = Credentials("k" * 64, "s" * 64)


def sign(payload: bytes) -> str:
    return hmac.new(CREDENTIALS.secret.encode(), payload, hashlib.sha256).hexdigest()


def code_of(call):
    with pytest.raises(RefusalError) as caught:
        call()
    return caught.value.code


FORMS = st.lists(st.sampled_from([b"symbol=A", b"x=%20", b"y=", b"z=a+b", b"recvWindow=5"]), max_size=4, unique=True)


@given(FORMS, FORMS, st.booleans())
def test_a_signature_holds_for_exactly_what_was_sent(query, body, in_body):
    """Query and body one after the other, the signature in either; one byte more or less and it does not hold."""
    query, body = b"&".join(query), b"&".join(body)
    signature = sign(query + body)
    appended = b"signature=" + signature.encode()
    if in_body:
        sent = (query, body + b"&" + appended if body else appended)
    else:
        sent = (query + b"&" + appended if query else appended, body)

    assert query + body == signed_payload(*sent)
    CREDENTIALS.check_signature(signed_payload(*sent), signature)
    assert -1022 == code_of(lambda: CREDENTIALS.check_signature(signed_payload(*sent) + b" ", signature))


def test_a_signature_may_stand_anywhere():
    """Also before other parameters, as some clients send it."""
    assert b"a=1&b=2" == signed_payload(b"a=1&signature=00&b=2", b"")
    assert b"a=1" == signed_payload(b"signature=00&a=1", b"")


def test_the_websocket_api_signs_sorted_parameters():
    """By name, without the signature, as plain text."""
    assert b"apiKey=k&symbol=A&timestamp=1" == sorted_payload(
        {"timestamp": "1", "symbol": "A", "signature": "x", "apiKey": "k"}
    )


@pytest.mark.parametrize(
    ("age", "window", "fits"),
    [
        (0, None, True),
        (5_000, None, True),
        (5_001, None, False),
        (60_000, "60000", True),
        (101, "100", False),
        (-999, None, True),
        (-1_000, None, False),
    ],
)
def test_the_window_ends_at_its_last_millisecond(age, window, fits):
    """A request may be as old as its window and less than a second early."""
    sent = {"timestamp": str(NOW - age), **({"recvWindow": window} if window else {})}
    if fits:
        check_window(Parameters(sent), NOW)
    else:
        assert -1021 == code_of(lambda: check_window(Parameters(sent), NOW))


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, -1102),
        ({"timestamp": ""}, -1102),
        ({"timestamp": "soon"}, -1100),
        ({"timestamp": str(NOW), "recvWindow": "60001"}, -1131),
        ({"timestamp": str(NOW), "recvWindow": "-1"}, -1100),
    ],
)
def test_a_broken_time_is_refused_as_what_it_is(sent, code):
    """No timestamp is not a stale one."""
    assert code == code_of(lambda: check_window(Parameters(sent), NOW))


def test_keys():
    """No key and another key are different mistakes."""
    assert -2014 == code_of(lambda: CREDENTIALS.check_key(None))
    assert -2014 == code_of(lambda: CREDENTIALS.check_key("schlüssel".encode()))
    assert -2015 == code_of(lambda: CREDENTIALS.check_key(b"K" * 64))
    CREDENTIALS.check_key(b"k" * 64)
    assert "s" * 64 not in repr(CREDENTIALS)
    assert Credentials.random() != Credentials.random()
