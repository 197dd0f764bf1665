"""Composition root of the sim-exchange as a service of one bot: the market of its manifest, and one account in it.

The clock is moved by whoever plays the market (market-data), so that a run is the same at every speed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tradewind.contracts.api.v1alpha1 import Fault as ManifestFault
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.rules import account_rules
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.kernel.service import Context, Service
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import Fault, FaultTable
from tradewind.sim_exchange.persistence import Persistence
from tradewind.sim_exchange.wire.application import Application, application
from tradewind.sim_exchange.wire.call import WireSettings
from tradewind.sim_exchange.wire.signature import Credentials


def build(context: Context) -> Service:
    """The venue of one bot."""
    venue = _Venue(context)
    return Service(name="sim-exchange", load=venue.load, mount=venue, close=venue.close)


class _Venue:
    """The exchange and its wire, made when the market is known; an ASGI application."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._application: Application | None = None

    async def load(self) -> None:
        if self._application is not None:
            return  # what it holds is made durable, or made anew, by its own journal
        context, spec = self._context, self._context.bot.spec
        # A pair that left the manifest has orders and balances here, and can still be sold, at its last close.
        traded = await context.ask("market-data", "instruments")
        known = await context.ask("market-data", "known_instruments")
        asked = {
            pair: await context.ask("market-data", "series", pair=pair, timeframe=spec.timeframe) for pair in known
        }
        series = {pair: one for pair, one in asked.items() if pair in traded or len(one)}
        instruments = {pair: known[pair] for pair in series}
        faults = fault_table(context.bot)
        exchange = SimulatedExchange(
            instruments=instruments,
            series=series,
            balances={spec.capital.currency: spec.capital.starting_balance},
            rules=account_rules(context.bot.spec.exchanges[0]),
            start_time=min(int(one.open_time[0]) for one in series.values()),
            persistence=Persistence(context.store, context.key),
            faults=faults,
        )
        await exchange.load()
        key = load_simulated_venue_key(context.key_directory)
        # Time stands still between two ticks, so a limit per simulated minute would be one per recorded minute.
        settings = WireSettings(credentials=Credentials(key.api_key, key.secret), rate_limits=False)
        self._application = application(exchange, settings, faults)
        self._application.open()

    async def __call__(
        self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        assert self._application is not None
        await self._application(scope, receive, send)

    async def close(self) -> None:
        if self._application is not None:
            self._application.close()


def fault_table(bot: TradingBot) -> FaultTable:
    """The faults of the manifest, in their order."""
    table = FaultTable()
    for fault in bot.spec.exchanges[0].faults:
        table.add(_fault(fault))
    return table


def _fault(asked: ManifestFault) -> Fault:
    return Fault(
        kind=asked.kind,
        count=asked.count,
        symbol=asked.pair.replace("/", "") if asked.pair else None,
        seconds=float(asked.seconds) if asked.seconds is not None else None,
        milliseconds=asked.milliseconds,
        fraction=asked.fraction,
    )
