"""The bench of the stores measures what a bot writes: the rows of both sides are the ledger's own, one for one."""

from __future__ import annotations

import asyncpg
from bench import stores
from bench.measured import Figure

from tradewind.contracts.messages import decode

OWN = {
    "bot",
    "account",
    "occurred_at",
    "signed_at",
    "traceparent",
    "client_order_id",
    "position_id",
    "decision_id",
    "order_group",
}
"""What differs between two bots and two moments."""


async def rows(connection, table, bot, order):
    found = await connection.fetch(f"SELECT * FROM {table} WHERE bot = $1 ORDER BY {order}", bot)
    return [{name: value for name, value in row.items() if name not in OWN} for row in found]


async def test_both_sides_write_the_rows_of_the_ledger(postgres_url, monkeypatch):
    """Orders, their history, fills and messages: as many of one side as of the other, and the same but for its name."""
    monkeypatch.setattr(stores, "POSITIONS", 2)
    monkeypatch.setattr(stores, "EVENTS", 12)
    monkeypatch.setattr(stores, "CANDLES", 50)
    figures = await stores.measure(postgres_url, 1)
    assert [one.name for one in figures if isinstance(one, Figure) and one.goal] == [
        "order event: ratio",
        "candles by COPY: ratio",
    ]
    connection = await asyncpg.connect(postgres_url)
    try:
        for table, order, each in (("execution_orders", "number", 3), ("execution_order_states", "time, state", 12)):
            ours, bare = [await rows(connection, table, f"default/{side}", order) for side in ("store", "hand")]
            assert ours == bare
            assert len(ours) == 4 * each, "two turns of two positions: an entry, a stop and a target of each"
        told = {}
        for side in ("store", "hand"):
            assert (
                await connection.fetchval("SELECT count(*) FROM execution_fills WHERE bot = $1", f"default/{side}") == 8
            )
            assert (
                await connection.fetchval("SELECT count(*) FROM market_data_candles WHERE bot = $1", f"default/{side}")
                == 100
            )
            found = await connection.fetch(
                "SELECT kind, payload FROM outbox WHERE bot = $1 ORDER BY sequence", f"default/{side}"
            )
            told[side] = [(row["kind"], decode(row["kind"], row["payload"]).sequence) for row in found]
        assert told["store"] == told["hand"]
        assert {kind for kind, _ in told["store"]} == {"OrderStateChanged", "OrderFilled"}
    finally:
        await connection.close()
