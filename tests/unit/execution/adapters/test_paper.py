"""The paper venue: it refuses, reserves, fills and charges as a venue does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.domain.account_order import AccountRules
from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules
from tradewind.domain.order import Leg, Order, OrderState, OrderType, Side, TimeInForce
from tradewind.execution.adapters.paper import PaperVenue
from tradewind.execution.ports import VenueEnd, VenueFill, VenueRefusalError, VenueResize
from tradewind.kernel.store.base import execute
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.sqlite import sqlite_engine

D = Decimal
PAIRS = ("BTC/EUR", "ETH/EUR")
INSTRUMENTS = {pair: Instrument(pair, pair[:3], "EUR", D("0.01"), D("0.001"), D("0.002"), D(5)) for pair in PAIRS}
RULES = AccountRules(D("0.0015"), D("0.0025"), fee_in_base=False, matching=MatchingRules())
NUMBERS = iter(range(10**6))


class Paper:
    """The venue over a store of its own, which commits what each call wants written."""

    def __init__(self, rules=RULES, start="1000", engine=None):
        self.engine = engine or sqlite_engine(None)
        METADATA.create_all(self.engine)
        self.rules, self.start = rules, start
        self.venue = self.load()

    def load(self):
        venue = PaperVenue("account", self.rules, {"EUR": D(self.start)})
        venue.open_market(INSTRUMENTS, dict.fromkeys(PAIRS, 100.0), 0)
        with self.engine.connect() as connection:
            venue.load(connection)
        return venue

    def reload(self):
        now = self.venue.last_time()
        self.venue = self.load()
        self.venue.open_market(INSTRUMENTS, dict.fromkeys(PAIRS, 100.0), now)

    def _write(self, writes):
        with self.engine.begin() as connection:
            execute(connection, writes)

    def call(self, coroutine):
        """The paper venue never waits, so its coroutines end at their first step."""
        try:
            coroutine.send(None)
        except StopIteration as done:
            self._write(getattr(done.value, "writes", ()))
            return done.value
        raise AssertionError("it waited")

    def create(self, *orders):
        return self.call(self.venue.create(orders))

    def candle(
        self, time, open_, high=None, low=None, close=None, *, volume=1000.0, pair="BTC/EUR", phases=("Open", "Path")
    ):
        shape = (open_, high or open_, low or open_, close or open_)
        updates = []
        for phase in phases:
            told, writes = self.venue.match(pair, Candle(time, *map(float, shape), volume), phase)
            self._write(writes)
            updates += told
        return [brief(one) for one in updates]

    def balances(self):
        return {currency: total for currency, total in self.call(self.venue.balances()).items() if total}

    def close(self):
        self.engine.dispose()


def brief(told):
    match told:
        case VenueFill(fill):
            return fill.client_order_id, fill.amount, fill.price, "maker" if fill.maker else "taker"
        case VenueEnd(client_id, state, reason):
            return client_id, state.value, reason
        case VenueResize(client_id, remaining):
            return client_id, remaining


def order(name, side="buy", kind="market", amount="1", pair="BTC/EUR", **fields):
    for key in ("price", "stop_price"):
        if fields.get(key) is not None:
            fields[key] = D(str(fields[key]))
    fields = {"leg": Leg.ENTRY if side == "buy" else Leg.EXIT, "created_time": 0, **fields}
    return Order(
        name, "d", fields.pop("leg"), pair, Side(side), OrderType(kind), D(amount), fields.pop("created_time"), **fields
    )


def legs(amount="1", group="g", time=1, stop=95, target=110):
    fields = {"amount": amount, "group": group, "created_time": time}
    return (
        order("stop", "sell", "stop", stop_price=stop, leg=Leg.STOP, **fields),
        order("target", "sell", "limit", price=target, leg=Leg.TARGET, **fields),
    )


@pytest.fixture
def papers():
    made = []

    def make(**options):
        made.append(Paper(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def paper(papers):
    return papers()


@pytest.fixture
def holding(papers):
    """One bitcoin, bought at 100 on candle 1."""
    one = papers()
    one.create(order("entry"))
    one.candle(1, 100)
    return one


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (order("a", pair="XYZ/EUR"), "BadSymbol"),
        (order("a", amount="0.001"), "Filter: amount 0.001 BTC is below the minimum 0.002"),
        (order("a", amount="0.04"), "Filter: notional 4 EUR is below the minimum 5"),
        (order("a", kind="limit", amount="0.04", price=120), "Filter: notional 4.8 EUR is below the minimum 5"),
        (order("a", amount="9.98"), "InsufficientFunds"),  # 998 and the fee are 1000.495
        (order("a", "sell"), "InsufficientFunds"),
        (order("a", kind="stop", amount="9", stop_price=112), "InsufficientFunds"),
    ],
)
def test_what_a_venue_refuses_is_refused_and_leaves_nothing_behind(paper, asked, reason):
    """With a reason that says what was wrong."""
    with pytest.raises(VenueRefusalError, match=reason):
        paper.create(asked)
    assert paper.call(paper.venue.open_orders()) == []
    paper.create(order("b", amount="9.97"))


def test_an_id_is_taken_once_and_for_ever(holding):
    """Also after the order has ended: that is what makes sending twice harmless."""
    with pytest.raises(VenueRefusalError, match="DuplicateClientOrderId"):
        holding.create(order("entry"))


def test_a_group_is_taken_whole_or_not_at_all(holding):
    """One leg that is refused leaves no other at the venue."""
    stop, target = legs()
    with pytest.raises(VenueRefusalError, match="Filter"):
        holding.create(stop, replace(target, price=D("0.01")))
    assert holding.call(holding.venue.open_orders()) == []
    holding.create(stop, target)


@pytest.mark.parametrize("call", ["cancel", "amend"])
def test_what_the_venue_does_not_know_it_cannot_change(holding, call):
    """The outcome is for the sender to find out."""
    arguments = (D(95),) if call == "amend" else ()
    with pytest.raises(VenueRefusalError, match="UnknownOrder"):
        holding.call(getattr(holding.venue, call)(order("nobody"), *arguments))


def test_only_a_stop_can_be_moved(holding):
    """A stop price on a target would make a stop of it."""
    stop, target = legs()
    holding.create(stop, target)
    with pytest.raises(VenueRefusalError, match="NotAStop"):
        holding.call(holding.venue.amend(target, D(99)))
    holding.call(holding.venue.cancel(stop))
    with pytest.raises(VenueRefusalError, match="UnknownOrder"):
        holding.call(holding.venue.amend(stop, D(99)))


# --------------------------------------------------------------------------------------------------------------- funds


def test_what_is_in_orders_is_not_free(paper):
    """Limit buys by their price, stops by theirs, with the fee."""
    paper.create(order("a", kind="limit", amount="5", price=90))
    paper.create(order("b", kind="stop", amount="3", stop_price=110))
    with pytest.raises(VenueRefusalError, match=r"needs 225\.5625.* free are 218\.05"):
        paper.create(order("c", kind="limit", amount="2.5", price=90))
    paper.create(order("c", kind="limit", amount="2.4", price=90))


def test_a_group_reserves_its_amount_once(holding):
    """Stop and target of one position."""
    holding.create(*legs())
    with pytest.raises(VenueRefusalError, match="InsufficientFunds"):
        holding.create(order("exit", "sell"))


def test_a_gap_that_a_market_order_cannot_pay_ends_it(paper):
    """At the open it costs more than there is; nothing goes below zero."""
    paper.create(order("a", amount="9.9"))
    assert paper.candle(1, 101) == [("a", "Expired", "InsufficientFunds")]
    assert paper.balances() == {"EUR": D(1000)}


def test_of_two_market_orders_the_first_is_served_first(paper):
    """The gap leaves money for one: the one that came first, not none."""
    paper.create(order("a", amount="4.9"))
    paper.create(order("b", amount="4.9"))
    assert paper.candle(1, 104) == [("b", "Expired", "InsufficientFunds"), ("a", D("4.9"), 104, "taker")]


def test_a_gap_that_a_stop_entry_cannot_pay_ends_it(paper):
    """It would be bought at the open, far above what was reserved for it."""
    paper.create(order("a", kind="stop", amount="9", stop_price=105))
    assert paper.candle(1, 120) == [("a", "Expired", "InsufficientFunds")]


@pytest.mark.parametrize("kind", ["market", "stop"])
def test_slippage_and_its_tick_are_paid_for_beforehand(papers, kind):
    """To the last cent: the price is rounded up before it is asked whether it can be paid."""
    rules = replace(RULES, matching=MatchingRules(slippage_basis_points=D(7)))
    at = {"stop_price": 100} if kind == "stop" else {}
    paper = papers(rules=rules, start="100.3201")  # 100.07 and its fee are 100.320175
    if kind == "stop":
        with pytest.raises(VenueRefusalError, match="InsufficientFunds"):
            paper.create(order("a", kind=kind, **at))
    else:
        paper.create(order("a"))
        assert paper.candle(1, 100) == [("a", "Expired", "InsufficientFunds")]
    rich = papers(rules=rules, start="100.320175")
    rich.create(order("a", kind=kind, **at))
    assert rich.candle(1, 100) == [("a", 1, D("100.07"), "taker")]
    assert rich.balances() == {"BTC": 1}


def test_money_in_the_orders_of_another_pair_is_not_there(paper):
    """At the open a market order may not use it up."""
    paper.create(order("a", amount="4.9"))
    paper.create(order("b", kind="limit", amount="5", price=100, pair="ETH/EUR"))
    assert paper.candle(1, 102) == [("a", "Expired", "InsufficientFunds")]


def test_the_fees_of_many_small_fills_are_never_more_than_what_was_reserved(papers):
    """Each is rounded, and all of them together still fit into the last cent."""
    paper = papers(start="100.25")
    paper.create(order("a", kind="limit", amount="1", price=100))
    for time in range(1, 400):
        paper.candle(time, 100, low=99, close=100, volume=0.012)
        assert paper.balances().get("EUR", D(0)) >= 0
    assert paper.balances()["BTC"] == 1


# ---------------------------------------------------------------------------------------------------------------- fees


@pytest.mark.parametrize(
    ("in_base", "balances"),
    [(False, {"BTC": D(1), "EUR": D("899.75")}), (True, {"BTC": D("0.9975"), "EUR": D(900)})],
)
def test_a_buy_pays_its_fee_in_quote_or_in_base(papers, in_base, balances):
    """As the venue does it; a base fee leaves less to sell."""
    paper = papers(rules=replace(RULES, fee_in_base=in_base))
    paper.create(order("a"))
    paper.candle(1, 100)
    assert paper.balances() == balances


def test_a_sell_pays_in_quote_whatever_a_buy_pays_in(papers):
    """There is no base left to pay with."""
    paper = papers(rules=replace(RULES, fee_in_base=True))
    paper.create(order("a"))
    paper.candle(1, 100)
    paper.create(order("b", "sell", amount="0.997"))
    paper.candle(2, 100)
    assert paper.balances() == {"BTC": D("0.0005"), "EUR": D("900") + D("99.7") * D("0.9975")}


def test_who_rests_pays_the_maker_s_fee_and_who_takes_the_taker_s(paper):
    """0.15 % and 0.25 %."""
    paper.create(order("maker", kind="limit", price=90))
    paper.create(order("taker", kind="limit", price=110))
    assert paper.candle(1, 100, low=80) == [("taker", 1, 100, "taker"), ("maker", 1, 90, "maker")]
    assert paper.balances()["EUR"] == 1000 - 190 - D("0.25") - D("0.135")


# ---------------------------------------------------------------------------------------------------------------- time


def test_what_was_decided_on_a_candle_does_not_meet_that_candle(paper):
    """Also when it is sent again after a restart."""
    paper.candle(1, 100)
    paper.create(order("a"))
    paper.reload()
    assert paper.candle(1, 100) == []
    assert paper.candle(2, 101) == [("a", 1, 101, "taker")]


def test_legs_placed_at_a_candle_s_open_meet_its_path(holding):
    """But not an open that is over, and no other order does."""
    holding.candle(2, 100, phases=("Open",))
    holding.create(*legs(time=2))
    assert holding.candle(2, 100, 111, 99, 100, phases=("Path",)) == [
        ("target", 1, 110, "maker"),
        ("stop", "Canceled", "OtherLegFilled"),
    ]


def test_an_amended_stop_acts_from_the_next_candle_and_its_group_with_it(holding):
    """A target that acted without its stop would leave the stop the whole amount, to be sold a second time."""
    stop, target = legs()
    holding.create(stop, target)
    holding.candle(2, 100, phases=("Open",))
    holding.call(holding.venue.amend(stop, D(99)))
    assert holding.candle(2, 100, 120, 90, 100, phases=("Path",)) == []
    assert holding.candle(3, 100, 100, 98, 98) == [("stop", 1, 99, "taker"), ("target", "Canceled", "OtherLegFilled")]


def test_a_phase_is_walked_once(paper):
    """The same candle twice is the same candle."""
    paper.create(order("a", kind="limit", amount="2", price=101))
    assert paper.candle(1, 100, volume=4.0, phases=("Open",)) == [("a", 1, 100, "taker")]
    assert paper.candle(1, 100, volume=4.0, phases=("Open",)) == []
    paper.reload()
    assert paper.candle(1, 100, volume=4.0) == []
    assert paper.candle(1, 100, volume=400.0) == []
    assert paper.candle(2, 100, volume=4.0) == [("a", 1, 101, "maker")]


def test_an_older_candle_is_over(paper):
    """Time does not go back."""
    paper.candle(5, 100)
    paper.create(order("a", created_time=5))
    assert paper.candle(4, 100) == []
    assert paper.venue.last_time() == 5


def test_a_restart_between_the_phases_keeps_what_the_open_used_up(paper):
    """Of the candle's volume: 1 at the open leaves nothing for the path."""
    paper.create(order("a", kind="limit", amount="1", price=101))
    paper.create(order("b", kind="limit", amount="1", price=99))
    assert paper.candle(1, 100, low=98, volume=4.0, phases=("Open",)) == [("a", 1, 100, "taker")]
    paper.reload()
    assert paper.candle(1, 100, low=98, volume=4.0, phases=("Path",)) == []
    assert paper.candle(2, 98, volume=4.0) == [("b", 1, 99, "maker")]


