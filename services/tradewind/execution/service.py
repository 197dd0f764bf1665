"""Composition root of execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from tradewind.contracts.api.v1alpha1 import Venue
from tradewind.contracts.messages import (
    AmendOrder,
    CancelOrder,
    CandleClosed,
    PlaceOrder,
    ProtectPosition,
    TickDecided,
    VenueOpened,
)
from tradewind.contracts.rules import account_rules
from tradewind.domain.order import OrderState
from tradewind.execution.adapters.exchange import ExchangeVenue
from tradewind.execution.adapters.paper import PaperVenue
from tradewind.execution.adapters.remote_account import RemoteAccount
from tradewind.execution.adapters.simulated import SimulatedVenue
from tradewind.execution.exchange_market import ExchangeMarket
from tradewind.execution.handlers import ExecutionHandlers
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.market import VenueMarket
from tradewind.execution.paper_market import PaperMarket
from tradewind.execution.remote_market import RemoteMarket
from tradewind.execution.sender import Sender
from tradewind.execution.tables import leases, order_states
from tradewind.execution.venue_call import circuit_of
from tradewind.kernel.resilience import Dependency
from tradewind.kernel.service import Context, Service
from tradewind.kernel.store.base import Store, Write

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """Execution for one account of one bot."""
    exchange = context.bot.spec.exchanges[0]
    account = f"{context.key}:{exchange.name}:{exchange.venue.value.lower()}"
    ledger = OrderLedger(context, account)
    venue = _venue(context, account)
    sender = Sender(context, ledger, venue, venue.call_timeout)
    market = _market(context, ledger, venue, sender)
    handlers = ExecutionHandlers(context, ledger, venue, sender, market)
    circuit = circuit_of(context, venue)

    async def load() -> None:
        if isinstance(venue, ExchangeVenue):
            venue.hold()
        ledger.traded = tuple(await context.ask("market-data", "instruments"))
        ledger.instruments = dict(await context.ask("market-data", "known_instruments"))
        await market.load()

        def read(connection: Connection) -> None:
            ledger.load(connection)
            venue.load(connection)

        if not ledger.epoch:
            ledger.epoch = await _take_over(context.store, account, context.service)
        await context.store.read(read)

    async def open_orders() -> dict[str, Any]:
        """The open orders, with the sequence of the last event that made them so, and the pairs without their stop."""
        return {
            "sequence": context.published("orders.events"),
            "orders": [record.order for record in ledger.open()],
            "bare": ledger.bare(),
        }

    async def summary() -> Mapping[str, int]:
        """How many orders reached which outcome."""
        return await context.store.read(lambda connection: _summary(connection, context.key, account))

    async def all_orders() -> list[Any]:
        """Every order of this account, oldest first."""
        return [record.order for record in sorted(ledger.records.values(), key=lambda r: r.number)]

    def ready() -> Mapping[str, str]:
        return _unready(handlers, circuit)

    def routes() -> APIRouter:
        from tradewind.execution.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(context, account, sender.cancel_everything)

    return Service(
        name="execution",
        handlers={
            CandleClosed: handlers.on_candle,
            VenueOpened: handlers.on_venue_opened,
            PlaceOrder: handlers.on_place_order,
            CancelOrder: handlers.on_cancel_order,
            AmendOrder: handlers.on_amend_order,
            ProtectPosition: handlers.on_protect_position,
            TickDecided: handlers.on_tick_decided,
        },
        load=load,
        tasks=(handlers.work, handlers.listen),
        answers={
            "orders": all_orders,
            "summary": summary,
            "cancel_everything": sender.cancel_everything,
            "balances": venue.balances,
        },
        views={"open_orders": open_orders},
        ready=ready,
        drain=handlers.drain,
        close=market.close,
        router=routes,
    )


def _unready(handlers: ExecutionHandlers, circuit: Dependency | None) -> Mapping[str, str]:
    if not handlers.reconciled.is_set():
        return {"venue": handlers.trouble}
    trouble = circuit.trouble() if circuit is not None else ""
    return {"venue": f"{trouble}; entries wait, exits and cancellations are tried"} if trouble else {}


def _venue(context: Context, account: str) -> PaperVenue | RemoteAccount:
    exchange, capital = context.bot.spec.exchanges[0], context.bot.spec.capital
    if exchange.venue is Venue.SIMULATED:
        return SimulatedVenue(context, account)
    if exchange.venue is Venue.EXCHANGE:
        return ExchangeVenue(context, account)
    return PaperVenue(account, account_rules(exchange), {capital.currency: capital.starting_balance})


def _market(context: Context, ledger: OrderLedger, venue: PaperVenue | RemoteAccount, sender: Sender) -> VenueMarket:
    if isinstance(venue, ExchangeVenue):
        return ExchangeMarket(context, ledger, venue, sender)
    if isinstance(venue, RemoteAccount):
        return RemoteMarket(context, ledger, venue, sender)
    return PaperMarket(context, ledger, venue, sender)


async def _take_over(store: Store, account: str, holder: str) -> int:
    """Become the writer of `account`: whoever was it before is fenced from now on.

    Raises `FencedError` when another instance did so at the same moment.
    """
    mine = leases.c.account == account
    before: int | None = await store.read(lambda connection: connection.scalar(select(leases.c.epoch).where(mine)))
    epoch = (before or 0) + 1
    if before is None:
        write = Write(insert(leases), {"account": account, "epoch": epoch, "holder": holder})
    else:
        change = update(leases).where(mine, leases.c.epoch == before).values(epoch=epoch, holder=holder)
        write = Write(change, {}, expect=1)
    await store.commit([write])
    return epoch


def _summary(connection: Connection, bot: str, account: str) -> dict[str, int]:
    reached: dict[str, set[str]] = {}
    mine = (order_states.c.bot == bot, order_states.c.account == account)
    for client_id, state in connection.execute(
        select(order_states.c.client_order_id, order_states.c.state).where(*mine)
    ):
        reached.setdefault(state, set()).add(client_id)
    names = {
        "sent": OrderState.SUBMITTED,
        "filled": OrderState.FILLED,
        "canceled": OrderState.CANCELED,
        "expired": OrderState.EXPIRED,
        "rejected": OrderState.REJECTED,
        "unknown": OrderState.UNKNOWN,
    }
    return {name: len(reached.get(state.value, ())) for name, state in names.items()}
