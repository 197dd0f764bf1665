"""One call to a venue: an answer, a refusal, or silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tradewind.domain.errors import ConfigError, TradewindError
from tradewind.execution.ports import VenueRefusalError

Result = TypeVar("Result")


class VenueSilentError(TradewindError):
    """A call to the venue ended without an answer: whatever was asked may or may not have happened."""


async def call_venue(call: Callable[[], Awaitable[Result]], timeout_seconds: float) -> Result:
    """The answer; raises `VenueRefusalError` for a definite no and `VenueSilentError` for everything else.

    A `ConfigError` stays one: it is the user's to mend, and asking again mends nothing.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            return await call()
    except (VenueRefusalError, ConfigError):
        raise
    except Exception as error:
        raise VenueSilentError(f"{type(error).__name__}: {error}") from error
