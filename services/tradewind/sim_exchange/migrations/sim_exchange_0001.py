"""The first tables of the simulated exchange."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "sim_exchange_0001"
down_revision = None
branch_labels = ("sim_exchange",)
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "sim_exchange_accounts",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "sim_exchange_balances",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "currency"),
    )
    op.create_table(
        "sim_exchange_markets",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("candle_time", sa.BigInteger(), nullable=False),
        sa.Column("consumed", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
    op.create_table(
        "sim_exchange_order_lists",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("order_list_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("list_client_order_id", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("first_order_id", sa.BigInteger(), nullable=False),
        sa.Column("second_order_id", sa.BigInteger(), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_list_id"),
    )
    op.create_table(
        "sim_exchange_orders",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("order_list_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("quote_quantity", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("stop_price", sa.String(), nullable=False),
        sa.Column("executed_quantity", sa.String(), nullable=False),
        sa.Column("executed_quote", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("working_time", sa.BigInteger(), nullable=False),
        sa.Column("is_working", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("on_path", sa.Boolean(), nullable=False),
        sa.Column("triggered", sa.Boolean(), nullable=False),
        sa.Column("rested", sa.Boolean(), nullable=False),
        sa.Column("withheld", sa.String(), nullable=False),
        sa.Column("quote_amount", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("account", "symbol", "order_id"),
    )
    op.create_table(
        "sim_exchange_trades",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("trade_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_list_id", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("quote_quantity", sa.String(), nullable=False),
        sa.Column("commission", sa.String(), nullable=False),
        sa.Column("commission_asset", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("is_buyer", sa.Boolean(), nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", "trade_id"),
    )
