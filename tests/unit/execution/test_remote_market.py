"""The market of a venue of its own: a tick is over when everything that the venue told about it is in the ledger.

The stream of the account is a convenience: what it loses, doubles, tells too late or tells to a store that fails is
asked for, and nobody decides before.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from tradewind.contracts.messages import OpeningSettled, OrderFilled, TickMatched, VenueOpened
from tradewind.domain.candle import Candle
from tradewind.domain.order import OrderState
from tradewind.execution import remote_market
from tradewind.execution.ports import Answer, VenueFill, VenueOrder, VenueRefusalError
from tradewind.execution.remote_market import RemoteMarket
from tradewind.kernel.store.base import FencedError

BTC, ETH = "BTC/EUR", "ETH/EUR"
HOUR = 3_600_000


class Stream:
    """The account's updates, told when the test says so."""

    last_execution_id = 0

    async def run(self, deliver, connected):
        self.deliver, self.connected = deliver, connected
        await connected()
        await asyncio.Event().wait()

    async def tell(self, number, answer):
        self.last_execution_id = max(self.last_execution_id, number)
        await self.deliver(answer)


class Venue:
    """The world's own venue, as the one whose market is played elsewhere."""

    def __init__(self, venue):
        self._venue, self.user = venue, Stream()
        self.asked = self.closed_markets = self.starts = 0
        self.closed = False

    def __getattr__(self, name):
        return getattr(self._venue, name)

    async def start(self, pairs):
        self.starts += 1

    async def stream(self):
        return self.user

    async def open_orders(self):
        self.asked += 1
        return await self._venue.open_orders()

    async def close_market(self):
        self.closed_markets += 1

    async def close(self):
        self.closed = True


class Played:
    """A world whose venue is played tick by tick, with its stream connected and nothing to ask."""

    def __init__(self, world):
        self.world, self.venue, self.user = world, Venue(world.venue), None
        self.market = RemoteMarket(world.runner.context, world.ledger, self.venue, world.sender)
        world.handlers._market = self.market
        self.listening = world.loop.create_task(self.market.listen())
        world.let(1)
        self.user, self.venue.asked = self.venue.user, 0

    def trade(self, pair=BTC, time=HOUR, price=89.0):
        """The venue trades at `price`; returns what it would tell, in its order, one answer for each event."""
        updates, _ = self.world.venue.match(pair, Candle(time, price, price, price, price, 1000.0), "Open")
        told = []
        for update in updates:
            fill = update.fill
            order = self.world.order(fill.client_order_id)
            state = VenueOrder(fill.client_order_id, pair, OrderState.FILLED, order.amount, order.amount)
            told.append(Answer(orders=(state,), updates=(VenueFill(fill),)))
        return told

    def tell(self, number, answer):
        return self.world.run(self.user.tell(number, answer))

    def candles_of_tick(self, events, time=HOUR):
        messages = self.world.candle_messages_of(time, (BTC, ETH))
        return [msgspec.structs.replace(message, venue_events=events) for message in messages]

    def tick(self, events, time=HOUR):
        self.world.run(self.world.bus.publish(self.candles_of_tick(events, time)))

    def opened(self, events, time=HOUR):
        message = VenueOpened(id=f"opened:{time}:{events}", time=time, bot=self.world.bot.key, venue_events=events)
        self.world.run(self.world.bus.publish([message]))

    def heard(self, kind):
        return [message for message in self.world.heard if isinstance(message, kind)]


@pytest.fixture
def played(remote, monkeypatch):
    monkeypatch.setattr(remote_market, "wall", SimpleNamespace(monotonic=remote.loop.time))
    made = Played(remote)
    yield made
    made.listening.cancel()
    remote.run(asyncio.gather(made.listening, return_exceptions=True))


@pytest.fixture
def entry(played):
    """An entry that rests at 90, without a bracket; the venue has told one event of it."""
    client_id = played.world.enter(kind="limit", price=90, bracket=(None, None))
    played.world.let(1)
    played.tell(1, Answer())
    return client_id


# --------------------------------------------------------------------------------------------------------------- ticks


def test_a_tick_whose_events_were_all_seen_is_matched_at_once(played, entry):
    """The usual tick costs no request and no waiting."""
    (told,) = played.trade()
    played.tell(2, told)
    played.tick(2)
    played.world.let(0)
    (matched,) = played.heard(TickMatched)
    assert (matched.time, matched.orders_sequence) == (HOUR, played.world.messages()[-1].sequence)
    assert played.world.state(entry) == "Filled"
    assert played.venue.asked == 0


