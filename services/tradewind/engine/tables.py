"""Tables of the engine."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table

from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.types import DecimalText

decisions = Table(
    "engine_decisions",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("decision_id", String, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("pair", String, nullable=False),
    Column("action", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("amount", DecimalText),
    Column("gates", LargeBinary, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Index("engine_decisions_time", "bot", "time"),
)

state = Table(
    "engine_state",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("trading", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("decided_time", BigInteger, nullable=False),
    Column("decided_final", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)
