"""Who asks, and when: API key, signature and receive window.

The signature covers exactly the bytes that were sent, so it is checked on them and not on what was read from them.
The receive window is wall clock, because an unmodified client signs with the wall clock, whatever time is simulated.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

from tradewind.sim_exchange.models import RefusalError
from tradewind.sim_exchange.wire import refusals
from tradewind.sim_exchange.wire.fields import RECEIVE_WINDOW, TIMESTAMP
from tradewind.sim_exchange.wire.parameters import Parameters

DEFAULT_WINDOW = 5_000
LONGEST_WINDOW = 60_000
AHEAD = 1_000
"""A timestamp may lie this many milliseconds in the future."""

_KEY = re.compile(rb"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one API key of the one account, and its secret."""

    api_key: str
    secret: str = field(repr=False)

    @classmethod
    def random(cls) -> Self:
        """A key and a secret that nobody else has, as long as Binance's."""
        return cls(secrets.token_hex(32), secrets.token_hex(32))

    def check_key(self, key: bytes | None) -> None:
        """Refuse a request without the key (-2014) or with another one (-2015)."""
        if key is None or not _KEY.fullmatch(key):
            raise RefusalError(-2014, "API-key format invalid.", refusals.UNAUTHORIZED)
        if not hmac.compare_digest(key, self.api_key.encode()):
            message = "Invalid API-key, IP, or permissions for action."
            raise RefusalError(-2015, message, refusals.UNAUTHORIZED)

    def check_signature(self, payload: bytes, signature: str) -> None:
        """Refuse a signature that is not the HMAC-SHA256 of `payload`."""
        expected = hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode(errors="replace")):
            raise RefusalError(-1022, "Signature for this request is not valid.")


def signed_payload(query: bytes, body: bytes) -> bytes:
    """What a request's signature covers: query and body as sent, one after the other, without the signature."""
    return _unsigned(query) + _unsigned(body)


def _unsigned(form: bytes) -> bytes:
    if b"signature=" not in form:
        return form
    head, separator, tail = form.rpartition(b"&signature=")
    if separator and b"&" not in tail and b"signature=" not in head:
        return head
    return b"&".join(part for part in form.split(b"&") if not part.startswith(b"signature="))


def sorted_payload(values: dict[str, str]) -> bytes:
    """What a signature of the WebSocket API covers: the parameters by name, without the signature."""
    pairs = sorted(item for item in values.items() if item[0] != "signature")
    return "&".join(f"{name}={value}" for name, value in pairs).encode(errors="replace")


def check_window(parameters: Parameters, now: int) -> None:
    """Refuse a request that was signed too long ago, or for later; `now` is the venue's wall clock in milliseconds."""
    timestamp = parameters.need(TIMESTAMP)
    window = _window(parameters)
    if timestamp >= now + AHEAD:
        ahead = f"Timestamp for this request was {AHEAD}ms ahead of the server's time."
        raise RefusalError(-1021, ahead)
    if now - timestamp > window:
        raise RefusalError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _window(parameters: Parameters) -> int:
    value = parameters.get(RECEIVE_WINDOW)
    if value is None:
        return DEFAULT_WINDOW
    if value > LONGEST_WINDOW:
        raise RefusalError(-1131, f"recvWindow must be less than {LONGEST_WINDOW}.")
    return int(value)