def test_at_the_end_of_the_recording_exits_trade_at_the_last_close(holding):
    """What was decided from the close acts on it, for once."""
    holding.create(order("exit", "sell", created_time=1))
    assert holding.candle(1, 123, phases=("Close",)) == [("exit", 1, 123, "taker")]
    assert holding.candle(1, 123, phases=("Close",)) == []


def test_a_quiet_candle_moves_time_and_price(paper):
    """What is decided next is checked against them."""
    assert paper.venue.is_idle("BTC/EUR")
    paper.venue.see("BTC/EUR", Candle(7, 100.0, 100.0, 100.0, 50.0, 0.0))
    assert paper.venue.last_time() == 7
    paper.create(order("a", amount="19"))
    assert not paper.venue.is_idle("BTC/EUR")
    assert paper.venue.is_idle("ETH/EUR")


# --------------------------------------------------------------------------------------------------------- what it says


def test_it_finds_an_order_whatever_became_of_it(holding):
    """And what it never had it does not find."""
    found = holding.call(holding.venue.find(order("entry")))
    assert (found.state, found.amount, found.filled) == (OrderState.FILLED, 1, 1)
    assert holding.call(holding.venue.find(order("nobody"))) is None
    assert holding.call(holding.venue.fills()) == []


def test_canceling_a_leg_cancels_its_group(holding):
    """One group, one amount, one end; asked again it says the same."""
    stop, target = legs()
    holding.create(stop, target)
    answer = holding.call(holding.venue.cancel(target))
    assert sorted(map(brief, answer.updates)) == [
        ("stop", "Canceled", "Requested"),
        ("target", "Canceled", "Requested"),
    ]
    again = holding.call(holding.venue.cancel(stop))
    assert (again.updates, again.orders[0].state) == ((), OrderState.CANCELED)
    holding.create(order("exit", "sell"))


