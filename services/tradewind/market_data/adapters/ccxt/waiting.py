"""Waiting for several things at once, by a feed's own time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tradewind.market_data.adapters.ccxt.feed_time import FeedTime

Result = TypeVar("Result")


async def within(feed_time: FeedTime, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result of `work`, unless it takes more than `seconds` of `feed_time`: `TimeoutError`.

    Work that was cancelled from inside is a `ConnectionError`: ccxt cancels who waits for a connection that it closes.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(feed_time.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        if task.cancelled():
            raise ConnectionError("the connection was closed")
        return task.result()
    finally:
        await _stop(task, alarm)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run all of `works`; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await _stop(*tasks)


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
