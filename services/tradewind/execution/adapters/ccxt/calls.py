"""Every request to a venue passes here: it is held back in a pause, and its failure is judged.

What an exception means is a question of money. ccxt raises the same classes for an answer of the venue ("insufficient
funds"), for something it noticed itself before sending, and for a reply that it could not read after an order was
taken. Only the first two are refusals. So each call notes whether a request went out and what came back, and an
exception counts as a definite no only when it was raised from the venue's own answer (below status 500) or before
anything was sent. Everything else leaves the outcome unknown and is raised as it is.

ccxt also changes the decimal arithmetic of whoever calls it (rounding and traps of the context), so calls run in a
context of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tradewind.execution.live_venue import STALE_TIMESTAMP, TOO_MANY_REQUESTS, UNKNOWN_ORDER, NotTakenError
from tradewind.execution.ports import DUPLICATE, VenueRefusalError
from tradewind.execution.venues import VenueRow
from tradewind.kernel.budgets import BudgetSpentError
from tradewind.kernel.ccxt_budget import asked_pause
from tradewind.kernel.ccxt_client import BUSY_PAUSE
from tradewind.kernel.resilience import is_vital
from tradewind.kernel.telemetry.tracing import Calling, Tracer

Result = TypeVar("Result")

STALE_PAUSE = 1.0
"""Seconds before a request with a stale timestamp may be signed again where the clock could not be measured anew."""

_REFUSALS = {
    "InsufficientFunds": "InsufficientFunds",
    "OrderImmediatelyFillable": "WouldActAtOnce",
    "OrderNotFillable": "NotFillable",
    "DuplicateOrderId": DUPLICATE,
    "OrderNotFound": UNKNOWN_ORDER,
    "BadSymbol": "BadSymbol",
    "ContractUnavailable": "BadSymbol",
    "InvalidOrder": "InvalidOrder",
    "ArgumentsRequired": "BadRequest",
    "BadRequest": "BadRequest",
    "NotSupported": "NotSupported",
    "AccountSuspended": "AccountSuspended",
    "AccountNotEnabled": "AccountSuspended",
    "PermissionDenied": "PermissionDenied",
    "AuthenticationError": "AuthenticationFailed",
    "RestrictedLocation": "RestrictedLocation",
    "MarketClosed": "MarketClosed",
    "OperationRejected": "Rejected",
}
"""What the venue's own answer means, by ccxt's class, the most precise class first. Not in here: outcome unknown."""

_NOT_TAKEN = {
    "InvalidNonce": STALE_TIMESTAMP,
    "RateLimitExceeded": TOO_MANY_REQUESTS,
    "DDoSProtection": TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: `headers` with lower-case names."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class _Call:
    """What is known of one call while it runs. `refused` are exceptions raised out of the venue's answer."""

    sent: bool = False
    answer: HttpAnswer | None = None
    refused: list[BaseException] = field(default_factory=list)


_CALL: ContextVar[_Call | None] = ContextVar("venue_call", default=None)


