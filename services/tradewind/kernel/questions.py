"""What one service asks another, by name: the types of each answer, so that it can go over a wire and come back whole.

In one process a question is a function call and these types are what a reader looks up. Between processes the answer
travels as MessagePack and is decoded into the type that stands here: exact money stays `Decimal`, a series of candles
stays arrays. A question that is not in the table is asked by nobody. What is made of arrays is named by a string, so
that a process which asks for none loads no library of arrays.
"""

from __future__ import annotations

import importlib
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

import msgspec

from tradewind.contracts.messages import StrategyEvaluated
from tradewind.domain.callbacks import Reply
from tradewind.domain.instrument import Instrument
from tradewind.domain.order import Order
from tradewind.domain.position import Position
from tradewind.domain.trade import ClosedTrade
from tradewind.kernel.budgets import BudgetState
from tradewind.kernel.resilience import DependencyState


class State(TypedDict):
    """The lifecycle of a service, why it does not do its work, and how many batches have failed.

    `dependencies` are what its process calls, `budgets` what it may ask of exchanges; one of before they were told has
    none.
    """

    state: str
    reasons: dict[str, str]
    failures: int
    dependencies: NotRequired[dict[str, DependencyState]]
    budgets: NotRequired[dict[str, BudgetState]]


class Progress(TypedDict):
    """How far market data is; times in milliseconds of market time but `interval` and `since`: wall seconds."""

    ended: bool
    time: int | None
    interval: float | None
    since: float | None
    trouble: dict[str, str]


class Snapshot(TypedDict):
    """The account as portfolio has it, up to the event numbered `sequence`. Money in its currency, drift a ratio."""

    sequence: int
    balances: dict[str, Decimal]
    positions: list[Position]
    traceparents: dict[str, str | None]
    equity: Decimal
    equity_peak: Decimal
    day_start_equity: Decimal
    drift: Decimal


class OpenOrders(TypedDict):
    """The open orders up to the event numbered `sequence`, and the pairs of positions without their stop."""

    sequence: int
    orders: list[Order]
    bare: list[str]


class Trading(TypedDict, total=False):
    """What of the engine's state others look at; it answers with more."""

    state: str
    reason: str
    openPositions: int


ANSWERS: dict[tuple[str, str], Any] = {
    ("market-data", "instruments"): dict[str, Instrument],
    ("market-data", "known_instruments"): dict[str, Instrument],
    ("market-data", "series"): "tradewind.domain.series:CandleSeries",
    ("market-data", "closes"): dict[str, float],
    ("market-data", "closes_by_tick"): list[tuple[int, dict[str, float]]],
    ("market-data", "daily_closes"): dict[str, dict[int, float]],
    ("market-data", "progress"): Progress,
    ("market-data", "settled"): int | None,
    ("portfolio", "snapshot"): Snapshot,
    ("portfolio", "trades"): list[ClosedTrade],
    ("execution", "open_orders"): OpenOrders,
    ("execution", "cancel_everything"): tuple[int, list[str]],
    ("strategy", "stances"): list[StrategyEvaluated],
    ("strategy", "callbacks"): list[str],
    ("strategy", "callback"): Reply,
    ("engine", "status"): Trading,
}
"""Service and question -> the type of its answer. `state` is answered by every service."""


def answer_type(service: str, question: str) -> Any:
    """The type of an answer; `KeyError` for what is not in the table."""
    kind = State if question == "state" else ANSWERS[service, question]
    if isinstance(kind, str):
        module, _, name = kind.partition(":")
        return getattr(importlib.import_module(module), name)
    return kind


def encode_answer(answer: Any) -> bytes:
    """An answer as MessagePack."""
    return msgspec.msgpack.encode(answer, enc_hook=_plain)


def decode_answer(service: str, question: str, data: bytes) -> Any:
    """What `encode_answer` was given, in the types of the table; raises `msgspec.ValidationError` for anything else."""
    return msgspec.msgpack.decode(data, type=answer_type(service, question), dec_hook=_typed)


def _plain(value: Any) -> Any:
    kind = type(value)
    if (kind.__module__, kind.__name__) == ("numpy", "ndarray"):
        return [value.dtype.str, value.tobytes()]
    raise NotImplementedError(f"{kind.__name__} does not go over a wire")


def _typed(kind: Any, value: Any) -> Any:
    import numpy as np  # noqa: PLC0415  (only who asks for a series has arrays)

    if kind is np.ndarray or getattr(kind, "__origin__", None) is np.ndarray:
        return np.frombuffer(value[1], dtype=value[0])
    raise NotImplementedError(f"{kind} does not come over a wire")
