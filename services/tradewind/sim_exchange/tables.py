"""Tables of the simulated exchange: the venue's own ledger, apart from what the bot believes. Keyed by account."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, String, Table, select

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.timeframe import bucket_start
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.types import DecimalText

accounts = Table(
    "sim_exchange_accounts",
    METADATA,
    Column("account", String, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("execution_id", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
)

balances = Table(
    "sim_exchange_balances",
    METADATA,
    Column("account", String, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("total", DecimalText, nullable=False),
)

markets = Table(
    "sim_exchange_markets",
    METADATA,
    Column("account", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("candle_time", BigInteger, nullable=False),
    Column("consumed", DecimalText, nullable=False),
)

orders = Table(
    "sim_exchange_orders",
    METADATA,
    Column("account", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("order_id", BigInteger, primary_key=True),
    Column("client_order_id", String, nullable=False),
    Column("order_list_id", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("side", String, nullable=False),
    Column("type", String, nullable=False),
    Column("time_in_force", String, nullable=False),
    Column("quantity", DecimalText, nullable=False),
    Column("quote_quantity", DecimalText, nullable=False),
    Column("price", DecimalText, nullable=False),
    Column("stop_price", DecimalText, nullable=False),
    Column("executed_quantity", DecimalText, nullable=False),
    Column("executed_quote", DecimalText, nullable=False),
    Column("status", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("working_time", BigInteger, nullable=False),
    Column("is_working", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("on_path", Boolean, nullable=False),
    Column("triggered", Boolean, nullable=False),
    Column("rested", Boolean, nullable=False),
    Column("withheld", DecimalText, nullable=False),
    Column("quote_amount", DecimalText),
)

trades = Table(
    "sim_exchange_trades",
    METADATA,
    Column("account", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("trade_id", BigInteger, primary_key=True),
    Column("order_id", BigInteger, nullable=False),
    Column("order_list_id", BigInteger, nullable=False),
    Column("price", DecimalText, nullable=False),
    Column("quantity", DecimalText, nullable=False),
    Column("quote_quantity", DecimalText, nullable=False),
    Column("commission", DecimalText, nullable=False),
    Column("commission_asset", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("is_buyer", Boolean, nullable=False),
    Column("is_maker", Boolean, nullable=False),
)

order_lists = Table(
    "sim_exchange_order_lists",
    METADATA,
    Column("account", String, primary_key=True),
    Column("order_list_id", Integer, primary_key=True),
    Column("symbol", String, nullable=False),
    Column("list_client_order_id", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("first_order_id", BigInteger, nullable=False),
    Column("second_order_id", BigInteger, nullable=False),
    Column("is_done", Boolean, nullable=False),
)


def latest_time(connection: Connection, bot: TradingBot) -> int | None:
    """The tick that the venue is in, or whose candles it has walked to their end; None before the first."""
    time = connection.scalar(select(accounts.c.time).where(accounts.c.account == bot.key))
    return None if time is None else bucket_start(bot.spec.timeframe, time - 1)
