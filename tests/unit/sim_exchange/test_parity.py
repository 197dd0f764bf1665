"""Backtest-of-one, in the small: the paper venue and the simulated exchange fill the same orders alike."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain.account_order import AccountRules
from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules
from tradewind.domain.order import Leg, Order, OrderType, Side, TimeInForce
from tradewind.execution.adapters.paper import PaperVenue
from tradewind.execution.ports import VenueFill, VenueRefusalError
from tradewind.sim_exchange.models import RefusalError

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR
BTC, ETH = "BTC/USDT", "ETH/USDT"
BALANCES = {"USDT": D(1000), "BTC": D(5), "ETH": D(5)}
KINDS = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}
PRICES = st.integers(88, 122)


def paper_venue(in_base, slippage):
    rules = AccountRules(D("0.001"), D("0.002"), fee_in_base=in_base, matching=MatchingRules(D(slippage)))
    paper = PaperVenue("account", rules, BALANCES)
    instruments = {
        pair: Instrument(pair, pair[:3], "USDT", D("0.01"), D("0.001"), D("0.002"), D(5)) for pair in (BTC, ETH)
    }
    paper.open_market(instruments, dict.fromkeys(instruments, 100.0), START)
    return paper


def call(coroutine):
    """The paper venue never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


@st.composite
def decisions(draw):
    """`(hour, order)`: what is placed once the candle before that hour has closed."""
    found = []
    for number, hour in enumerate(sorted(draw(st.lists(st.integers(0, 5), min_size=1, max_size=8)))):
        kind = draw(st.sampled_from(OrderType))
        limited = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        stopped = kind in (OrderType.STOP, OrderType.STOP_LIMIT)
        one = Order(
            f"order{number}",
            "decision",
            Leg.ENTRY,
            draw(st.sampled_from([BTC, ETH])),
            draw(st.sampled_from(Side)),
            kind,
            D(draw(st.integers(1, 4))),
            START + hour * HOUR,
            price=D(draw(PRICES)) if limited else None,
            stop_price=D(draw(PRICES)) if stopped else None,
            time_in_force=draw(st.sampled_from(TimeInForce)) if limited else TimeInForce.GTC,
        )
        found.append((hour, one))
    return found


@st.composite
def markets(draw):
    shapes = []
    for _ in range(6):
        low, one, other, high = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
        shape = (one, high, low, other) if draw(st.booleans()) else (other, high, low, one)
        shapes.append((*shape, draw(st.integers(0, 40))))
    return shapes


def request(venue, order):
    fields = {name: getattr(order, name) for name in ("price", "stop_price") if getattr(order, name) is not None}
    if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        fields["time_in_force"] = order.time_in_force
    symbol = order.pair.replace("/", "")
    return venue.request(KINDS[order.type], order.side.value, str(order.amount), symbol, **fields)


def bracket(entry, price, time):
    """A stop and a target around the price that an entry was filled at."""
    common = {"side": Side.SELL, "amount": entry.amount, "created_time": time, "group": entry.client_order_id}
    name, pair = entry.client_order_id, entry.pair
    stop = Order(f"{name}s", "d", Leg.STOP, pair, type=OrderType.STOP, stop_price=price - 4, **common)
    target = Order(f"{name}t", "d", Leg.TARGET, pair, type=OrderType.LIMIT, price=price + 4, **common)
    return stop, target


class Pair:
    """Both venues, given the same orders."""

    def __init__(self, venue, paper):
        self.venue, self.paper = venue, paper
        self.entries, self.fills = {}, []

    async def place(self, order):
        """What the exchange alone refuses, because of a price or a count, the paper venue is not offered."""
        try:
            await self.venue.exchange.place(request(self.venue, order))
        except RefusalError as refusal:
            if refusal.message not in {"Stop price would trigger immediately.", "Filter failure: MAX_NUM_ALGO_ORDERS"}:
                with pytest.raises(VenueRefusalError, match="InsufficientFunds"):
                    call(self.paper.create([order]))
            return
        call(self.paper.create([order]))
        self.entries[order.client_order_id] = order

    async def protect(self, fill, time):
        """A bracket for an entry that was bought at an open, in place before the path is walked."""
        stop, target = bracket(self.entries[fill.client_order_id], fill.price, time)
        legs = {"target": target.price, "stop": stop.stop_price, "quantity": str(stop.amount)}
        try:
            await self.venue.oco(symbol=fill.pair.replace("/", ""), **legs)
        except RefusalError as refusal:
            if "balance" in refusal.message:
                with pytest.raises(VenueRefusalError, match="InsufficientFunds"):
                    call(self.paper.create([stop, target]))
            return
        call(self.paper.create([stop, target]))

    async def live(self, time, candles):
        """One candle: its opening, brackets for what was bought there, its path."""
        opened = []
        for pair, candle in candles.items():
            opened += self.paper.match(pair, candle, "Open")[0]
        answer = await self.venue.move(time + HOUR, pause_on_open=True)
        assert answer.paused == bool(opened)
        bought = [told.fill for told in opened if isinstance(told, VenueFill)]
        self.fills += bought
        for fill in bought:
            if fill.side is Side.BUY and fill.client_order_id in self.entries:
                await self.protect(fill, time)
        for pair, candle in candles.items():
            told = self.paper.match(pair, candle, "Path")[0]
            self.fills += [one.fill for one in told if isinstance(one, VenueFill)]
        await self.venue.move(time + HOUR)


@settings(max_examples=100, deadline=None)
@given(decisions(), st.tuples(markets(), markets()), st.booleans(), st.sampled_from([0, 30]))
def test_the_same_orders_fill_alike(run, script, both_shapes, in_base, slippage):
    shapes = dict(zip((BTC, ETH), both_shapes, strict=True))

    async def compare(venues):
        first = (100, 100, 100, 100, 1)  # so that there is a last price, the one that the paper venue is told
        markets = {pair: [first, *found] for pair, found in shapes.items()}
        venue = await venues(shapes=markets, fee_in_base=in_base, slippage=slippage, balances=BALANCES)
        both = Pair(venue, paper_venue(in_base, slippage))
        for hour in range(len(shapes[BTC])):
            time = START + (hour + 1) * HOUR
            await venue.move(time)
            for _, order in [step for step in script if step[0] == hour]:
                await both.place(order)
            candles = {pair: Candle(time, *map(float, found[hour])) for pair, found in shapes.items()}
            await both.live(time, candles)
        for pair in shapes:
            told = [
                (one.price, one.quantity, one.commission, one.commission_asset, one.is_buyer, one.is_maker)
                for one in venue.exchange.my_trades(pair.replace("/", ""))
            ]
            assert told == [
                (one.price, one.amount, one.fee, one.fee_currency, one.side is Side.BUY, one.maker)
                for one in both.fills
                if one.pair == pair
            ]
        assert {name: free + locked for name, (free, locked) in venue.balances().items()} == call(both.paper.balances())

    run(compare)
