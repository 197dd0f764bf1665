"""What one client of an account may ask and create: the part of the shared budgets that execution takes.

An order waits for room among orders and then among requests, for a quarter each of the time that its sender gives it
and of the time for which the venue takes its signature: so it is refused, before anything was sent, while somebody
still listens. Out of time it would count as sent, with an unknown outcome.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tradewind.execution.live_venue import TOO_MANY_REQUESTS, NotTakenError
from tradewind.execution.venues import VenueRow
from tradewind.kernel.budgets import Budget, Budgets, BudgetSpentError, Purpose
from tradewind.kernel.ccxt_budget import budget_requests
from tradewind.kernel.ccxt_client import ClientSettings
from tradewind.kernel.venue_limits import limits_of


class Allowance:
    """The allowance of `client`. `call_timeout` is the sender's, in seconds.

    Orders are counted for the key until the venue has told whose account it is: an account may have several keys.
    """

    def __init__(
        self, budgets: Budgets, client: Any, row: VenueRow, settings: ClientSettings, call_timeout: float
    ) -> None:
        self._budgets, self._limits = budgets, limits_of(row.exchange, client)
        self._exchange, self._place = row.exchange, settings.rest_url or ""
        self._patience = min(call_timeout, row.receive_window or call_timeout) / 4
        self._orders = self._orders_of(f"key-{sha256(settings.api_key.encode()).hexdigest()[:16]}")
        budget_requests(
            client,
            budgets.requests(self._exchange, self._limits, self._place),
            self._limits.weight,
            purpose=Purpose.ACCOUNT,
            patience=self._patience,
            orders=lambda: self._orders,
        )

    def belongs_to(self, account: str) -> None:
        """The venue's own name of the account is known."""
        self._orders = self._orders_of(account)

    async def take_orders(self, count: int) -> None:
        """Count orders that are about to be created; raises `NotTakenError` where there is no room for them in time."""
        try:
            await self._orders.take(count, Purpose.ENTRY, self._patience)
        except BudgetSpentError as error:
            raise NotTakenError(TOO_MANY_REQUESTS, str(error), error.retry_after) from error

    def _orders_of(self, account: str) -> Budget:
        return self._budgets.orders(self._exchange, self._limits, account, self._place)
