"""What became of every order: the bot's tables beside the books of its exchange.

The questions are those of the fault campaign (`tests/faults`), for a bot that goes on trading meanwhile. So what is on
its way at this moment is asked again until it has arrived; what must never be, not even for a moment, is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select
from tests.faults.comparison import Comparison
from tests.node.bots import NAMESPACE, Bot

from tradewind.execution.tables import fills, orders

PATIENCE = 120.0


class Audit(Comparison):
    """The orders of one bot of several that share a database."""

    def problems(self, connection: Connection) -> tuple[list[str], list[str]]:
        """What is doubled, and what does not agree (yet)."""
        ours = {row.client_order_id: row for row in connection.execute(select(orders).where(orders.c.bot == self._bot))}
        known = {
            (row.client_order_id, row.trade_id)
            for row in connection.execute(select(fills).where(fills.c.bot == self._bot))
        }
        unlike = [*self._at_the_venue(ours), *self._same_orders(dict(ours)), *self._unknown_trades(known)]
        return list(self._duplicated(connection, ours)), unlike

    def _unknown_trades(self, known: set[tuple[str, str]]) -> Iterator[str]:
        names = {(one.symbol, one.order_id): one.client_order_id for one in self._orders()}
        for one in self._exchange.venue.trades:
            key = (names[one.symbol, one.order_id], str(one.trade_id))
            if key not in known:
                yield f"fill {key} of the exchange is not known"

    def _orders(self) -> list[Any]:
        return list(self._exchange.venue.orders)


def orders_agree(bot: Bot, more_than: int = 0) -> int:
    """How many orders the exchange has of the bot, when more than `more_than` and each is where it has to be.

    Raises `AssertionError` for one that is doubled, and for one that is lost or not told of within two minutes.
    """
    seen: list[str] = []
    count = 0

    def holds() -> bool:
        nonlocal seen, count
        # The exchange first: what it has, the tables must have, and had before it.
        audit = Audit(f"{NAMESPACE}/{bot.name}", bot.books(), set())
        doubled, seen = bot.read(audit.problems)
        count = len(audit.taken)
        assert not doubled, doubled
        return not seen and count > more_than

    try:
        bot.node.wait_until(f"every order of {bot.name} is where it has to be, and there are more", holds, PATIENCE)
    except Exception as error:
        raise AssertionError(f"{count} orders, more than {more_than} awaited; {seen}") from error
    return count
