"""The money invariants of `semantics` section 6, under everything that a bot, a market, a venue and a machine can do.

A state machine drives the real service: entries of every kind, exits, amendments, cancellations, candles, a venue that
refuses, stays silent, answers late and repeats itself, and kill -9 before and after every commit. At every quiet point
all the money is where the fills say, every order is where the venue says, and every position is protected.
"""

from __future__ import annotations

import os
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tradewind.domain.order import Leg, OrderType

# Given, so many examples at random; else a few, always the same. Shrinking takes longer than a test may.
EXAMPLES = int(os.environ.get("TRADEWIND_MONEY_EXAMPLES", "0"))
PAIRS = st.sampled_from(["BTC/EUR", "ETH/EUR"])
AMOUNTS = st.sampled_from([Decimal(text) for text in ("0.002", "0.06", "0.5", "1.234", "7", "40")])
TICKS = st.integers(-12, 12)
MOMENTS = st.sampled_from([0, 0.05, 0.7, 20])
FAULTS = {
    "create": ["refused", "lost", "silent", "late", "unheard", "unheard-silent"],
    "cancel": ["refused", "lost", "pending", "late", "unheard", "unheard-silent"],
    "amend": ["refused", "lost", "late", "unheard"],
    "find": ["refused", "lost", "silent"],
    "fills": ["lost"],
}


