"""The first table of market-data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "market_data_0001"
down_revision = None
branch_labels = ("market_data",)
depends_on = None


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "market_data_candles",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("open_time", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Float(53), nullable=False),
        sa.Column("high", sa.Float(53), nullable=False),
        sa.Column("low", sa.Float(53), nullable=False),
        sa.Column("close", sa.Float(53), nullable=False),
        sa.Column("volume", sa.Float(53), nullable=False),
        sa.Column("traded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "pair", "open_time"),
    )
