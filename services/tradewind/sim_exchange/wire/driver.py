"""What makes the clock of the venue go at a speed: a task that moves it in steps of a tenth of a second on the wall.

At speed `max` there is no such task: time then stands still until somebody posts a time to `/sim/clock`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tradewind.domain.errors import TradewindError
from tradewind.sim_exchange.exchange import SimulatedExchange

STEP = 0.1
"""Seconds of the wall between two steps; also the most that one step makes up for, so time never jumps."""


async def drive(
    exchange: SimulatedExchange,
    speed: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Move the clock by `speed` seconds in a second until the candles end.

    A machine that is too slow makes time go slower, never in leaps. A store that fails for a moment costs a step.
    """
    last, owed = monotonic(), 0.0
    while exchange.time < exchange.end_time:
        await sleep(STEP)
        now = monotonic()
        owed += min(now - last, STEP) * speed * 1000
        last = now
        whole = int(owed)
        if whole:
            try:
                await exchange.move_clock(exchange.time + whole)
            except TradewindError:
                continue
            owed -= whole
            # What the step itself took is not made up for either.
            last = max(last, monotonic() - STEP)
