"""What an account at a real exchange needs: until when an order stands on the wall clock, and where the bot began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "execution_0002"
down_revision = "execution_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.add_column("execution_orders", sa.Column("expires_wall", sa.Float(), nullable=True))
    op.create_table(
        "execution_openings",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "account", "currency"),
    )
    op.create_table(
        "execution_trade_marks",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "account", "pair"),
    )