class MoneyMachine(RuleBasedStateMachine):
    """One account; every rule ends with what must hold at any moment."""

    world_class = None
    remote = False

    @initialize(
        base_fee=st.booleans(), slippage=st.sampled_from(["0", "7"]), volume=st.sampled_from([1000.0, 20.0, 1.0])
    )
    def begin(self, base_fee, slippage, volume):
        changes = [f"spec.exchanges[bitvavo].slippage.basisPoints={slippage}"]
        if base_fee:
            changes.append("spec.exchanges[bitvavo].fees.currency=Base")
        self.world = self.world_class(remote=self.remote, settings=changes, volume=volume)

    def teardown(self):
        if hasattr(self, "world"):
            try:
                self.rest()
            finally:
                self.world.close()

    def after(self, moment):
        """Let some time pass; whoever was killed meanwhile is started again."""
        self.world.let(moment)
        while not self.world.alive:
            # A start that cannot reconcile with its venue fails, and says so; the platform tries again.
            assert self.world.store.dead or not self.world.handlers.reconciled.is_set(), self.world.runner.failure
            self.world.restart()
        self.world.check_always()

    def last(self, pair):
        return Decimal(str(self.world.candles[self.world.time][pair].close))

    def rest(self):
        """A quiet point: nothing goes wrong any more, and everything has its time."""
        self.world.store.kill_in = None
        if self.remote:
            self.world.venue.stream_faults.clear()
            for plan in self.world.venue.plan.values():
                plan.clear()
        self.after(60)
        self.world.decided(self.world.time)
        self.after(60)
        self.world.check_quiet()

    # ------------------------------------------------------------------------------------------------- what comes in

    @rule(
        pair=PAIRS,
        amount=AMOUNTS,
        kind=st.sampled_from(["market", "market", "limit", "stop", "stop_limit"]),
        bracket=st.sampled_from([("0.05", "0.06"), ("0.02", None), (None, "0.03"), (None, None)]),
        offset=TICKS,
        beyond=TICKS,
        force=st.sampled_from(["GTC", "GTC", "IOC", "FOK"]),
        post_only=st.booleans(),
        moment=MOMENTS,
    )
    def enter(self, *, pair, amount, kind, bracket, offset, beyond, force, post_only, moment):
        kind = OrderType(kind)
        tick = self.last(pair) / 100
        limit, waits = kind in {OrderType.LIMIT, OrderType.STOP_LIMIT}, kind in {OrderType.STOP, OrderType.STOP_LIMIT}
        stop = self.last(pair) + abs(offset) * tick
        price = stop + beyond * tick / 4 if waits else self.last(pair) + offset * tick
        cents = Decimal("0.01")
        self.world.enter(
            pair,
            amount,
            kind,
            bracket,
            price=price.quantize(cents) if limit else None,
            stop_price=stop.quantize(cents) if waits else None,
            time_in_force=force if limit else "GTC",
            post_only=post_only and limit,
        )
        self.after(moment)

    @precondition(lambda self: self.held())
    @rule(data=st.data(), moment=MOMENTS)
    def leave(self, data, moment):
        self.world.exit(data.draw(st.sampled_from(self.held())))
        self.after(moment)

    def held(self):
        """Positions with something to sell and no exit on its way."""
        world = self.world
        return [
            position
            for position, pair in world.entries.items()
            if world.instruments[pair].amount(world.ledger.held(position)) > 0 and not world.ledger.exits(position)
        ]

    @precondition(lambda self: self.stops())
    @rule(data=st.data(), ticks=st.integers(-3, 8), moment=MOMENTS)
    def amend(self, data, ticks, moment):
        stop = data.draw(st.sampled_from(self.stops()))
        price = self.world.order(stop).stop_price
        self.world.amend(stop, (price + ticks * price / 100).quantize(Decimal("0.01")))
        self.after(moment)

    def stops(self):
        return [
            r.order.client_order_id
            for r in self.world.ledger.open()
            if r.order.leg is Leg.STOP and r.order.state.value == "Accepted"
        ]

    @precondition(lambda self: self.open_entries())
    @rule(data=st.data(), moment=MOMENTS)
    def cancel(self, data, moment):
        self.world.cancel(data.draw(st.sampled_from(self.open_entries())))
        self.after(moment)

    def open_entries(self):
        return [r.order.client_order_id for r in self.world.ledger.open() if r.order.leg is Leg.ENTRY]

    @rule(
        btc=st.tuples(TICKS, st.integers(0, 12), st.integers(0, 12), TICKS),
        eth=st.tuples(TICKS, st.integers(0, 12), st.integers(0, 12), TICKS),
        moment=MOMENTS,
    )
    def candle(self, btc, eth, moment):
        shapes = {}
        for pair, (gap, up, down, end) in (("BTC/EUR", btc), ("ETH/EUR", eth)):
            last = float(self.last(pair))
            open_, close = (round(max(last * (1 + move / 100), 1), 2) for move in (gap, end))
            high = round(max(open_, close) * (1 + up / 100), 2)
            low = round(max(min(open_, close) * (1 - down / 100), 0.5), 2)
            shapes[pair[:3]] = (open_, high, low, close)
        self.world.candle(moment, **shapes)
        self.after(0)

    @rule(moment=MOMENTS)
    def everything_again(self, moment):
        """At least once means that it may be twice: the present tick and every command so far."""
        world = self.world
        if world.time:
            world._publish_tick(world.time)
        self.after(moment)

    # -------------------------------------------------------------------------------------------------- what goes wrong

    @rule(commits=st.integers(0, 6), after=st.booleans())
    def die_soon(self, commits, after):
        self.world.store.kill_in, self.world.store.kill_after = commits, after

    @rule()
    def die_now(self):
        self.world.restart()
        self.after(0)

    @precondition(lambda self: self.remote)
    @rule(data=st.data(), call=st.sampled_from(["create", "create", "cancel", "cancel", "amend", "find", "fills"]))
    def venue_fails(self, data, call):
        plan = self.world.venue.plan[call]
        plan += data.draw(st.lists(st.sampled_from([*FAULTS[call], "none"]), min_size=1, max_size=4))

    @precondition(lambda self: self.remote)
    @rule(faults=st.lists(st.sampled_from(["twice", "reversed"]), min_size=1, max_size=3))
    def stream_repeats_itself(self, faults):
        self.world.venue.stream_faults += faults

    @rule()
    def quiet(self):
        self.rest()


@pytest.mark.timeout(3600 if EXAMPLES else 300)
@pytest.mark.parametrize("remote", [False, True], ids=["paper", "remote"])
def test_money_is_where_the_fills_say(world_class, remote):
    """Nothing lost, nothing doubled, nothing bare, in every state that the machine reaches."""

    class Machine(MoneyMachine):
        """The machine in one of the two worlds."""

    Machine.world_class, Machine.remote = staticmethod(world_class), remote
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES or 40,
            stateful_step_count=30,
            deadline=None,
            derandomize=not EXAMPLES,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
