"""Composition root of market-data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.contracts.api.v1alpha1 import Venue
from tradewind.contracts.messages import OpeningSettled, TickSettled
from tradewind.kernel.service import Context, Service
from tradewind.market_data.adapters.venue_clock import VenueClock
from tradewind.market_data.answers import Answers
from tradewind.market_data.recording import load_recording
from tradewind.market_data.replay import Replay

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """Market data of one bot, from a recording or a synthetic market."""
    simulated = context.bot.spec.exchanges[0].venue is Venue.SIMULATED
    venue = VenueClock(context) if simulated else None
    replay = Replay(context, venue)
    answers = Answers(replay)

    async def load() -> None:
        if replay.recording is not None:
            return
        replay.recording = await asyncio.to_thread(load_recording, context.bot)
        for pair, checked in replay.recording.checked.items():
            for row in checked.quarantined:
                context.metrics.quarantined.labels(context.key, pair, row.reason).inc()
            context.metrics.gaps.labels(context.key, pair).inc(sum(gap.missing for gap in checked.gaps))

    def routes() -> APIRouter:
        from tradewind.market_data.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        return router(context, answers.window, lambda: replay.ended)

    return Service(
        name="market-data",
        handlers={TickSettled: replay.on_settled, OpeningSettled: replay.on_opening_settled},
        load=load,
        close=replay.close,
        tasks=(replay.play,),
        answers=answers.by_question(),
        router=routes,
    )
