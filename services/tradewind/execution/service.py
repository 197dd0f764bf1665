"""Composition root of execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from tradewind.contracts.messages import (
    AmendOrder,
    CancelOrder,
    CandleClosed,
    PlaceOrder,
    ProtectPosition,
    TickDecided,
)
from tradewind.domain.matching import MatchingRules
from tradewind.domain.order import OrderState
from tradewind.execution.adapters.paper import PaperRules, PaperVenue
from tradewind.execution.handlers import ExecutionHandlers
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.sender import Sender
from tradewind.execution.tables import leases, order_states
from tradewind.kernel.service import Context, Service

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """Execution for one account of one bot."""
    exchange = context.bot.spec.exchanges[0]
    capital = context.bot.spec.capital
    account = f"{context.key}:{exchange.name}:paper"
    ledger = OrderLedger(context, account)
    rules = PaperRules(
        maker_fee=exchange.fees.maker,
        taker_fee=exchange.fees.taker,
        fee_in_base=exchange.fees.currency == "Base",
        matching=MatchingRules(exchange.slippage.basis_points, exchange.slippage.volume_share),
    )
    venue = PaperVenue(account, rules, {capital.currency: capital.starting_balance})
    sender = Sender(context, ledger, venue)
    handlers = ExecutionHandlers(context, ledger, venue, sender)

    async def load() -> None:
        instruments = await context.ask("market-data", "instruments")
        if handlers.walked is None:
            ledger.time = context.resume_time or 0
            handlers.opening = await context.ask("market-data", "closes", time=ledger.time)
            handlers.closes = dict(handlers.opening)
        # A tick whose matching failed is walked again from the prices before it, not from its own close.
        now, prices = handlers.walked or (ledger.time, handlers.opening)
        venue.open_market(instruments, prices, now)
        ledger.instruments = dict(instruments)

        def read(connection: Connection) -> None:
            if not ledger.epoch:
                ledger.epoch = _take_over(connection, account, context.service)
            ledger.load(connection)
            venue.load(connection)

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
        return {} if handlers.reconciled.is_set() else {"venue": "not reconciled yet"}

    def routes() -> APIRouter:
        from tradewind.execution.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(context, account)

    return Service(
        name="execution",
        handlers={
            CandleClosed: handlers.on_candle,
            PlaceOrder: handlers.on_place_order,
            CancelOrder: handlers.on_cancel_order,
            AmendOrder: handlers.on_amend_order,
            ProtectPosition: handlers.on_protect_position,
            TickDecided: handlers.on_tick_decided,
        },
        load=load,
        tasks=(handlers.work,),
        answers={
            "open_orders": open_orders,
            "orders": all_orders,
            "summary": summary,
            "cancel_everything": sender.cancel_everything,
            "balances": venue.balances,
        },
        ready=ready,
        drain=handlers.drain,
        router=routes,
    )


def _take_over(connection: Connection, account: str, holder: str) -> int:
    """Become the writer of `account`: whoever was it before is fenced from now on."""
    epoch: int | None = connection.scalar(select(leases.c.epoch).where(leases.c.account == account))
    if epoch is None:
        connection.execute(insert(leases), {"account": account, "epoch": 1, "holder": holder})
        return 1
    connection.execute(update(leases).where(leases.c.account == account).values(epoch=epoch + 1, holder=holder))
    return epoch + 1


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
