"""Composition root of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, select

from tradewind.contracts.messages import (
    BalanceChanged,
    CandleClosed,
    FeedStateChanged,
    OrderStateChanged,
    PortfolioMarked,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    StrategyEvaluated,
)
from tradewind.domain.money import decimal_of
from tradewind.engine.control import TradingControl
from tradewind.engine.cycle import Cycle
from tradewind.engine.handlers import EngineHandlers
from tradewind.engine.tables import decisions
from tradewind.engine.trading import TradingState
from tradewind.engine.view import AccountView
from tradewind.kernel.service import Context, Service

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """The engine of one bot."""
    view, trading = AccountView(context), TradingState(context)
    cycle = Cycle(context, view, trading)
    handlers = EngineHandlers(context, view, cycle, trading)
    control = TradingControl(context, view, cycle, trading, handlers)

    async def load() -> None:
        cycle.instruments = await context.ask("market-data", "instruments")
        cycle.known_instruments = await context.ask("market-data", "known_instruments")
        if handlers.time < 0 and context.resume_time is not None:
            # What exposure and reservations are valued at: also pairs that have no candle in the ticks to come.
            closes = await context.ask("market-data", "closes", time=context.resume_time)
            view.closes = {pair: decimal_of(close) for pair, close in closes.items()}
        await view.load()

        def read(connection: Connection) -> None:
            trading.load(connection)
            cycle.journal.load(connection)

        await context.store.read(read)
        handlers.reload()

    async def list_decisions(limit: int = 100, pair: str | None = None) -> list[dict[str, Any]]:
        """The latest decisions, newest first, with every gate."""
        return await context.store.read(_decisions_query(context.key, limit, pair))

    answers: Mapping[str, Callable[..., Any]] = {
        "decisions": list_decisions,
        "status": control.status,
        "consensus": control.consensus,
        "change_state": control.change_state,
        "emergency_stop": control.emergency_stop,
        "clear_emergency_stop": control.clear_emergency_stop,
        "force_exit": control.force_exit,
        "run_cycle": control.run_cycle,
    }

    def routes() -> APIRouter:
        from tradewind.engine.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(context, control, list_decisions)

    return Service(
        name="engine",
        handlers={
            CandleClosed: handlers.on_candle,
            StrategyEvaluated: handlers.on_evaluation,
            PortfolioMarked: handlers.on_mark,
            PositionOpened: handlers.on_position,
            PositionChanged: handlers.on_position,
            PositionClosed: handlers.on_position_closed,
            BalanceChanged: handlers.on_balance,
            OrderStateChanged: handlers.on_order,
            FeedStateChanged: handlers.on_feed,
        },
        load=load,
        advanced=handlers.advanced,
        tasks=(control.cancel_for_manifest,),
        answers=answers,
        router=routes,
    )


def _decisions_query(bot: str, limit: int, pair: str | None) -> Callable[[Connection], list[dict[str, Any]]]:
    query = (
        select(decisions)
        .where(decisions.c.bot == bot)
        .order_by(decisions.c.time.desc(), decisions.c.pair, decisions.c.action)
        .limit(limit)
    )
    if pair is not None:
        query = query.where(decisions.c.pair == pair)

    def read(connection: Connection) -> list[dict[str, Any]]:
        return [
            {
                **{k: v for k, v in row._mapping.items() if k not in ("bot", "gates", "reasons")},  # noqa: SLF001
                "gates": msgspec.json.decode(row.gates),
                "reasons": msgspec.json.decode(row.reasons),
            }
            for row in connection.execute(query)
        ]

    return read
