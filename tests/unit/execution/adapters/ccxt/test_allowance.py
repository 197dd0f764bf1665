"""What may be asked of a venue: taken before anything is sent, corrected by what the venue says, in no exit's way.

The clients are ccxt's, unmodified, over a scripted session: what is not in `session.sent` was not sent.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.unit.execution.adapters.ccxt.scripted import PAIR, Reply, a_stop, a_target, an_order, binance_order

from tradewind.domain.order import Leg, Side, client_order_id
from tradewind.execution.adapters.ccxt.allowance import Allowance
from tradewind.execution.live_venue import TOO_MANY_REQUESTS, NotTakenError
from tradewind.kernel.budget_counts import Told
from tradewind.kernel.budgets import Budgets, BudgetSpentError, Waiting
from tradewind.kernel.ccxt_client import ClientSettings
from tradewind.kernel.resilience import Dependencies, vital
from tradewind.kernel.shared_counts import SharedCounts
from tradewind.kernel.venue_limits import EXCHANGE_LIMITS

ORDER, CANCEL, OPEN = "POST /api/v3/order", "DELETE /api/v3/order", "GET /api/v3/openOrders"
BINANCE = EXCHANGE_LIMITS["binance"]
SETTINGS = ClientSettings("binance", api_key="key")


def an_exit(number=0):
    name = client_order_id("bot", f"decision {number}", Leg.EXIT)
    return an_order(client_order_id=name, leg=Leg.EXIT, side=Side.SELL)


@pytest.fixture
def join(open_venue):
    """A venue whose client takes from `budgets`, with the replies of a venue that is well."""

    async def joined(budgets, exchange="binance", settings=SETTINGS):
        venue, session = await open_venue(exchange)
        venue.client.enableRateLimit = True
        venue.allowance = Allowance(budgets, venue.client, venue.row, settings, call_timeout=2.0)
        session.on(OPEN, Reply([]))
        session.on(ORDER, Reply(binance_order(an_order())))
        session.on(CANCEL, Reply(binance_order(an_order(), status="CANCELED")))
        return venue, session

    return joined


@pytest.fixture(params=["memory", "redis"])
async def two_budgets(request):
    """The budgets of two bots at one address: of one process without Redis, of two with it.

    No window of ten seconds ends while a test counts in it: one clock stands still, and the server's is waited for.
    """
    if request.param == "memory":
        budgets = Budgets(waiting=Waiting(now=lambda: 1000.0))
        yield budgets, budgets
        return
    url = request.getfixturevalue("redis_server").url
    both = [Budgets(SharedCounts(url, name, Dependencies())) for name in ("one", "two")]
    left = 10 - time.time() % 10
    if left < 2:
        await asyncio.sleep(left)
    yield both
    for budgets in both:
        await budgets.close()


async def spend(budgets, kind="requests", account=None):
    """Have nothing be left; by the venue's own word."""
    budget = budgets.requests("binance", BINANCE) if kind == "requests" else account
    await budget.correct(Told(tuple(window.limit for window in budget.windows)))
    return budget


async def test_a_request_takes_the_weight_that_binance_counts(join):
    budgets = Budgets()
    venue, _ = await join(budgets)
    await venue.open_orders()
    requests = budgets.requests("binance", BINANCE)
    assert requests.used_ratio * 6000 == pytest.approx(80)
    await venue.create([an_order()])
    assert requests.used_ratio * 6000 == pytest.approx(81)


async def test_an_entry_without_room_is_certainly_not_taken(join, two_budgets):
    """What another bot has used up; the refusal says when to come back, and nothing was sent."""
    mine, others = two_budgets
    venue, session = await join(mine)
    await spend(others)
    with pytest.raises(NotTakenError) as refusal:
        await venue.create([an_order()])
    assert refusal.value.reason == TOO_MANY_REQUESTS
    assert refusal.value.retry_after > 0.5
    with pytest.raises(NotTakenError):
        await venue.open_orders()
    assert session.sent == []


