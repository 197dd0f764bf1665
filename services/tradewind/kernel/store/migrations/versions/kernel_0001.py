"""The first tables of kernel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "kernel_0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "inbox",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "service", "message_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("publisher", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "message_id"),
    )
    op.create_index("outbox_sequence", "outbox", ["bot", "topic", "sequence"], unique=True)