class VenueCalls:
    """The calls of one client. `now` gives seconds that only grow; a request for an order is a span of `tracer`."""

    def __init__(
        self, client: Any, row: VenueRow, now: Callable[[], float] = time.monotonic, tracer: Tracer | None = None
    ) -> None:
        self._client, self._row, self._now = client, row, now
        self._tracer = tracer or Tracer(None, None)
        self._asked_until = 0.0
        """The end of a pause that the venue has asked for."""
        self._guessed_until = 0.0
        """The end of one whose end it did not say."""
        self._listen()

    @property
    def pause(self) -> float:
        """Seconds for which nothing may be asked, 0 when there is no pause.

        A guess of ours keeps nothing back that ends a risk.
        """
        until = self._asked_until if is_vital() else max(self._asked_until, self._guessed_until)
        return max(0.0, until - self._now())

    async def run(self, request: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `request`.

        Raises `VenueRefusalError` for a definite no, `NotTakenError` (one of these) where the venue did not look at
        it, and anything else with the outcome unknown.
        """
        if self.pause:
            raise NotTakenError(TOO_MANY_REQUESTS, f"{self._row.title} asked for a pause", self.pause)
        call = _Call()
        token = _CALL.set(call)
        try:
            with localcontext():
                return await request()
        except Exception as error:
            refusal = self._judge(error, call)
            if refusal is None:
                raise
            raise refusal from error
        finally:
            _CALL.reset(token)

    # ------------------------------------------------------------------------------------------------------- judging

    def _judge(self, error: Exception, call: _Call) -> VenueRefusalError | None:
        """The refusal that `error` is, or None where the outcome is not known."""
        if isinstance(error, VenueRefusalError | asyncio.CancelledError):
            return None
        if isinstance(error, BudgetSpentError):
            # Certain as long as nothing of this call went out before: then what did go out decides.
            return None if call.sent else NotTakenError(TOO_MANY_REQUESTS, str(error), error.retry_after)
        answer = call.answer if any(one in call.refused for one in _chain(error)) else None
        if call.sent and (answer is None or answer.status >= 500):
            return None
        names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("ccxt.")]
        if not names:
            return None
        detail = answer.body if answer is not None and answer.body else str(error)
        not_taken = _first(names, _NOT_TAKEN)
        if not_taken is not None:
            return self._not_taken(not_taken, detail, answer)
        said = None if answer is None else next((r for words, r in self._row.reasons.items() if words in detail), None)
        reason = said or _first(names, _REFUSALS)
        return None if reason is None else VenueRefusalError(reason, detail)

    def _not_taken(self, reason: str, detail: str, answer: HttpAnswer | None) -> NotTakenError:
        if reason == STALE_TIMESTAMP:
            return NotTakenError(reason, detail, STALE_PAUSE)
        asked = asked_pause(answer.headers, answer.body) if answer else None
        pause = asked or BUSY_PAUSE
        if asked:
            self._asked_until = max(self._asked_until, self._now() + pause)
        else:
            self._guessed_until = max(self._guessed_until, self._now() + pause)
        return NotTakenError(reason, detail, pause)

    # ----------------------------------------------------------------------------------------------------- listening

    def _listen(self) -> None:
        """Note on the running call what ccxt sends and what it makes of the answer; ccxt itself works as ever."""
        client = self._client
        fetch, errors, status = client.fetch, client.handle_errors, client.handle_http_status_code

        async def noted_fetch(url: str, method: str = "GET", *arguments: Any, **named: Any) -> Any:
            if (call := _CALL.get()) is not None:
                call.sent, call.answer = True, None
            with self._request(url, method) as request:
                try:
                    return await fetch(url, method, *arguments, **named)
                finally:
                    if call is not None and call.answer is not None:
                        request.note("http.response.status_code", call.answer.status)

        def noted_errors(*arguments: Any) -> Any:
            if (call := _CALL.get()) is not None:
                headers = {str(name).lower(): str(value) for name, value in (arguments[4] or {}).items()}
                call.answer = HttpAnswer(int(arguments[0]), headers, str(arguments[5] or ""))
            with _noted_refusal():
                return errors(*arguments)

        def noted_status(*arguments: Any) -> Any:
            with _noted_refusal():
                return status(*arguments)

        client.fetch, client.handle_errors, client.handle_http_status_code = noted_fetch, noted_errors, noted_status

    def _request(self, url: str, method: str) -> Calling:
        """The span of a request. Nothing of its query is told: with some venues the signature stands there."""
        if not self._tracer.enabled:
            return self._tracer.calling(method)
        parts = urlsplit(url)
        facts = {"http.request.method": method, "server.address": parts.hostname or "", "url.path": parts.path}
        return self._tracer.calling(f"{method} {self._row.exchange}", facts)


def _first(names: Sequence[str], table: Mapping[str, str]) -> str | None:
    return next((table[name] for name in names if name in table), None)


@contextlib.contextmanager
def _noted_refusal() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if (call := _CALL.get()) is not None:
            call.refused.append(error)
        raise


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made from: ccxt sometimes raises a second one in place of the first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
