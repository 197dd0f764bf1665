"""A person's word about an order of which nobody can know by asking: `semantics` section 6.

An exchange that bounds how late it takes a request makes absence certain in the end: there the bot decides by itself.
One without such a bound may still take the order tomorrow, so the bot asks for ever and sends nothing; a person who has
looked at the exchange's own page may say that the order never arrived. It is then what an order is that the exchange
itself refused to look at: sent again, with the same id, where its decision still stands, and ended where not.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from tradewind.domain.errors import NotFoundError, PermanentError, TemporaryError
from tradewind.domain.order import Order, OrderState
from tradewind.execution.adoption import NEVER_TAKEN
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.ports import Venue, VenueRefusalError
from tradewind.execution.records import OrderRecord
from tradewind.execution.sender import Sender
from tradewind.execution.tables import order_states
from tradewind.execution.venue_call import VenueSilentError, call_venue, circuit_of
from tradewind.kernel.service import Context

SOONEST = 120.0
"""Seconds after an order was sent before anybody can say that it never arrived."""

_ARRIVED = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


class Verdict:
    """Takes such words for the orders of one account."""

    def __init__(self, context: Context, ledger: OrderLedger, venue: Venue, sender: Sender) -> None:
        self._context, self._ledger, self._venue, self._sender = context, ledger, venue, sender
        self._circuit = circuit_of(context, venue)

    async def never_arrived(self, client_order_id: str, actor: str, reason: str) -> OrderRecord:
        """Hear that the venue never got an order; the order as it is then, which may be found after all.

        Raises `NotFoundError` for one that is not open, `PermanentError` for one of which it cannot be so, and
        `TemporaryError` where it is too early or the venue does not answer.
        """
        record = self._ledger.records.get(client_order_id)
        if record is None or not record.order.is_open:
            raise NotFoundError(f"no open order {client_order_id}; GET /api/v1/orders lists them")
        await self._refuse_what_cannot_be(record)
        try:
            call = call_venue(lambda: self._venue.find(record.order), self._sender.call_timeout, circuit=self._circuit)
            found = await call
        except (VenueSilentError, VenueRefusalError) as error:
            raise TemporaryError(f"the exchange does not say whether it has {client_order_id}: {error}") from error
        if found is None:
            async with self._context.unit() as unit:
                present = self._ledger.records.get(client_order_id, record)
                if _is_same(present.order, record.order):
                    order = replace(present.order, version=present.order.version + 1)
                    told = replace(present, order=order, signed_at=NEVER_TAKEN)
                    self._ledger.change(told, unit, f"never arrived, says {actor}: {reason}")
                    self._ledger.guard(unit)
                    self._context.log.warning("order said lost", client_order_id=client_order_id, actor=actor)
        self._sender.on_work()
        return self._ledger.records.get(client_order_id, record)

    async def _refuse_what_cannot_be(self, record: OrderRecord) -> None:
        order, bound = record.order, self._venue.resend_after
        if order.state is not OrderState.UNKNOWN:
            raise PermanentError(f"order {order.client_order_id} is {order.state.value}, so its outcome is known")
        if bound is not None:
            raise PermanentError(
                f"the exchange takes no request that is older than {bound:.0f} s, so the bot decides by itself "
                f"about {order.client_order_id} once the exchange answers"
            )

        def read(connection: Connection) -> list[str]:
            mine = (
                order_states.c.bot == self._context.key,
                order_states.c.account == self._ledger.account,
                order_states.c.client_order_id == order.client_order_id,
            )
            return list(connection.scalars(select(order_states.c.state).where(*mine)))

        if order.filled or {state.value for state in _ARRIVED} & set(await self._context.store.read(read)):
            raise PermanentError(
                f"order {order.client_order_id} did arrive: the exchange accepted it; cancel it there, or wait until "
                "it is found"
            )
        waited = self._context.clock.now() - (record.signed_at or 0.0)
        if waited < SOONEST:
            left = SOONEST - waited
            words = f"order {order.client_order_id} was sent {waited:.0f} s ago and may be on its way for {left:.0f} s"
            raise TemporaryError(f"{words} yet", left)


def _is_same(present: Order, before: Order) -> bool:
    """Whether nothing was heard of it while the venue was asked."""
    return present.is_open and present.version == before.version
