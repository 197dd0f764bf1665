"""Messages in, and the pace of a replay: no tick is skipped, none waits for ever, none acts twice."""

from __future__ import annotations

from decimal import Decimal

from tradewind.contracts.messages import TickMatched, TickSettled
from tradewind.execution.sender import ASK_PAUSES
from tradewind.execution.venue_call import VenueSilentError
from tradewind.kernel.runner import RETRY_PAUSES

D = Decimal


def cycle(world):
    return [message for message in world.heard if isinstance(message, TickMatched | TickSettled)]


def test_a_tick_is_matched_when_its_candles_are_complete(world):
    """And says up to which order event it has got."""
    world.candle()
    matched, settled = cycle(world)
    assert (matched.id, matched.orders_sequence, settled.id) == ("matched:3600000:False", 1, "settled:3600000")
    world.enter()
    world.let(1)
    world.candle()
    assert cycle(world)[2].orders_sequence == len(world.messages())


def test_a_tick_older_than_the_last_is_settled_and_not_matched(world):
    """Market data that was started again alone plays what the bot was done with; the venue is beyond it."""
    world.candle()
    world.candle()
    entry = world.enter()
    world.let(1)
    before = len(cycle(world))
    world.publish_candles(3_600_000, ["BTC/EUR", "ETH/EUR"])
    world.let(5)
    assert {message.id for message in cycle(world)[before:]} == {"settled:3600000"}
    assert world.state(entry) == "Accepted"
    world.candle()
    assert world.state(entry) == "Filled"


def test_half_a_tick_is_no_tick(world):
    """The other pair's candle may still come."""
    world.publish_candles(3_600_000, ["BTC/EUR"])
    world.let(5)
    assert cycle(world) == []
    world.publish_candles(3_600_000, ["BTC/EUR"])
    world.let(5)
    assert cycle(world) == []
    world.publish_candles(3_600_000, ["ETH/EUR"])
    world.let(5)
    assert len(cycle(world)) == 1


def test_a_candle_of_another_timeframe_is_of_the_tick_and_not_matched(world):
    """Orders meet base candles only; the four-hour one is for the strategies."""
    entry = world.enter()
    world.let(1)
    world.publish_candles(3_600_000, ["BTC/EUR"], tick_size=3)
    world.publish_candles(3_600_000, ["BTC/EUR"], tick_size=3, timeframe="4h")
    assert cycle(world) == []
    world.publish_candles(3_600_000, ["ETH/EUR"], tick_size=3)
    world.let(1)
    assert len(cycle(world)) == 1
    assert world.state(entry) == "Filled"


def test_a_candle_whose_unit_failed_comes_again_alone_and_the_tick_is_matched(world):
    """The other candles of the tick were handled long ago: a replay must not wait for them for ever."""
    entry = world.enter()
    world.let(1)
    world.publish_candles(3_600_000, ["BTC/EUR"])
    world.let(1)
    with world.at_once():
        world.enter("ETH/EUR")
        world.store.fail_in = 0
        world.held_back += world.candle_messages_of(3_600_000, ["ETH/EUR"])
    world.let(10)
    assert len(cycle(world)) >= 1
    assert world.state(entry) == "Filled"


def test_the_tick_settles_when_its_commands_are_carried_out(world):
    """Not when they are heard: the next candle must find the order at the venue."""
    world.candle()
    world.run(world.sender._working.acquire())
    entry = world.enter()
    world.decided(3_600_000)
    world.let(5)
    assert len(cycle(world)) == 2
    world.sender._working.release()
    world.let(5)
    assert len(cycle(world)) == 3
    assert world.state(entry) == "Accepted"


def test_the_tick_settles_only_when_all_its_commands_were_heard(world):
    """The decision may arrive before the commands it counts."""
    world.candle()
    world.commands += 1
    world.decided(3_600_000)
    world.let(5)
    world.commands -= 1
    settled = len(cycle(world))
    world.enter()
    world.let(5)
    assert len(cycle(world)) == settled + 1


def test_a_replay_goes_on_once_an_unknown_order_is_known(remote):
    """Whatever the last question was: nobody else would wake the worker."""
    remote.venue.plan["create"] = ["unheard"]
    remote.venue.plan["find"] = ["lost"] * 3
    remote.enter(kind="limit", price=90)
    remote.candle(60)
    remote.check_quiet()


