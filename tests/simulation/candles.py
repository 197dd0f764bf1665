"""Market-data's part: the candles of each minute, told when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.simulation.exchange import BEGIN, MINUTE, Exchange
from tests.simulation.virtual_loop import VirtualLoop

from tradewind.contracts.messages import CandleClosed


async def tell_candles(exchange: Exchange, loop: VirtualLoop, bot: str, tell: Callable[[CandleClosed], None]) -> None:
    """Tell every candle that closes from now on; to be run outside of every process."""
    times = next(iter(exchange.series.values())).open_time.tolist()
    for index, opens in enumerate(times):
        closes = (opens + MINUTE - BEGIN) / 1000
        if closes <= 0:
            continue
        await asyncio.sleep(closes - loop.time())
        for pair, series in exchange.series.items():
            tell(
                CandleClosed(
                    id=f"candle:{pair}:{opens}",
                    time=opens,
                    bot=bot,
                    occurred_at=BEGIN / 1000 + loop.time(),
                    pair=pair,
                    timeframe="1m",
                    candle=series.candle(index),
                    tick_size=len(exchange.series),
                )
            )