def test_a_partial_fill_of_the_target_is_told_as_less_stop(holding):
    """And stands so after a restart."""
    holding.create(*legs())
    told = holding.candle(2, 100, high=111, volume=1.0)
    assert told == [("target", D("0.25"), 110, "maker"), ("stop", D("0.75"))]
    holding.reload()
    assert [(one.client_order_id, one.amount, one.filled) for one in holding.call(holding.venue.open_orders())] == [
        ("stop", D("0.75"), 0),
        ("target", 1, D("0.25")),
    ]
    assert holding.candle(3, 90) == [("stop", D("0.75"), 90, "taker"), ("target", "Canceled", "OtherLegFilled")]
    assert holding.balances().keys() == {"EUR"}


def test_conditions_of_orders_are_told_as_ends(paper):
    """Expired, with the reason."""
    paper.create(order("a", kind="limit", price=99, time_in_force=TimeInForce.IOC))
    paper.create(order("b", kind="limit", price=101, post_only=True))
    assert paper.candle(1, 100) == [("a", "Expired", "NotMarketable"), ("b", "Expired", "PostOnlyWouldTake")]
    assert paper.call(paper.venue.open_orders()) == []


def test_after_a_restart_everything_is_as_it_was(paper):
    """Balances, orders with their trigger and their rest, volume, trades: a replay in pieces is the replay."""
    whole, broken = paper, Paper()
    told = {"whole": [], "broken": []}
    for name, one in (("whole", whole), ("broken", broken)):
        one.create(order("a", kind="limit", amount="2", price=99))
        one.create(order("b", kind="stop_limit", amount="2", stop_price=103, price=101))
        one.create(order("c", kind="stop", stop_price=104))
        for time, shape in enumerate(
            [(100, 101, 98, 101), (101, 105, 101, 104), (104, 104, 100, 100), (100, 106, 95, 99)], 1
        ):
            for phase in ("Open", "Path"):
                told[name] += one.candle(time, *shape, volume=3.0, phases=(phase,))
                if name == "broken":
                    one.reload()
    assert told["whole"] == told["broken"] != []
    assert whole.balances() == broken.balances()
    broken.close()
