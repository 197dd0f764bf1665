"""Alembic's entry: run the revisions on the connection that `kernel.store.migration` hands over."""

from __future__ import annotations

from alembic import context

from tradewind.kernel.store.metadata import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
