"""The first tables of execution."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "execution_0001"
down_revision = None
branch_labels = ("execution",)
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "execution_fills",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("trade_id", sa.String(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("fee", sa.String(), nullable=False),
        sa.Column("fee_currency", sa.String(), nullable=False),
        sa.Column("maker", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "account", "pair", "trade_id"),
    )
    op.create_table(
        "execution_leases",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "execution_order_states",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "account", "client_order_id", "version"),
    )
    op.create_table(
        "execution_orders",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("leg", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=True),
        sa.Column("stop_price", sa.String(), nullable=True),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("order_group", sa.String(), nullable=True),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("filled", sa.String(), nullable=False),
        sa.Column("cost", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_time", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("stop_loss", sa.String(), nullable=True),
        sa.Column("take_profit", sa.String(), nullable=True),
        sa.Column("signed_at", sa.Float(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("wanted_stop_price", sa.String(), nullable=True),
        sa.Column("external", sa.Boolean(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("bot", "account", "client_order_id"),
    )
    op.create_table(
        "paper_balances",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "currency"),
    )
    op.create_table(
        "paper_clocks",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("consumed", sa.String(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "pair"),
    )
    op.create_table(
        "paper_orders",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("filled", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=True),
        sa.Column("stop_price", sa.String(), nullable=True),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("order_group", sa.String(), nullable=True),
        sa.Column("triggered", sa.Boolean(), nullable=False),
        sa.Column("rested", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("on_path", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "client_order_id"),
    )