async def test_what_ends_risks_goes_out_without_room(join, two_budgets):
    mine, others = two_budgets
    venue, session = await join(mine)
    session.on("POST /api/v3/orderList/oco", Reply({"orderReports": []}))
    await spend(others)
    await spend(mine, "orders", mine.orders("binance", BINANCE, "42"))
    venue.allowance.belongs_to("42")
    await venue.create([an_exit()])
    await venue.create([a_stop()])
    await venue.create([a_stop(), a_target()])
    await venue.cancel(an_order())
    with vital():  # as in an emergency stop
        await venue.open_orders()
    sent = [f"{one.method} {one.path}" for one in session.sent]
    assert sent == [ORDER, ORDER, "POST /api/v3/orderList/oco", CANCEL, OPEN]


async def test_entries_leave_room_for_the_orders_of_exits(join, two_budgets):
    """Two bots on one account may create eighty entries in ten seconds together; the venue would take a hundred."""
    venues = []
    for budgets in two_budgets:
        venues.append(await join(budgets))
        venues[-1][0].allowance.belongs_to("42")
    account = two_budgets[1].orders("binance", BINANCE, "42")
    await account.correct(Told((79.0, 79.0)))
    (one, _), (other, session) = venues
    await one.create([an_order()])
    with pytest.raises(NotTakenError, match="binance orders"):
        await other.create([an_order()])
    assert session.sent == []
    await other.create([an_exit()])
    assert len(session.sent) == 1


@pytest.mark.parametrize("status", [418, 429])
async def test_a_pause_that_one_was_told_stops_all_of_the_address(join, two_budgets, status):
    (one, told), (other, session) = [await join(budgets) for budgets in two_budgets]
    told.on(OPEN, Reply({"code": -1003, "msg": "Too much"}, status, {"Retry-After": "60"}))
    with pytest.raises(NotTakenError):
        await one.open_orders()
    for ask in (other.open_orders, lambda: other.create([an_order()]), lambda: other.cancel(an_order())):
        with pytest.raises(NotTakenError) as refusal:
            await ask()
        assert 50 < refusal.value.retry_after <= 61
    assert session.sent == []


async def test_a_pause_of_which_nobody_knows_the_end_lets_a_cancellation_out(join, two_budgets):
    (one, told), (other, session) = [await join(budgets) for budgets in two_budgets]
    told.on(OPEN, Reply({"code": -1003, "msg": "Too much"}, 429))
    with pytest.raises(NotTakenError):
        await one.open_orders()
    with pytest.raises(NotTakenError):
        await other.create([an_order()])
    await other.cancel(an_order())
    assert [one.method for one in session.sent] == ["DELETE"]


async def test_what_the_venue_has_counted_holds_for_everybody(join, two_budgets):
    (one, told), (other, session) = [await join(budgets) for budgets in two_budgets]
    told.on(OPEN, Reply([], headers={"X-MBX-USED-WEIGHT-1M": "5990"}))
    await one.open_orders()
    with pytest.raises(NotTakenError):
        await other.create([an_order()])
    assert session.sent == []


async def test_a_refusal_after_something_was_sent_decides_nothing(join):
    """A call of two requests whose second finds no room may have been taken: that is no certain no."""
    budgets = Budgets()
    venue, session = await join(budgets)

    async def two_requests():
        await venue.client.create_order(PAIR, "limit", "buy", "0.015", "30000.5")
        await spend(budgets)
        await venue.client.fetch_open_orders()

    with pytest.raises(BudgetSpentError):
        await venue.calls.run(two_requests)
    assert len(session.sent) == 1


async def test_another_place_has_another_budget(join):
    """The sim-exchange on this machine uses nothing up of what the exchange allows."""
    budgets = Budgets()
    venue, session = await join(budgets, settings=ClientSettings("binance", api_key="key", rest_url="http://here:1"))
    await spend(budgets)
    await venue.create([an_order()])
    assert len(session.sent) == 1
