"""The market of a real exchange: it does not wait, so what is lost is asked for, and what is late does not act."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from tradewind.contracts.messages import TickMatched
from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError
from tradewind.domain.order import OrderState
from tradewind.execution import exchange_market
from tradewind.execution.exchange_market import ExchangeMarket
from tradewind.execution.ports import Answer, VenueOrder

BTC, ETH = "BTC/EUR", "ETH/EUR"
HOUR = 3_600_000


class Stream:
    """The account's updates; connected when the test says so."""

    last_execution_id = 0
    connected = True

    async def run(self, deliver, connected):
        self.deliver = deliver
        await connected()
        await asyncio.Event().wait()

    async def tell(self, number, answer):
        self.last_execution_id = number
        await self.deliver(answer)


class Venue:
    """The world's own venue, as an exchange."""

    def __init__(self, venue):
        self._venue, self.user, self.asked = venue, Stream(), 0

    def __getattr__(self, name):
        return getattr(self._venue, name)

    async def start(self, pairs):
        """It is there."""

    async def stream(self):
        return self.user

    async def open_orders(self):
        self.asked += 1
        return await self._venue.open_orders()


@pytest.fixture
def live(remote):
    """A world at an exchange, with the stream connected and nothing to ask."""
    remote.exchange_venue = Venue(remote.venue)
    remote.market = ExchangeMarket(remote.runner.context, remote.ledger, remote.exchange_venue, remote.sender)
    remote.handlers._market = remote.market
    listening = remote.loop.create_task(remote.market.listen())
    remote.let(1)
    remote.exchange_venue.asked = 0
    yield remote
    listening.cancel()
    remote.run(asyncio.gather(listening, return_exceptions=True))


def tick(world, time=HOUR, **fields):
    messages = [msgspec.structs.replace(one, **fields) for one in world.candle_messages_of(time, (BTC, ETH))]
    world.run(world.bus.publish(messages))
    world.let(0.1)


def matched(world):
    return [message.time for message in world.heard if isinstance(message, TickMatched)]


def test_a_tick_costs_no_question_while_the_stream_is_connected(live):
    """The numbers of its events have gaps that mean nothing."""
    live.run(live.exchange_venue.user.tell(1000, Answer()))
    live.run(live.exchange_venue.user.tell(5000, Answer()))
    tick(live)
    assert (matched(live), live.exchange_venue.asked) == ([HOUR], 0)


def test_a_tick_that_closed_without_the_stream_is_decided_on_an_account_that_was_asked_for(live):
    """Nobody decides on what may have changed unheard."""
    live.exchange_venue.user.connected = False
    tick(live)
    assert (matched(live), live.exchange_venue.asked) == ([HOUR], 1)


def test_what_the_stream_lost_is_found_by_asking_now_and_then(live):
    """A stream that is silent proves nothing."""
    entry = live.enter(kind="limit", price=90, bracket=(None, None))
    live.let(1)
    live.run(live.exchange.cancel(live.order(entry)))  # by a person, at the exchange
    live.let(exchange_market.POLL / 2)
    assert live.state(entry) == "Accepted"
    live.let(exchange_market.POLL)
    assert live.state(entry) == "Canceled"


def test_without_the_stream_it_is_asked_often(live):
    """Else a fill would wait for its stop."""
    live.exchange_venue.user.connected = False
    live.let(exchange_market.POLL + 1)  # the question that was due while it was connected
    live.exchange_venue.asked = 0
    live.let(exchange_market.POLL_BLIND * 4)
    assert live.exchange_venue.asked >= 3


def test_an_entry_on_a_candle_of_the_past_is_not_sent_and_an_exit_is(live):
    """At an exchange nobody sells at the price of then; what is held is sold all the same."""
    held = live.enter(bracket=(None, None))
    live.let(1)
    live.venue.match(BTC, Candle(HOUR, 89.0, 89.0, 89.0, 89.0, 1000.0), "Open")
    live.let(exchange_market.POLL + 1)
    assert live.state(held) == "Filled"
    live.time += HOUR
    tick(live, live.time, missed=True)
    late = live.enter(ETH)
    leaving = live.exit(held)
    live.let(1)
    assert live.states(late)[-1] == ("Canceled", "CandleMissed")
    assert late not in live.venue.accepted
    assert live.venue.accepted[leaving] == 1
    live.time += HOUR
    tick(live, live.time)
    timely = live.enter(ETH)
    live.let(1)
    assert live.venue.accepted[timely] == 1


def test_a_decision_stands_for_one_candle_of_the_wall_while_market_time_stands_still(live):
    """The venue was away for longer: what it would buy now was decided for another price."""
    live.venue.plan["create"] = ["lost"]
    live.venue.plan["find"] = ["lost"] * 10_000
    entry = live.enter(expires_at=100 * HOUR, occurred_at=live.runner.context.clock.now())
    live.let(1)
    assert live.state(entry) == "Unknown"
    live.let(2 * HOUR / 1000)
    live.venue.plan["find"].clear()
    live.let(60)
    assert live.states(entry)[-1] == ("Expired", "NeverArrived")
    assert live.venue.calls["create"] == 1


def test_a_restart_remembers_until_when_a_decision_stands(live):
    """It is stored with the order."""
    live.venue.plan["create"] = ["lost"]
    live.venue.plan["find"] = ["lost"] * 10_000
    entry = live.enter(expires_at=100 * HOUR, occurred_at=live.runner.context.clock.now())
    live.let(1)
    live.kill()
    live.let(2 * HOUR / 1000)
    live.venue.plan["find"].clear()
    live.restart()
    live.let(60)
    assert live.states(entry)[-1] == ("Expired", "NeverArrived")


def test_orders_of_another_bot_keep_a_bot_from_beginning(remote):
    """Both would spend the same money. A person's order is left alone; its own are known to it."""
    remote.enter(kind="limit", price=90)
    remote.let(1)
    told = remote.venue.open_orders
    other = VenueOrder("abcdefghijklmnop27", BTC, OrderState.ACCEPTED, Decimal(1), Decimal(0))
    person = VenueOrder("web_12345", BTC, OrderState.ACCEPTED, other.amount, other.filled)

    async def shared():
        return [*await told(), other, person]

    remote.venue.open_orders = shared
    remote.restart()
    remote.let(30)
    assert "another Tradewind bot" in remote.handlers.trouble
    assert "abcdefghijklmnop27" in remote.handlers.trouble
    assert "web_12345" not in remote.handlers.trouble
    assert not remote.handlers.reconciled.is_set()
    remote.venue.open_orders = told
    remote.let(60)
    assert remote.handlers.reconciled.is_set()
    remote.venue.open_orders = shared
    remote.run(remote.handlers._reconcile())  # it has begun: who comes second is refused, not who was there
    assert remote.handlers.reconciled.is_set()
    assert {"abcdefghijklmnop27", "web_12345"} <= remote.ledger.records.keys()


def test_what_the_user_must_mend_ends_the_service_with_that_sentence(remote):
    """A key that the exchange refuses, capital that is not there: asking again mends nothing, and is not done."""
    asked = []

    async def balances():
        asked.append(None)
        raise ConfigError("spec.capital.startingBalance", "10000", "at most 5", "lower it")

    remote.venue.balances = balances
    remote.restart()
    remote.let(60)
    assert isinstance(remote.runner.failure, ConfigError)
    assert len(asked) == 1
