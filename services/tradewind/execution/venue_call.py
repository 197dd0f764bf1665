"""One call to a venue: an answer, a refusal, or silence.

What changes something at the venue is signed with a time from before the lease was looked at. A process that stands
still in between (stopped, or swapped out) and goes on when another one has taken over then sends what the venue finds
too old. Signed anew it would be taken, a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import TypeVar

from tradewind.domain.errors import ConfigError, TradewindError
from tradewind.execution.ports import Venue, VenueRefusalError
from tradewind.kernel.resilience import Dependency, Limits
from tradewind.kernel.service import Context

Result = TypeVar("Result")


SIGNED_AT: ContextVar[float | None] = ContextVar("signed_at", default=None)
"""The wall time (seconds) that the requests of the present call carry; None: that of their sending."""


class VenueSilentError(TradewindError):
    """A call to the venue ended without an answer: whatever was asked may or may not have happened."""


VENUE_LIMITS = Limits(failures=3, pause=1.0, longest_pause=15.0)
"""One worker calls, one call at a time; a stop of emergency may come beside it."""


def circuit_of(context: Context, venue: Venue) -> Dependency | None:
    """What is known of whether the venue answers; None for one in this process."""
    return None if venue.transactional else context.dependencies.of("venue", VENUE_LIMITS)


async def call_venue(
    call: Callable[[], Awaitable[Result]],
    timeout_seconds: float,
    signed_at: float | None = None,
    circuit: Dependency | None = None,
) -> Result:
    """The answer; raises `VenueRefusalError` for a definite no and `VenueSilentError` for everything else.

    `signed_at` is the wall time in seconds that its requests carry where the venue looks at it. A `ConfigError` stays
    one: it is the user's to mend, and asking again mends nothing. `circuit` learns whether the venue answers, and never
    stops a call: what a bot does at a venue ends risks, but for the entries, which their sender holds back.
    """
    token = SIGNED_AT.set(signed_at)
    attempt = circuit.attempt(_is_silence, always=True) if circuit is not None else nullcontext()
    try:
        with attempt:
            async with asyncio.timeout(timeout_seconds):
                return await call()
    except (VenueRefusalError, ConfigError):
        raise
    except Exception as error:
        raise VenueSilentError(f"{type(error).__name__}: {error}") from error
    finally:
        SIGNED_AT.reset(token)


def _is_silence(error: Exception) -> bool:
    """What could not be found in an answer was looked for in one."""
    return not isinstance(error, VenueRefusalError | ConfigError | LookupError)
