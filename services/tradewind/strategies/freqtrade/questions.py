"""What is said between a bot and the process of a class: msgpack in frames, a length of eight bytes before each.

Arrays go as the bytes of their numbers. Neither side runs anything that the other sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.strategies.base import Stances
from tradewind.strategies.freqtrade.named import NamedClass

LENGTH = 8
_COLUMNS = ("open", "high", "low", "close", "volume")


class Load(msgspec.Struct, frozen=True, tag=True):
    """Load a class and let it begin."""

    named: NamedClass


class Candles(msgspec.Struct, frozen=True):
    """A series: `times` are milliseconds UTC, `columns` open, high, low, close and volume."""

    pair: str
    timeframe: str
    times: bytes
    columns: tuple[bytes, ...]


class Look(msgspec.Struct, frozen=True, tag=True):
    """Say a stance for every candle; `others` are of pairs that the class has asked for before."""

    candles: Candles
    others: tuple[Candles, ...]


class Asked(msgspec.Struct, frozen=True, tag=True):
    """A callback; of the pairs in `known` there are no later candles than those that the class has seen."""

    question: Question
    known: tuple[str, ...]


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """It has begun, and is asked these callbacks; what of it is set aside, in sentences."""

    class_name: str
    warm_up: int
    callbacks: tuple[Callback, ...]
    set_aside: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True, tag=True):
    """A side (int8) and a confidence (float64) for every candle."""

    side: bytes
    confidence: bytes


class Replied(msgspec.Struct, frozen=True, tag=True):
    """What a callback says."""

    reply: Reply


class Wanted(msgspec.Struct, frozen=True, tag=True):
    """The class asks for the candles of another pair; ask again, with these."""

    pair: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """What the user must mend, see `ConfigError`."""

    field: str
    received: str
    allowed: str
    fix: str


Request = Load | Look | Asked
Answer = Loaded | Said | Replied | Wanted | Refused

_encode = msgspec.msgpack.Encoder().encode
read_request = msgspec.msgpack.Decoder(Request).decode
read_answer = msgspec.msgpack.Decoder(Answer).decode


def framed(message: Request | Answer) -> bytes:
    """A message with its length before it."""
    body = _encode(message)
    return len(body).to_bytes(LENGTH, "big") + body


def look(candles: CandleSeries, others: Iterable[CandleSeries]) -> Look:
    """The question about `candles`."""
    return Look(_packed(candles), tuple(map(_packed, others)))


def unpacked(candles: Candles) -> CandleSeries:
    """The series of a question; nobody may write to it."""
    columns = (np.frombuffer(column, np.float64) for column in candles.columns)
    return CandleSeries(candles.pair, candles.timeframe, np.frombuffer(candles.times, np.int64), *columns)


def _packed(candles: CandleSeries) -> Candles:
    columns = tuple(_bytes(getattr(candles, name), np.float64) for name in _COLUMNS)
    return Candles(candles.pair, candles.timeframe, _bytes(candles.open_time, np.int64), columns)


def said(stances: Stances) -> Said:
    """Stances as an answer."""
    return Said(_bytes(stances.side, np.int8), _bytes(stances.confidence, np.float64))


def stances_of(answer: Said) -> Stances:
    """The stances of an answer; raises `ValueError` for what is none."""
    return Stances.held(np.frombuffer(answer.side, np.int8), np.frombuffer(answer.confidence, np.float64))


def refused(error: ConfigError) -> Refused:
    """An error as an answer."""
    return Refused(error.field, str(error.received), error.allowed, error.fix)


def error_of(answer: Refused) -> ConfigError:
    """The error of an answer."""
    return ConfigError(answer.field, answer.received, answer.allowed, answer.fix)


def _bytes(values: Any, kind: Any) -> bytes:
    return np.ascontiguousarray(values, dtype=kind).tobytes()
