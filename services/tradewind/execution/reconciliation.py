"""Reconciliation: at the start, before anything is sent, our ledger learns what the venue says.

Order: open orders, trades, balances; then apply fills, then states. An order absent from the open ones proves
nothing and is asked for by its id. Orders that nobody here created become external: shown, never touched. If any
question fails, trading does not start.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradewind.contracts.messages import BalancesReported
from tradewind.domain.order import EXTERNAL, Leg, Order, OrderState, OrderType, Side, is_bot_order_id
from tradewind.execution.adoption import Adoption
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.ports import Venue, VenueFill, VenueOrder, VenueRefusalError
from tradewind.execution.records import OrderRecord
from tradewind.execution.venue_call import call_venue, circuit_of
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

CALL_TIMEOUT = 30.0
"""Seconds that one question may take: reading trades may be many requests."""

# What the venue is asked about by the sender, in its own way.
_IN_FLIGHT = (OrderState.INTENDED, OrderState.SUBMITTED, OrderState.UNKNOWN)


async def reconcile(context: Context, ledger: OrderLedger, venue: Venue) -> None:
    """Bring the ledger to the venue's truth. What was in flight becomes `Unknown`, for the sender to ask about."""
    loads = await ledger.settled()
    circuit = circuit_of(context, venue)
    told = await call_venue(venue.open_orders, CALL_TIMEOUT, circuit=circuit)
    fills = await call_venue(venue.fills, CALL_TIMEOUT, circuit=circuit)
    balances = await call_venue(venue.balances, CALL_TIMEOUT, circuit=circuit)
    _refuse_to_share(told, ledger)
    async with context.unit() as unit:
        ledger.refuse_loaded_since(loads)
        ledger.guard(unit)
        unit.writes.extend(venue.notes())
        ours = [fill for fill in fills if ledger.is_ours(fill.client_order_id)]
        ledger.apply([VenueFill(fill) for fill in ours], unit)
        adoption = Adoption(context, ledger)
        for order in told:
            if order.client_order_id not in ledger.records:
                context.log.warning("order of somebody else", client_order_id=order.client_order_id, pair=order.pair)
                _add_external(order, ledger, unit)
            elif ledger.records[order.client_order_id].order.state not in _IN_FLIGHT:
                adoption.of_order(order, unit)  # what was told while nobody listened
        known = {order.client_order_id for order in told}
        for record in ledger.open():
            sent = record.order.state not in (OrderState.INTENDED, OrderState.UNKNOWN)
            if sent and (record.order.client_order_id not in known or record.order.state is OrderState.SUBMITTED):
                ledger.move(record.order.client_order_id, OrderState.UNKNOWN, unit, "Restarted")
        # The first of an instance is of the moment at which the run goes on, whether a tick has come meanwhile or not.
        unit.publish(report(ledger, balances, ledger.time if ledger.reports else context.resume_time or 0))
    venue.fills_stored()
    ledger.begun = True
    context.log.info("reconciled", open_orders=len(told), fills=len(ours), epoch=ledger.epoch)


class AccountSharedError(VenueRefusalError):
    """Another bot trades on the account."""


def _refuse_to_share(told: Sequence[VenueOrder], ledger: OrderLedger) -> None:
    """Raise `AccountSharedError` where another bot's orders rest in the account before this one has begun there.

    Once it has begun it goes on: its positions are its own, and who comes second is the one to be refused.
    """
    if ledger.begun:
        return
    others = [one.client_order_id for one in told if one.client_order_id not in ledger.records]
    bots = [client_id for client_id in others if is_bot_order_id(client_id)]
    if bots:
        raise AccountSharedError(
            "AccountShared",
            f"orders {', '.join(sorted(bots)[:5])} rest in the account, which another Tradewind bot or another run of"
            " this one has placed; stop that bot, resume that run, or cancel these orders at the exchange",
        )


def report(ledger: OrderLedger, balances: object, time: int) -> BalancesReported:
    """The venue's balances as a message of a market time; numbered within the epoch of this writer."""
    assert isinstance(balances, dict)
    ledger.reports += 1
    name = f"balances:{ledger.account}:{ledger.epoch}:{ledger.reports}"
    return BalancesReported(id=name, time=max(time, 0), balances=balances)


def external_order(told: VenueOrder, time: int) -> Order:
    """An order that nobody here created, as far as the venue describes it."""
    return Order(
        client_order_id=told.client_order_id,
        decision_id=EXTERNAL,
        leg=Leg.ENTRY,
        pair=told.pair,
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=told.amount,
        created_time=time,
        filled=told.filled,
        state=OrderState.ACCEPTED,
    )


def _add_external(told: VenueOrder, ledger: OrderLedger, unit: UnitOfWork) -> None:
    order = external_order(told, ledger.time)
    ledger.add(OrderRecord(order, ledger.next_number(), told.client_order_id, external=True), unit, "External")