def test_a_tick_waits_a_moment_for_the_stream(played, entry):
    """What is on its way need not be asked for."""
    (told,) = played.trade()
    played.tick(2)
    played.world.let(remote_market.PATIENCE / 2)
    assert played.heard(TickMatched) == []
    played.tell(2, told)
    played.world.let(0.01)
    assert len(played.heard(TickMatched)) == 1
    assert played.venue.asked == 0


def test_what_the_stream_does_not_tell_is_asked_for(played, entry):
    """And is in the ledger before anybody may decide on the tick."""
    played.trade()
    played.tick(2)
    played.world.let(remote_market.PATIENCE * 2)
    (matched,), (filled,) = played.heard(TickMatched), played.heard(OrderFilled)
    assert matched.orders_sequence >= filled.sequence
    assert played.venue.asked == 1
    assert played.world.state(entry) == "Filled"
    played.tick(2, 2 * HOUR)
    played.world.let(0)
    assert len(played.heard(TickMatched)) == 2, "what was asked for counts as seen"


def test_a_jump_in_the_numbers_is_asked_about(played, entry):
    """The fill before it was lost, or will come too late."""
    played.trade()
    played.tell(3, Answer())
    played.world.let(0.01)
    assert (played.venue.asked, played.world.state(entry)) == (1, "Filled")


def test_after_a_reconnect_everything_is_asked_for(played, entry):
    """What happened while the line was down is told by nobody."""
    played.trade()
    played.world.run(played.user.connected())
    played.world.let(0.01)
    assert (played.venue.asked, played.world.state(entry)) == (1, "Filled")


def test_an_update_that_could_not_be_stored_is_asked_for(played, entry):
    """The stream tells it once; a full disk for a moment must not lose a fill."""
    (told,) = played.trade()
    played.world.store.fail_in = 0
    played.tell(2, told)
    played.world.let(0.01)
    assert (played.venue.asked, played.world.state(entry)) == (1, "Filled")


def test_an_update_told_twice_or_again_later_changes_nothing(played, entry):
    """No jump, nothing to ask, one fill."""
    (told,) = played.trade()
    for number in (2, 2, 1):
        played.tell(number, told)
    played.tick(2)
    played.world.let(0)
    assert len(played.heard(OrderFilled)) == len(played.heard(TickMatched)) == 1
    assert played.venue.asked == 0


def test_an_update_that_waits_for_the_store_is_not_seen_yet(played, entry):
    """Else a candle that is handled first would say that everything of it is among the events, and it is not."""
    world = played.world
    (told,) = played.trade()

    async def both():
        async with world.runner.unit():
            handling = asyncio.ensure_future(world.runner.handle(played.candles_of_tick(2)))
            await asyncio.sleep(0)
            telling = asyncio.ensure_future(played.user.tell(2, told))
            await asyncio.sleep(0)
        await asyncio.gather(handling, telling)

    world.run(both())
    world.let(1)
    (matched,), (filled,) = played.heard(TickMatched), played.heard(OrderFilled)
    assert matched.orders_sequence >= filled.sequence


def test_an_update_that_fails_while_its_tick_waits_is_asked_for_before_the_tick_is_over(played, entry):
    """The number was seen, the fill is not stored: the tick may not be matched on that."""
    world = played.world
    (told,) = played.trade()
    played.tick(2)
    world.let(0.01)
    world.store.fail_in = 0
    played.tell(2, told)
    world.let(1)
    (matched,), (filled,) = played.heard(TickMatched), played.heard(OrderFilled)
    assert matched.orders_sequence >= filled.sequence


def test_what_is_lost_while_the_venue_is_being_asked_is_asked_for_again(played, entry):
    """The answer was on its way when it happened: a tick that waits may not be matched on it."""
    world = played.world
    on_its_way = asyncio.Event()

    async def answered_before(trades):
        await on_its_way.wait()
        return trades

    played.venue.fills = lambda: answered_before([])
    world.run(played.user.connected())
    world.let(0.01)
    del played.venue.fills
    played.trade()
    played.tell(3, Answer())  # 2, the fill, was lost
    played.tick(3)
    on_its_way.set()
    world.let(1)
    (matched,), (filled,) = played.heard(TickMatched), played.heard(OrderFilled)
    assert matched.orders_sequence >= filled.sequence
    assert played.venue.asked == 2


def test_an_order_of_unknown_outcome_holds_the_tick_back(played):
    """Nobody decides on an account that is not known."""
    world = played.world
    world.venue.plan["create"] = ["unheard"]
    world.venue.plan["find"] = ["refused"] * 3
    client_id = world.enter(kind="limit", price=90)
    world.let(0.01)
    played.tick(0)
    world.let(0.1)
    assert (world.state(client_id), played.heard(TickMatched)) == ("Unknown", [])
    world.let(60)
    assert world.state(client_id) == "Accepted"
    assert len(played.heard(TickMatched)) == 1


