"""The feed of the exchange that a manifest names."""

from __future__ import annotations

import asyncio

from tradewind.contracts.api.v1alpha1 import Exchange
from tradewind.kernel.budgets import Budgets, Purpose
from tradewind.kernel.ccxt_budget import budget_requests
from tradewind.kernel.ccxt_client import ClientSettings, make_client, watch_requests
from tradewind.kernel.resilience import Dependencies, Limits
from tradewind.kernel.venue_limits import limits_of
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed


async def exchange_feed(exchange: Exchange, dependencies: Dependencies, budgets: Budgets) -> CcxtFeed:
    """A feed of `exchange`; nothing is requested yet. Raises `ConfigError` for one that ccxt does not know.

    At another address there may be a simulation, whose market has a time of its own: there a candle counts as closed
    when the next one has begun, and not by the clock.
    """
    endpoint = exchange.endpoint
    settings = ClientSettings(
        exchange.name,
        rest_url=endpoint.url if endpoint else None,
        websocket_url=endpoint.websocket_url if endpoint else None,
    )
    # Importing ccxt takes seconds, in which others of this process must go on.
    client = await asyncio.to_thread(make_client, settings)
    watch_requests(client, dependencies.of("exchange", Limits(longest_pause=5.0, timeout=settings.timeout)))
    limits = limits_of(exchange.name, client)
    requests = budgets.requests(exchange.name, limits, settings.rest_url or "")
    budget_requests(client, requests, limits.weight, purpose=Purpose.MARKET, patience=settings.timeout)
    return CcxtFeed(client, closes=endpoint is None)