def test_ticks_that_come_faster_than_the_venue_answers_are_all_matched_in_their_order(remote):
    """Live candles do not wait: a stop that was reached on the first of them has acted on the first of them."""
    entry = remote.enter(bracket=("0.05", None))
    remote.let(1)
    remote.candle()
    remote.venue.plan["create"] = ["unheard-silent"]
    remote.enter("ETH/EUR", bracket=(None, None))
    remote.candle(0.1, BTC=(100, 100, 94, 96))
    remote.candle(0.1, BTC=(96, 96, 50, 50))
    remote.let(60)
    assert remote.account().trades[0].close_rate == 95
    assert remote.legs(entry) == []
    remote.check_quiet()


def test_a_command_that_comes_while_a_candle_is_walked_does_not_act_in_it(world):
    """It was decided after that candle; only the legs of what its open filled are placed before its path."""
    first = world.enter(bracket=("0.05", None))
    world.let(1)
    world.candle()
    stop, match = world.stop_of(first), world.venue.match

    def match_and_hear(pair, candle, phase):
        told = match(pair, candle, phase)
        if phase == "Open" and pair == "BTC/EUR":
            world.venue.match = match
            record = world.ledger.records[stop]
            world.ledger.records[stop] = type(record)(**{**fields(record), "wanted_stop_price": D(99)})
        return told

    world.venue.match = match_and_hear
    second = world.enter("ETH/EUR", bracket=("0.05", None))
    world.candle(BTC=(100, 100, 97, 100))
    world.let(5)
    assert world.order(stop).stop_price == 99
    assert world.state(stop) == "Accepted"
    assert [state for *_, state in world.legs(second)] == ["Accepted"]


def fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


def test_legs_of_what_the_path_filled_are_there_before_anybody_decides(world):
    """The engine decides on the tick with its stop in view, as it would after a restart."""
    entry = world.enter(kind="limit", price=99)
    world.let(1)
    world.time += 3_600_000
    world.candles[world.time] = {
        p: c._replace(open_time=world.time, low=c.low * 0.98) for p, c in world.candles[0].items()
    }
    world.publish_candles(world.time, ["BTC/EUR", "ETH/EUR"])
    world.let(1)
    assert [state for *_, state in world.legs(entry)] == ["Accepted", "Accepted"]
    assert cycle(world)[-1].orders_sequence == len(world.messages())


def test_the_same_command_twice_is_one_order(world):
    """Delivered again after a restart of its sender."""
    entry = world.enter()
    world.let(1)
    states = world.states(entry)
    world.run(world.bus.publish(world.sent))
    world.let(5)
    assert world.states(entry) == states
    world.sent[0] = world.sent[0].__class__(**{**struct(world.sent[0]), "id": "another-id"})
    world.run(world.bus.publish(world.sent))
    world.let(5)
    assert world.states(entry) == states


def struct(message):
    return {name: getattr(message, name) for name in message.__struct_fields__}


def test_commands_about_orders_that_are_not_or_no_longer_there_change_nothing(world):
    """And do not keep the tick from settling."""
    entry = world.enter(bracket=("0.05", None))
    world.let(1)
    world.candle()
    stop = world.stop_of(entry)
    world.candle(BTC=(90, 90, 90, 90))
    before = world.states(stop)
    world.amend(stop, 99)
    world.cancel(stop)
    world.entries["nobody"] = "BTC/EUR"
    world.cancel("nobody")
    del world.entries["nobody"]
    world.candle()
    assert world.states(stop) == before
    world.check_quiet()


def test_the_end_of_the_recording_sells_at_the_last_close_and_reports(world):
    """The forced exits, then the balances, then the last mark."""
    entry = world.enter()
    world.let(1)
    world.candle(BTC=(100, 105, 100, 104))
    leaving = world.exit(entry)
    world.let(0.1)
    world.decided(world.time, final=True)
    world.let(5)
    assert world.state(leaving) == "Filled"
    assert world.account().trades[0].close_rate == 104
    matched = cycle(world)[-1]
    assert (matched.final, matched.orders_sequence) == (True, len(world.messages()))
    report = world.messages()[-1]
    assert report.balances["EUR"] == world.exchange._balances["EUR"]


def test_stopping_carries_out_what_was_intended(worlds):
    """What was decided is at the venue before the process ends; what the venue does not answer is asked for later."""
    world = worlds(remote=True)
    world.run(world.sender._working.acquire())
    entry = world.enter(kind="limit", price=90)
    world.let(0)
    world.sender._working.release()
    world.run(world.runner.stop())
    assert world.runner.state.value == "Terminated"
    assert world.at_venue().keys() == {entry}
    assert world.venue.accepted == {entry: 1}
    world.restart()
    world.let(30)
    world.check_quiet()


