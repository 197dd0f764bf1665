"""Composition root of portfolio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.contracts.messages import BalancesReported, CandleClosed, OrderFilled, TickMatched
from tradewind.kernel.service import Context, Service
from tradewind.portfolio.accounts import Account
from tradewind.portfolio.handlers import PortfolioHandlers

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """Portfolio of one bot."""
    account = Account(context)
    handlers = PortfolioHandlers(context, account)

    async def load() -> None:
        handlers.reload()
        await context.store.read(account.load)
        handlers.instruments = await context.ask("market-data", "known_instruments")
        # Up to the last tick marked here, or (after a restart) that any stored row names; that one comes again.
        until = handlers.marked if handlers.marked is not None else context.resume_time
        if until is not None:
            account.rebuild_curve(await context.ask("market-data", "closes_by_tick", until=until))
            handlers.closes = await context.ask("market-data", "closes", time=until)

    async def snapshot() -> dict[str, Any]:
        """Balances and open positions, with the sequence of the last event that made them so."""
        return {
            "sequence": context.published("portfolio.events"),
            "balances": dict(account.balances),
            "positions": sorted(account.open.values(), key=lambda position: (position.open_time, position.pair)),
            "traceparents": {position: account.traceparents.get(position) for position in account.open},
            "equity": account.curve.equity,
            "equity_peak": account.curve.peak,
            "day_start_equity": account.curve.day_start,
            "drift": handlers.drift(),
        }

    async def trades() -> list[Any]:
        """Closed trades, oldest first."""
        return list(account.trades)

    async def equity() -> list[Any]:
        """The equity curve: (time, equity) by tick."""
        return list(account.curve.points)

    async def closes() -> dict[str, float]:
        """The latest close of every pair."""
        return dict(handlers.closes)

    def routes() -> APIRouter:
        # Only a bot that listens loads FastAPI.
        from tradewind.portfolio.api import router  # noqa: PLC0415
        from tradewind.portfolio.backtest_api import router as backtests  # noqa: PLC0415

        found = router(context, account, handlers)
        found.include_router(backtests(context))
        return found

    return Service(
        name="portfolio",
        handlers={
            CandleClosed: handlers.on_candle,
            OrderFilled: handlers.on_order_filled,
            BalancesReported: handlers.on_balances_reported,
            TickMatched: handlers.on_tick_matched,
        },
        load=load,
        advanced=handlers.advanced,
        answers={"equity": equity, "closes": closes},
        views={"snapshot": snapshot, "trades": trades},
        router=routes,
    )
