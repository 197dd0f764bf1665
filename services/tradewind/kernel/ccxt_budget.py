"""A ccxt client whose requests take their weight from a budget, and whose answers correct it.

ccxt reckons what a request costs and passes it to `throttle` before it signs and sends: there the weight is taken.
Every answer passes `handle_errors`, with its status and headers: there is read what the exchange has counted itself,
and whether it wants a pause. What was read is told to the others before the answer is used.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tradewind.kernel.budget_counts import Told
from tradewind.kernel.budgets import Budget, Purpose
from tradewind.kernel.ccxt_client import BUSY_PAUSE
from tradewind.kernel.venue_limits import Window

TOO_MANY = (418, 429)
"""What HTTP says to who asks too much; Binance says 418 to an address that it has banned."""

_BANNED_UNTIL = re.compile(r"banned until (\d{13})")


def budget_requests(
    client: Any,
    requests: Budget,
    weight: float,
    *,
    purpose: Purpose,
    patience: float,
    orders: Callable[[], Budget | None] = lambda: None,
) -> None:
    """Have each request of `client` take `weight` times ccxt's cost from `requests`.

    It waits at most `patience` seconds; then it raises `BudgetSpentError`. What `orders` answers is only corrected.
    """
    throttle, fetch, errors = client.throttle, client.fetch, client.handle_errors
    heard: dict[Budget, Told] = {}

    async def counted(cost: float | None = None) -> Any:
        await requests.take((1.0 if cost is None else cost) * weight, purpose, patience)
        return await throttle(cost)

    async def corrected(*arguments: Any, **named: Any) -> Any:
        try:
            return await fetch(*arguments, **named)
        finally:
            while heard:
                budget, told = heard.popitem()
                await budget.correct(told)

    def read(*arguments: Any) -> Any:
        status, headers, body = int(arguments[0]), _lower(arguments[4]), str(arguments[5] or "")
        for budget in filter(None, (requests, orders())):
            pause, guessed = _pause(status, headers, body) if budget is requests else (0.0, False)
            told = Told(_counted(budget.windows, headers), pause, guessed)
            if budget.exceeds(told):
                heard[budget] = told
        return errors(*arguments)

    client.throttle, client.fetch, client.handle_errors = counted, corrected, read


def asked_pause(headers: Mapping[str, str], body: str) -> float | None:
    """The seconds for which an answer asks to be left alone: by `Retry-After`, or by the end of a ban in its words.

    `headers` have names in lower case.
    """
    asked = headers.get("retry-after", "")
    if asked.isdigit():
        return float(asked)
    banned = _BANNED_UNTIL.search(body)
    return max(1.0, int(banned[1]) / 1000 - time.time()) if banned else None


def _pause(status: int, headers: Mapping[str, str], body: str) -> tuple[float, bool]:
    """The seconds in which nothing may be asked, and whether they are guessed."""
    if status not in TOO_MANY:
        return 0.0, False
    asked = asked_pause(headers, body)
    return (BUSY_PAUSE, True) if asked is None else (asked, False)


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in (headers or {}).items()}


def _counted(windows: Sequence[Window], headers: Mapping[str, str]) -> tuple[float | None, ...]:
    values = (headers.get(window.header, "") if window.header else "" for window in windows)
    return tuple(float(value) if value.isdigit() else None for value in values)
