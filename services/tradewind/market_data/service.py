"""Composition root of market-data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.contracts.api.v1alpha1 import DataSource, Venue
from tradewind.contracts.messages import OpeningSettled, ServiceStateChanged, TickSettled
from tradewind.kernel.service import Context, Service
from tradewind.market_data.adapters.ccxt.exchange_feed import exchange_feed
from tradewind.market_data.adapters.venue_clock import VenueClock
from tradewind.market_data.answers import Answers
from tradewind.market_data.instrument_store import keep_instruments
from tradewind.market_data.live import LiveMarket
from tradewind.market_data.ports import Feed
from tradewind.market_data.recording import Recording, load_left
from tradewind.market_data.replay import Replay
from tradewind.market_data.shared_feed import SharedFeed

if TYPE_CHECKING:
    from fastapi import APIRouter


def build(context: Context) -> Service:
    """Market data of one bot, from a recording, a synthetic market or an exchange."""
    at_exchange = context.bot.spec.data.source is DataSource.EXCHANGE
    market = _live_market(context) if at_exchange else _replay(context)
    answers = Answers(market)

    async def load() -> None:
        if market.recording is None:
            await market.load()
            _count_faults(context, answers.recording)
        else:
            # Loaded again, because of a failure or because the bus may have lost something: a tick perhaps.
            market.sender.again()
        if not answers.known:
            # The store may have failed when the market was there already.
            recording = answers.recording
            known = await keep_instruments(context.store, context.key, recording.instruments, context.resume_time)
            recording.left = await asyncio.to_thread(load_left, context.bot, known.left)
            answers.known = known.instruments

    def routes() -> APIRouter:
        from tradewind.market_data.api import router  # noqa: PLC0415  (only a bot that listens loads FastAPI)

        live = market if isinstance(market, LiveMarket) else None
        return router(context, answers.window, lambda: market.state, live)

    return Service(
        name="market-data",
        handlers={
            TickSettled: market.sender.on_settled,
            OpeningSettled: market.sender.on_opening_settled,
            ServiceStateChanged: market.sender.on_state,
        },
        load=load,
        close=market.close,
        tasks=(market.listen, market.play) if isinstance(market, LiveMarket) else (market.play,),
        answers=answers.by_question(),
        router=routes,
    )


def _replay(context: Context) -> Replay:
    simulated = context.bot.spec.exchanges[0].venue is Venue.SIMULATED
    return Replay(context, VenueClock(context) if simulated else None)


def _live_market(context: Context) -> LiveMarket:
    exchange = context.bot.spec.exchanges[0]

    async def connect() -> Feed:
        feed = await exchange_feed(exchange, context.dependencies, context.budgets)
        if context.shared_log is None:
            return feed
        place = f"@{exchange.endpoint.url}" if exchange.endpoint else ""
        group = f"{context.bot.metadata.namespace}/{exchange.name}{place}"
        return SharedFeed(feed, context.shared_log(group), context.log)

    return LiveMarket(context, connect)


def _count_faults(context: Context, recording: Recording) -> None:
    for pair, checked in recording.checked.items():
        for row in checked.quarantined:
            context.metrics.quarantined.labels(context.key, pair, row.reason).inc()
        context.metrics.gaps.labels(context.key, pair).inc(sum(gap.missing for gap in checked.gaps))
