"""The feed of the exchange of a manifest: what it asks is taken from what all bots of this address may ask."""

from __future__ import annotations

import pytest

from tradewind.contracts.api.v1alpha1 import Exchange
from tradewind.kernel.budget_counts import Told
from tradewind.kernel.budgets import Budgets, BudgetSpentError
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.venue_limits import EXCHANGE_LIMITS
from tradewind.market_data.adapters.ccxt.exchange_feed import exchange_feed


async def test_nothing_is_asked_without_room_and_that_is_no_failure_of_the_exchange():
    budgets, dependencies = Budgets(), Dependencies()
    feed = await exchange_feed(Exchange(name="binance"), dependencies, budgets)
    await budgets.requests("binance", EXCHANGE_LIMITS["binance"]).correct(Told((60_000.0,)))
    with pytest.raises(BudgetSpentError) as refusal:
        await feed.quote("BTC/USDT")
    assert refusal.value.retry_after > 0
    assert dependencies.describe()["exchange"]["failures"] == 0
    await feed.close()