def test_a_venue_that_does_not_answer_holds_the_tick_back_until_it_does(played, entry):
    """Whatever it did meanwhile is known before anybody decides."""
    world = played.world
    played.trade()
    world.venue.plan["fills"] = ["lost"] * 4
    played.tick(2)
    world.let(1)
    assert played.heard(TickMatched) == []
    world.let(60)
    (matched,), (filled,) = played.heard(TickMatched), played.heard(OrderFilled)
    assert matched.orders_sequence >= filled.sequence
    assert world.alive


# ------------------------------------------------------------------------------------------------------------ openings


def test_an_opening_is_settled_when_the_legs_of_what_it_filled_rest(played):
    """The candle goes on only then: a position without a stop would meet its path."""
    world = played.world
    entry = world.enter(kind="limit", price=90)
    world.let(1)
    played.tell(1, Answer())
    (told,) = played.trade()
    played.tell(2, told)
    played.opened(2)
    world.let(0.01)
    (settled,) = played.heard(OpeningSettled)
    assert settled.time == HOUR
    assert [(leg, state) for leg, _, _, state in world.legs(entry)] == [("stop", "Accepted"), ("target", "Accepted")]
    assert played.heard(TickMatched) == []


def test_an_opening_told_twice_is_one_wait(played, entry):
    """Market-data tells it again when it hears nothing."""
    (told,) = played.trade()
    played.opened(2)
    played.opened(2)
    played.world.let(0.01)
    assert played.heard(OpeningSettled) == []
    played.tell(2, told)
    played.world.let(0.01)
    assert len(played.heard(OpeningSettled)) == 1


def test_an_opening_that_was_settled_is_settled_again_when_it_is_told_again(played):
    """The word of it may have been lost with the process that waited for it."""
    for _ in range(2):
        played.opened(0)
        played.world.let(0.01)
    assert len(played.heard(OpeningSettled)) == 2


# --------------------------------------------------------------------------------------------------------- the account


def test_at_the_end_the_market_is_closed_and_what_came_of_it_is_asked_for(played, entry):
    """The last exits trade at the last close, and no stream needs to say so."""
    played.trade()
    played.world.run(played.market.finish(HOUR))
    assert (played.venue.closed_markets, played.venue.asked) == (1, 1)
    assert played.world.state(entry) == "Filled"


def test_a_venue_that_does_not_close_its_market_is_silent_and_not_the_end(played):
    """The worker asks it again, as for anything else."""

    async def refuse():
        raise VenueRefusalError("TooManyRequests", "later")

    played.venue.close_market = refuse
    with pytest.raises(VenueRefusalError):
        played.world.run(played.market.finish(HOUR))
    assert played.venue.asked == 0


def test_a_writer_that_was_replaced_stops_listening(played, entry):
    """The account is another's: the service ends, and what was told is the other's to store."""
    (told,) = played.trade()
    played.world.take_over_after_commits(0)
    played.world.store.hooks.pop(played.world.store.commits)()
    with pytest.raises(FencedError):
        played.tell(2, told)
    assert played.heard(OrderFilled) == []


def test_it_stands_where_the_run_resumes_and_never_goes_back(played):
    """After a failed unit the service loads again, by then further than it was resumed."""
    world = played.world
    world.runner.context.resume_time, world.ledger.time = 7 * HOUR, 0
    world.run(played.market.load())
    assert world.ledger.time == 7 * HOUR
    world.ledger.time = 9 * HOUR
    world.run(played.market.load())
    assert world.ledger.time == 9 * HOUR


def test_it_connects_and_lets_go_of_the_venue(played):
    """Each time that the worker begins anew the venue's clock is measured again."""
    for _ in range(2):
        played.world.run(played.market.connect())
    assert played.venue.starts == 2
    played.world.run(played.market.close())
    assert played.venue.closed


def test_a_venue_that_cannot_be_reached_at_all_is_waited_for(played):
    """Down for minutes, with nobody listening: the bot says so and goes on when it is back."""
    world, failures = played.world, [ConnectionRefusedError("nobody listens")] * 12

    async def start(pairs):
        if failures:
            raise failures.pop()

    played.venue.start = start
    played.venue._venue.plan["fills"] = ["lost"]
    world.run(played.user.connected())
    world.let(30)
    assert failures, "it is asked with growing pauses"
    assert world.alive
    assert "nobody listens" in world.runner.unready()["venue"]
    world.let(300)
    assert (failures, world.alive, world.runner.unready()) == ([], True, {})
