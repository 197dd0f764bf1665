"""The first tables of engine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "engine_0001"
down_revision = None
branch_labels = ("engine",)
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "engine_decisions",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("pair", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("amount", sa.String(), nullable=True),
        sa.Column("gates", sa.LargeBinary(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "decision_id"),
    )
    op.create_index("engine_decisions_time", "engine_decisions", ["bot", "time"], unique=False)
    op.create_table(
        "engine_state",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("trading", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("decided_time", sa.BigInteger(), nullable=False),
        sa.Column("decided_final", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bot"),
    )
