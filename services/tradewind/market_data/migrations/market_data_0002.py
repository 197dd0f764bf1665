"""The filters of every pair that a bot ever traded: what it holds of one is looked after also without its manifest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "market_data_0002"
down_revision = "market_data_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "market_data_instruments",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("quote", sa.String(), nullable=False),
        sa.Column("price_tick", sa.String(), nullable=False),
        sa.Column("amount_step", sa.String(), nullable=False),
        sa.Column("minimum_amount", sa.String(), nullable=False),
        sa.Column("minimum_notional", sa.String(), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("bot", "pair"),
    )