def test_stopping_while_the_worker_is_in_the_middle_of_an_order_sends_it_once(remote):
    """Two that carry out at once would be two orders, or a crash."""
    remote.venue.plan["create"] = ["unheard-silent"]
    entry = remote.enter(kind="limit", price=90)
    remote.let(0.5)
    remote.cancel(entry)
    remote.run(remote.runner.stop())
    assert remote.venue.accepted == {entry: 1}
    remote.restart()
    remote.let(60)
    assert remote.state(entry) == "Canceled"
    remote.check_quiet()


def test_a_service_that_could_not_reconcile_sends_nothing_when_it_stops(remote):
    """It does not know what the venue has."""
    remote.enter()
    remote.kill()
    remote.venue.plan["fills"] = ["lost"] * 100
    remote.restart()
    remote.let(1)
    remote.run(remote.handlers.drain())
    assert remote.venue.calls["create"] == 0


# -------------------------------------------------------------------------------------------------------------- worker


def test_a_venue_that_is_silent_for_long_is_asked_for_as_long_as_it_takes(remote):
    """An hour's maintenance is no reason to stop a bot that has positions; readiness says what it waits for."""
    remote.venue.plan["fills"] = ["lost"] * 200
    remote.venue.plan["create"] = ["lost"]
    remote.restart()
    remote.let(1800)
    assert remote.alive
    assert remote.runner.unready() == {"venue": "not reconciled: ConnectionResetError: before it arrived"}
    entry = remote.enter()
    remote.let(60)
    assert remote.state(entry) == "Intended", "nothing is sent to a venue whose truth is not known"
    remote.let(1800)
    assert remote.runner.unready() == {}
    assert remote.state(entry) == "Accepted"


def test_a_venue_that_answers_again_is_asked_soon_the_next_time(remote):
    """The pauses grow with the silences in a row, not with all that there ever were."""
    original = remote.handlers._market.work
    for _ in range(len(ASK_PAUSES)):
        silences = [VenueSilentError("TimeoutError: ")]

        async def work(silences=silences):
            if silences:
                raise silences.pop()
            return await original()

        remote.handlers._market.work = work
        remote.venue.plan["fills"] = ["lost"]
        remote.enter(kind="limit", price=90)
        remote.let(ASK_PAUSES[0] / 2)
        assert "TimeoutError" in remote.runner.unready()["venue"]
        remote.let(sum(ASK_PAUSES[:2]))
        assert remote.runner.unready() == {}


def test_a_venue_that_says_when_it_may_be_asked_is_asked_then(remote):
    """Each of its answers says one second: after a ban of a minute nobody is blind for longer than that."""
    remote.venue.plan["fills"] = ["not taken"] * 4
    remote.restart()
    remote.let(3.9)
    assert "TooManyRequests" in remote.runner.unready()["venue"]
    remote.let(0.6)
    assert remote.runner.unready() == {}


def test_any_other_failure_is_tried_again_a_few_times_and_then_fails_the_service(remote):
    """A defect must be seen: a service that fails is loud, and nothing is lost by starting it again."""
    tried = []

    async def work():
        tried.append(remote.loop.time())
        raise ArithmeticError("a defect")

    remote.handlers._market.work = work
    entry = remote.enter(kind="limit", price=90)
    remote.let(sum(RETRY_PAUSES) - 0.1)
    assert remote.alive
    assert "a defect" in remote.handlers.trouble
    remote.let(1)
    assert len(tried) == len(RETRY_PAUSES) + 1
    assert isinstance(remote.runner.failure, ArithmeticError)
    remote.restart()
    remote.let(1)
    remote.check_quiet()
    assert remote.state(entry) == "Accepted"


def test_failures_with_work_done_in_between_do_not_add_up(remote):
    """Five bad moments in a year are not five in a row."""
    original = remote.handlers._market.work
    for _ in range(len(RETRY_PAUSES) + 2):
        failures = [ArithmeticError("once")]

        async def work(failures=failures):
            if failures:
                raise failures.pop()
            return await original()

        remote.handlers._market.work = work
        remote.enter(kind="limit", price=90)
        remote.let(RETRY_PAUSES[-1] + 1)
        assert failures == []
    assert remote.alive
