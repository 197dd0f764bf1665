"""Tables of market-data: the candles of an exchange, as the bot saw them, and the filters of what it ever traded.

A recording is its own store. The candles of an exchange are not: an exchange corrects them, keeps only the last few
hundred, and told one of them too late to be traded on. A resumed bot stands on what it saw. Filters are kept because a
pair that is taken off the manifest may still be held, and what is held is still to be sold.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, String, Table

from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.types import DecimalText

candles = Table(
    "market_data_candles",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("pair", String, primary_key=True),
    Column("open_time", BigInteger, primary_key=True),
    Column("open", Float(53), nullable=False),
    Column("high", Float(53), nullable=False),
    Column("low", Float(53), nullable=False),
    Column("close", Float(53), nullable=False),
    Column("volume", Float(53), nullable=False),
    # False for what was there before the bot began: strategies see it, nobody traded on it.
    Column("traded", Boolean, nullable=False),
)

instruments = Table(
    "market_data_instruments",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("pair", String, primary_key=True),
    Column("base", String, nullable=False),
    Column("quote", String, nullable=False),
    Column("price_tick", DecimalText, nullable=False),
    Column("amount_step", DecimalText, nullable=False),
    Column("minimum_amount", DecimalText, nullable=False),
    Column("minimum_notional", DecimalText, nullable=False),
    # The tick at which the bot stood when it was started without the pair; none while it is traded.
    Column("left_at", BigInteger),
)
