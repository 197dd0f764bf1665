"""Composition root of monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.contracts.messages import (
    CandleClosed,
    CycleCompleted,
    FeedStateChanged,
    ServiceStateChanged,
    TradingStateChanged,
)
from tradewind.kernel.service import Context, Service
from tradewind.monitoring.watch import Watch

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """Monitoring of one bot."""
    watch = Watch(context)

    def routes() -> APIRouter:
        from tradewind.monitoring.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(watch)

    return Service(
        name="monitoring",
        handlers={
            CandleClosed: watch.on_candle,
            CycleCompleted: watch.on_cycle,
            FeedStateChanged: watch.on_feed,
            ServiceStateChanged: watch.on_service,
            TradingStateChanged: watch.on_trading,
        },
        tasks=(watch.run,),
        router=routes,
    )
