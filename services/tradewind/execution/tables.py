"""Tables of execution. Keyed by bot and account; the history of states is only ever appended to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Table

from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.types import DecimalText

orders = Table(
    "execution_orders",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("client_order_id", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("decision_id", String, nullable=False),
    Column("position_id", String, nullable=False),
    Column("leg", String, nullable=False),
    Column("pair", String, nullable=False),
    Column("side", String, nullable=False),
    Column("type", String, nullable=False),
    Column("amount", DecimalText, nullable=False),
    Column("price", DecimalText),
    Column("stop_price", DecimalText),
    Column("time_in_force", String, nullable=False),
    Column("post_only", Boolean, nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("order_group", String),
    Column("tag", String, nullable=False),
    Column("state", String, nullable=False),
    Column("filled", DecimalText, nullable=False),
    Column("cost", DecimalText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_time", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("stop_loss", DecimalText),
    Column("take_profit", DecimalText),
    Column("signed_at", Float),
    Column("cancel_requested", Boolean, nullable=False),
    Column("wanted_stop_price", DecimalText),
    Column("external", Boolean, nullable=False),
    Column("traceparent", String),
    Column("expires_wall", Float),
)

order_states = Table(
    "execution_order_states",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("client_order_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("occurred_at", Float, nullable=False),
    Column("reason", String, nullable=False),
)

fills = Table(
    "execution_fills",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("pair", String, primary_key=True),
    Column("trade_id", String, primary_key=True),
    Column("client_order_id", String, nullable=False),
    Column("side", String, nullable=False),
    Column("amount", DecimalText, nullable=False),
    Column("price", DecimalText, nullable=False),
    Column("fee", DecimalText, nullable=False),
    Column("fee_currency", String, nullable=False),
    Column("maker", Boolean, nullable=False),
    Column("time", BigInteger, nullable=False),
)

leases = Table(
    "execution_leases",
    METADATA,
    Column("account", String, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("holder", String, nullable=False),
)

openings = Table(
    "execution_openings",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("total", DecimalText, nullable=False),
)
"""What an account held when the bot first saw it, beside the money of the bot: that is nobody's business here."""

trade_marks = Table(
    "execution_trade_marks",
    METADATA,
    Column("bot", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("pair", String, primary_key=True),
    Column("mark", BigInteger, nullable=False),
)
"""Up to where the account's trades in a pair are known, as the venue counts them."""

# ------------------------------------------------------------------------------ the paper venue's own book and ledger

paper_orders = Table(
    "paper_orders",
    METADATA,
    Column("account", String, primary_key=True),
    Column("client_order_id", String, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("pair", String, nullable=False),
    Column("side", String, nullable=False),
    Column("type", String, nullable=False),
    Column("amount", DecimalText, nullable=False),
    Column("filled", DecimalText, nullable=False),
    Column("price", DecimalText),
    Column("stop_price", DecimalText),
    Column("time_in_force", String, nullable=False),
    Column("post_only", Boolean, nullable=False),
    Column("order_group", String),
    Column("triggered", Boolean, nullable=False),
    Column("rested", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("on_path", Boolean, nullable=False),
    Column("state", String, nullable=False),
)

paper_balances = Table(
    "paper_balances",
    METADATA,
    Column("account", String, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("total", DecimalText, nullable=False),
)

paper_clocks = Table(
    "paper_clocks",
    METADATA,
    Column("account", String, primary_key=True),
    Column("pair", String, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("phase", String, nullable=False),
    Column("consumed", DecimalText, nullable=False),
    Column("trades", Integer, nullable=False),
)
