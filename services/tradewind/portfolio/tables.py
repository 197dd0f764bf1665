"""Tables of portfolio. The ledger is append-only: a balance is the sum of its changes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.types import DecimalText

ledger = Table(
    "portfolio_ledger",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("change", DecimalText, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("reference", String, nullable=False),
)

positions = Table(
    "portfolio_positions",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("position_id", String, primary_key=True),
    Column("pair", String, nullable=False),
    Column("open_time", BigInteger, nullable=False),
    Column("amount", DecimalText, nullable=False),
    Column("bought", DecimalText, nullable=False),
    Column("sold", DecimalText, nullable=False),
    Column("spent", DecimalText, nullable=False),
    Column("received", DecimalText, nullable=False),
    Column("fees", DecimalText, nullable=False),
    Column("quote_fees", DecimalText, nullable=False),
    Column("entry_tag", String, nullable=False),
    Column("traceparent", String),
    Column("close_time", BigInteger),
    Column("exit_reason", String),
)

backtests = Table(
    "portfolio_backtests",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("uid", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("headline", String, nullable=False),
    Column("document", String, nullable=False),
)
"""Whole results of Backtests, one of each name; `bot` is the Backtest's own `namespace/name`, both texts are JSON."""
