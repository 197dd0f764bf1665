"""A budget as who needs something of it meets it: it waits, it is refused, and both are told."""

from __future__ import annotations

import pytest

from tradewind.kernel.budget_counts import Told
from tradewind.kernel.budgets import LONGEST_PAUSE, Budgets, BudgetSpentError, Purpose, Waiting
from tradewind.kernel.ccxt_client import ClientSettings, make_client
from tradewind.kernel.resilience import vital
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.venue_limits import EXCHANGE_LIMITS, ExchangeLimits, Window, limits_of

LIMITS = ExchangeLimits(requests=(Window(10, 10),), orders=(Window(10, 5),))


class Time:
    """Seconds that pass when somebody sleeps."""

    def __init__(self):
        self.now = 1_000.0
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def passing():
    return Time()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def budgets(passing, metrics):
    return Budgets(bot="a/b", metrics=metrics, waiting=Waiting(lambda: passing.now, passing.sleep))


def outcome(metrics, name):
    labels = {"bot": "a/b", "budget": "kraken requests", "outcome": name}
    return metrics.registry.get_sample_value("tradewind_budget_needs_total", labels)


async def test_who_has_time_waits_for_room_and_who_has_none_is_refused_at_once(budgets, passing, metrics):
    requests = budgets.requests("kraken", LIMITS)
    await requests.take(7, Purpose.MARKET, patience=0)
    with pytest.raises(BudgetSpentError, match="kraken requests: the exchange allows no more now; not sent") as refusal:
        await requests.take(2, Purpose.MARKET, patience=5)
    assert passing.slept == []
    assert refusal.value.retry_after > 5
    await requests.take(2, Purpose.MARKET, patience=30)
    assert sum(passing.slept) == pytest.approx(refusal.value.retry_after, abs=0.01)
    assert [outcome(metrics, name) for name in ("taken", "waited", "refused")] == [1, 1, 1]
    state = budgets.describe()["kraken requests"]
    assert (state["refused"], state["waited"]) == (1, pytest.approx(sum(passing.slept), abs=0.01))


async def test_entries_leave_room_and_questions_of_the_account_come_before_candles(budgets):
    requests = budgets.requests("kraken", LIMITS)
    await requests.take(7, Purpose.MARKET, patience=0)
    for purpose in (Purpose.ENTRY, Purpose.ACCOUNT):
        with pytest.raises(BudgetSpentError):
            await requests.take(1, Purpose.MARKET, patience=0)
        await requests.take(1, purpose, patience=0)
    with pytest.raises(BudgetSpentError):
        await requests.take(1, Purpose.ACCOUNT, patience=0)
    with vital():
        await requests.take(1, Purpose.MARKET, patience=0)


async def test_a_pause_is_shown_until_it_is_over_and_never_believed_for_longer_than_any_ban(budgets, passing, metrics):
    requests = budgets.requests("kraken", LIMITS)
    await requests.correct(Told(pause=20.0))
    with vital(), pytest.raises(BudgetSpentError, match="has asked for a pause"):
        await requests.take(1, Purpose.ACCOUNT, patience=5)
    labels = {"bot": "a/b", "budget": "kraken requests"}
    assert metrics.registry.get_sample_value("tradewind_budget_pause_seconds", labels) == pytest.approx(20)
    passing.now += 21
    assert budgets.describe()["kraken requests"]["pause"] == 0
    await requests.take(1, Purpose.ACCOUNT, patience=0)
    await requests.correct(Told(pause=1e9))
    assert requests.pause <= LONGEST_PAUSE


async def test_what_is_vital_is_counted_and_told_when_it_goes_beyond(budgets, metrics):
    requests = budgets.requests("kraken", LIMITS)
    with vital():
        await requests.take(12, Purpose.ACCOUNT, patience=0)
    assert outcome(metrics, "beyond") == 1
    assert budgets.describe()["kraken requests"]["used_ratio"] == pytest.approx(1.2)


async def test_a_window_that_has_passed_is_used_no_more(budgets, passing, metrics):
    """A bot that sent its last order a day ago has not used up what may be sent in ten seconds."""
    with vital():
        await budgets.requests("kraken", LIMITS).take(10, Purpose.ACCOUNT, patience=0)
    labels = {"bot": "a/b", "budget": "kraken requests"}
    assert metrics.registry.get_sample_value("tradewind_budget_used_ratio", labels) == pytest.approx(1)
    passing.now += 10
    assert metrics.registry.get_sample_value("tradewind_budget_used_ratio", labels) == 0


def test_accounts_and_addresses_have_budgets_of_their_own():
    here, there = Budgets(address="a"), Budgets(address="b")
    keys = [budgets.requests("binance", EXCHANGE_LIMITS["binance"]).key for budgets in (here, there)]
    assert keys[0] != keys[1]
    accounts = [budgets.orders("binance", EXCHANGE_LIMITS["binance"], "42").key for budgets in (here, there)]
    assert accounts[0] == accounts[1]
    assert here.orders("binance", EXCHANGE_LIMITS["binance"], "43").key != accounts[0]


@pytest.mark.parametrize("exchange", ["binance", "kraken", "bybit", "cryptocom"])
def test_the_table_allows_what_ccxt_does(exchange):
    """Where ccxt learns of another limit the row has to be looked at again."""
    client = make_client(ClientSettings(exchange))
    (window,) = EXCHANGE_LIMITS[exchange].requests
    by_ccxt = 1000 / client.rateLimit * EXCHANGE_LIMITS[exchange].weight
    assert window.limit / window.seconds == pytest.approx(by_ccxt)


def test_an_exchange_without_a_row_has_the_limit_of_ccxt():
    client = make_client(ClientSettings("bitvavo"))
    (window,) = limits_of("bitvavo", client).requests
    assert window.limit / window.seconds == pytest.approx(1000 / client.rateLimit)
    assert limits_of("binance", client) is EXCHANGE_LIMITS["binance"]
