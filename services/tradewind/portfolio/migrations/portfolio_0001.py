"""The first tables of portfolio."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "portfolio_0001"
down_revision = None
branch_labels = ("portfolio",)
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "portfolio_ledger",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "number", "currency"),
    )
    op.create_table(
        "portfolio_positions",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("open_time", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("bought", sa.String(), nullable=False),
        sa.Column("sold", sa.String(), nullable=False),
        sa.Column("spent", sa.String(), nullable=False),
        sa.Column("received", sa.String(), nullable=False),
        sa.Column("fees", sa.String(), nullable=False),
        sa.Column("quote_fees", sa.String(), nullable=False),
        sa.Column("entry_tag", sa.String(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=True),
        sa.Column("close_time", sa.BigInteger(), nullable=True),
        sa.Column("exit_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("bot", "position_id"),
    )
