"""What became of every order of a run: the questions of the simulation, asked of real books.

The words are those of `tests.simulation.invariants`, and so are the questions; here they are answered by PostgreSQL and
by the public calls of the venue, when nobody does anything any more. They are sorted into the columns of the table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, func, select
from tests.faults.venue import Books
from tests.simulation.invariants import Invariants

from tradewind.domain.order import OrderState
from tradewind.execution.tables import fills, order_states, orders
from tradewind.kernel.store.marks import delivery_marks
from tradewind.kernel.store.outbox import outbox


@dataclass(slots=True)
class Findings:
    """How many orders were sent at least once, and what does not hold, a line for each."""

    sent: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        """Everything that does not hold."""
        return [*self.lost, *self.duplicated, *self.missed, *self.unequal]


class Comparison(Invariants):
    """The bot's tables beside the venue's books. All messages are in the outbox: a run has fewer than always stay."""

    stored = outbox

    def __init__(self, bot: str, books: Books, handled_by_portfolio: set[str]) -> None:
        """`handled_by_portfolio` are the messages that its process has handled: what changed nothing has no row yet."""
        exchange: Any = SimpleNamespace(venue=books)
        super().__init__(bot, None, exchange, lambda _: handled_by_portfolio)  # type: ignore[arg-type]
        self.taken = Counter(order.client_order_id for order in books.orders)

    def findings(self, connection: Connection) -> Findings:
        """Everything, of one snapshot."""
        ours = {row.client_order_id: row for row in connection.execute(select(orders))}
        told = connection.execute(select(fills)).all()
        here, there = self._fills(told)
        missed = sorted(there.keys() - here.keys())
        return Findings(
            sent=connection.scalar(
                select(func.count(func.distinct(order_states.c.client_order_id))).where(
                    order_states.c.state == OrderState.SUBMITTED.value
                )
            )
            or 0,
            lost=[*self._every_command(connection, ours), *self._at_the_venue(ours)],
            duplicated=list(self._duplicated(connection, ours)),
            missed=[f"fill {key} of the venue is not known: {there[key]}" for key in missed],
            unequal=[
                *self._same_orders(dict(ours)),
                *(
                    f"fill {key}: {there.get(key)} there, {one} here"
                    for key, one in here.items()
                    if there.get(key) != one
                ),
                *self._same_balances(connection, told),
                *self._same_positions(connection, ours, told),
                *self._always(connection),
                *self._protected(connection, ours, told),
                *(f"{one.id} was not handled by the portfolio" for one in self._undone(connection, ("portfolio",))),
            ],
        )

    def _gone_too_early(self, connection: Connection) -> Iterator[str]:
        trimmed = connection.scalar(select(func.max(delivery_marks.c.sequence)))
        if trimmed:
            yield f"messages up to number {trimmed} are gone, so that not every command can be asked for"

    def _duplicated(self, connection: Connection, ours: dict[str, Any]) -> Iterator[str]:
        yield from (f"{name} is {count} orders of the venue" for name, count in self.taken.items() if count > 1)
        bought: dict[str, Decimal] = defaultdict(Decimal)
        names = {(one.symbol, one.order_id): one.client_order_id for one in self._exchange.venue.orders}
        for trade in self._exchange.venue.trades:
            bought[names[trade.symbol, trade.order_id]] += trade.quantity
        for name, amount in bought.items():
            if name in ours and amount > ours[name].amount:
                yield f"{name} is an order over {ours[name].amount}, and {amount} were filled"
        live = Counter(
            (
                ours[one.client_order_id].decision_id,
                ours[one.client_order_id].leg,
                ours[one.client_order_id].position_id,
            )
            for one in self._exchange.venue.orders
            if one.is_open and one.client_order_id in ours
        )
        yield from (
            f"{leg} of {decision} is {count} live orders" for (decision, leg, _), count in live.items() if count > 1
        )
