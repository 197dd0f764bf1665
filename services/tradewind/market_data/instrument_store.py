"""The instruments of every pair that the bot ever traded, kept from the day on which it first did.

A pair that leaves the manifest, or that a pattern no longer matches, may still be held: its stop rests at the venue, a
fill of it may come, a person may sell it. Whoever then has to round an amount asks here what its filters were, and
what it is worth is what it was when the bot saw it last: so it is kept when that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from tradewind.domain.instrument import Instrument
from tradewind.kernel.store.base import Store, Write
from tradewind.market_data.tables import instruments

_FIELDS = tuple(Instrument.__dataclass_fields__)


class Known(NamedTuple):
    """The filters of every pair that a bot knows, and the tick after which it saw no more of those that it left."""

    instruments: dict[str, Instrument]
    left: dict[str, int]


async def keep_instruments(store: Store, bot: str, traded: Mapping[str, Instrument], now: int | None) -> Known:
    """What `bot` knows at its start at the tick `now`: those `traded` as they are now, the others as they were last.

    Writes what is new or has changed, and nothing where nothing has.
    """
    kept = await store.read(lambda connection: _read(connection, bot))
    gone = {pair: (one, at if at is not None else now) for pair, (one, at) in kept.items() if pair not in traded}
    present = {pair: (one, None) for pair, one in traded.items()} | gone
    fresh = {pair: found for pair, found in present.items() if kept.get(pair) != found}
    if fresh:
        rows = [
            {"bot": bot, "left_at": at, **{name: getattr(one, name) for name in _FIELDS}} for one, at in fresh.values()
        ]
        changed = delete(instruments).where(instruments.c.bot == bot, instruments.c.pair.in_(fresh))
        await store.commit([Write(changed), Write(insert(instruments), rows)])
    left = {pair: at for pair, (_, at) in gone.items() if at is not None}
    return Known({pair: one for pair, (one, _) in present.items()}, left)


def _read(connection: Connection, bot: str) -> dict[str, tuple[Instrument, int | None]]:
    rows = connection.execute(select(instruments).where(instruments.c.bot == bot).order_by(instruments.c.pair))
    return {row.pair: (Instrument(**{name: getattr(row, name) for name in _FIELDS}), row.left_at) for row in rows}
