"""What the bot's tables say while it lives, asked over a connection of one's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, func, select

from tradewind.domain.errors import TradewindError
from tradewind.domain.order import Leg, OrderState
from tradewind.execution.tables import leases, order_states, orders
from tradewind.kernel.store.outbox import outbox
from tradewind.kernel.store.postgres import PostgresStore

Result = TypeVar("Result")

_TAKEN = tuple(state.value for state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED))


class Tables:
    """The tables of the one bot in a database."""

    def __init__(self, address: str) -> None:
        self._store = PostgresStore(address)

    async def close(self) -> None:
        """Ask nothing more."""
        await self._store.close()

    async def read(self, query: Callable[[Connection], Result]) -> Result:
        """The answer to a query, of one snapshot."""
        return await self._store.read(query)

    async def has_balances(self) -> bool:
        """Whether execution has told of the account."""
        reports = select(func.count()).where(outbox.c.kind == "BalancesReported")
        return bool(await self.read(lambda connection: connection.scalar(reports)))

    async def epoch(self) -> int:
        """How often the account was taken over."""
        return await self.read(lambda connection: connection.scalar(select(func.max(leases.c.epoch)))) or 0

    async def state_of(self, name: str) -> str:
        """The state of an order; empty where there is none."""
        state = select(orders.c.state).where(orders.c.client_order_id == name)
        return str(await self.read(lambda connection: connection.scalar(state)) or "")

    async def resting_legs(self) -> list[str]:
        """The stops and targets that rest at the venue."""
        legs = select(orders.c.client_order_id).where(
            orders.c.state == OrderState.ACCEPTED.value, orders.c.leg.in_([Leg.STOP.value, Leg.TARGET.value])
        )
        return list(await self.read(lambda connection: connection.scalars(legs).all()))

    async def first_accepted(self, moment: float) -> float | None:
        """When the first order was known to be taken that was new after a moment; seconds since the epoch."""
        sent = (
            select(order_states.c.client_order_id)
            .where(order_states.c.state == OrderState.SUBMITTED.value)
            .group_by(order_states.c.client_order_id)
            .having(func.min(order_states.c.occurred_at) >= moment)
        )
        taken = select(func.min(order_states.c.occurred_at)).where(
            order_states.c.state.in_(_TAKEN), order_states.c.client_order_id.in_(sent)
        )
        with contextlib.suppress(TradewindError):
            return await self.read(lambda connection: connection.scalar(taken))
        return None
