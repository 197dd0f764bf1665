"""Whole results of Backtests in the database: written by the last pod of a Job, read by the bots of the same namespace.

A row is of a name, not of a resource: the result of a Backtest that was deleted and made again under its name takes
the place of the former one. It stays when its resource goes, until somebody deletes it here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from tradewind.kernel.store.base import Store, Write
from tradewind.portfolio.tables import backtests

_AT_ONCE = 31
"""How many others may write the same row at once: the pods of one Backtest."""
_TRADES, _NEXT = '"trades": [', ", "


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of one Backtest in short; `time` is when it was written, milliseconds UTC."""

    name: str
    uid: str
    time: int
    headline: Mapping[str, Any]


async def record_backtest(store: Store, key: str, uid: str, time: int, document: Mapping[str, Any]) -> None:
    """Keep the result of the Backtest `key` (`namespace/name`); `document` is as `tradewind backtest -o json` has it.

    Doing it twice leaves one row, at once too: two pods may find that a search is complete.
    """
    row = {
        "bot": key,
        "uid": uid,
        "recorded_at": time,
        "headline": json.dumps(headline_of(document), ensure_ascii=False),
        "document": json.dumps(document, ensure_ascii=False),
    }
    writes = [Write(delete(backtests).where(backtests.c.bot == key)), Write(insert(backtests), row)]
    for _ in range(_AT_ONCE):
        # Of two that insert at once the other one was first; its row is there now to be deleted.
        with contextlib.suppress(IntegrityError):
            return await store.commit(writes)
    return await store.commit(writes)


def headline_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a list tells of a result."""
    metrics = document["metrics"]
    whole = ("start", "end", "timeframe", "currency", "candles", "startBalance", "endBalance")
    return {
        **{name: document[name] for name in whole},
        "trades": len(document["trades"]),
        "profit": metrics["profit"],
        "maxDrawdownRatio": metrics["wallet"]["maxDrawdownRatio"],
        "sharpe": metrics["wallet"]["sharpe"],
    }


def recorded(connection: Connection, namespace: str) -> list[Recorded]:
    """All of a namespace, the newest first."""
    columns = (backtests.c.bot, backtests.c.uid, backtests.c.recorded_at, backtests.c.headline)
    begins = backtests.c.bot.startswith(f"{namespace}/", autoescape=True)
    rows = connection.execute(select(*columns).where(begins).order_by(backtests.c.recorded_at.desc(), backtests.c.bot))
    return [Recorded(row.bot.partition("/")[2], row.uid, row.recorded_at, json.loads(row.headline)) for row in rows]


def document_of(connection: Connection, key: str) -> str | None:
    """The whole result as JSON; None where there is none."""
    found = connection.execute(select(backtests.c.document).where(backtests.c.bot == key)).scalar_one_or_none()
    return None if found is None else str(found)


def trades_of(document: str) -> Iterator[dict[str, Any]]:
    """The closed trades of a whole result as `record_backtest` has written it, one after the other.

    Parsed as one piece, a hundred thousand of them hold the interpreter for a quarter of a second, in whatever thread.
    """
    decoder = json.JSONDecoder()
    # What stands before it are names and numbers of a schema, which have no quotes in them.
    place = document.index(_TRADES) + len(_TRADES)
    while document[place] != "]":
        trade, place = decoder.raw_decode(document, place)
        yield trade
        if document.startswith(_NEXT, place):
            place += len(_NEXT)


async def forget_backtest(store: Store, key: str) -> None:
    """Delete the result."""
    await store.commit([Write(delete(backtests).where(backtests.c.bot == key))])
