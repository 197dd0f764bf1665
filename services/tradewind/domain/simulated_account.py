"""An account at a venue that is only simulated: its books, balances, reservations and the fills that candles give it.

The paper venue and the simulated exchange both own one, so they refuse, reserve, fill and charge alike. It does no
I/O: it changes itself and says what happened and what changed, so that its owner can write that down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from tradewind.domain.account_funds import FEE_STEP, AccountFunds
from tradewind.domain.account_order import (
    CLOSING,
    OPENING,
    PATH,
    AccountOrder,
    AccountRules,
    Changes,
    OrderEnd,
    PairClock,
    Resize,
)
from tradewind.domain.candle import Candle
from tradewind.domain.candle_path import PathMatch
from tradewind.domain.matching import (
    CandleMatch,
    Ended,
    Ending,
    MarketCandle,
    Matched,
    MatchEvent,
    WorkingOrder,
    calm_between,
)
from tradewind.domain.money import DOWN, NEAREST, ZERO, decimal_of, round_to
from tradewind.domain.order import Fill, OrderState, OrderType, Side
from tradewind.domain.position import balance_changes

_PHASES = (OPENING, PATH, CLOSING)
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)


class SimulatedAccount(AccountFunds):
    """Books and balances. `last` is kept by the owner through `see`; matching keeps it as well."""

    def __init__(self, rules: AccountRules, balances: Mapping[str, Decimal]) -> None:
        super().__init__(rules, balances)
        self.clocks: dict[str, PairClock] = {}
        self.sequence = 0
        self._books: dict[str, list[WorkingOrder]] = {}

    def restore(
        self,
        balances: Mapping[str, Decimal],
        orders: Iterable[AccountOrder],
        clocks: Mapping[str, PairClock],
        sequence: int,
    ) -> None:
        """Stand where the owner's records say. `orders` are the open ones by arrival, `sequence` the last given."""
        self.balances = dict(balances)
        self.orders = {order.order_id: order for order in orders}
        self.clocks = dict(clocks)
        self.sequence = sequence
        self._books = {}
        for order in self.orders.values():
            self._book(order.pair).append(order.working)
        self.forget()

    # ---------------------------------------------------------------------------------------------------------- orders

    def admit(self, orders: Sequence[AccountOrder]) -> None:
        """Take one order, or the legs of one group, which reserve their amount once; raises `AccountRefusalError`."""
        self.check(orders)
        for order in orders:
            self.sequence += 1
            order.working.sequence = self.sequence
            self.orders[order.order_id] = order
            self.note(order)
            self._book(order.pair).append(order.working)

    def cancel(self, order_id: str, time: int) -> Changes:
        """End an open order and the rest of its group."""
        order = self.orders[order_id]
        group = order.working.group
        changes = Changes()
        for ended in list(self.orders.values()):
            if ended is order or (group is not None and ended.working.group == group and ended.pair == order.pair):
                self._book(ended.pair).remove(ended.working)
                self._end(ended, OrderState.CANCELED, "Requested", time, changes)
        return changes

    def amend(self, order_id: str, stop_price: Decimal, since: int) -> Changes:
        """Move a resting stop; it meets what comes after `since`."""
        order = self.orders[order_id]
        order.working.stop_price = stop_price
        order.since, order.on_path = since, False
        self.note(order)
        return Changes(orders={order_id: order})

    # -------------------------------------------------------------------------------------------------------- matching

    def is_idle(self, pair: str) -> bool:
        """Whether a candle of `pair` can change nothing."""
        return not self._books.get(pair)

    def calm_between(self, pair: str) -> tuple[Decimal | None, Decimal | None] | None:
        """Between which prices a candle of `pair` can change nothing: see `matching.calm_between`."""
        return calm_between(self._book(pair))

    def match(self, pair: str, candle: Candle, phase: str, at: int | None = None) -> Changes:
        """Meet one phase (`Open`, `Path`, `Close`) of a candle; one that was met before does nothing.

        The close at the end of a market is met as often as asked: what came after it has nothing else to wait for.
        What happens has the time `at`, that of the candle without it.
        """
        time = candle.open_time
        at = time if at is None else at
        clock = self._clock(pair)
        met = clock.time == time and phase != CLOSING and _PHASES.index(clock.phase) >= _PHASES.index(phase)
        if met or clock.time > time:
            return Changes()
        changes = self._enter(pair, time, phase)
        price = self.last[pair] = decimal_of(candle.open if phase == OPENING else candle.close)
        meeting = self._meeting(pair, time, phase)
        if phase != PATH:
            self._set_amounts(pair, meeting, price, at, changes)
            for working in self.unaffordable(pair, meeting, price):
                meeting.remove(working)
                self._refuse(working, "InsufficientFunds", at, changes)
        if meeting:
            matching = self._matching(pair, MarketCandle.of(candle), meeting)
            act = {OPENING: matching.open_phase, PATH: matching.path_phase, CLOSING: matching.close_phase}[phase]
            present = list(meeting)
            before = _marks(present)
            self._take_over(pair, [(at, event) for event in act()], changes)
            self._settle(pair, present, before, changes)
        return changes

    def walk(self, pair: str, candle: Candle, start: int, end: int, duration: int) -> Changes:
        """Meet the part of a candle's path from `start` to `end`, in milliseconds after its open."""
        time = candle.open_time
        changes = self._enter(pair, time, PATH if end == duration else OPENING)
        meeting = self._meeting(pair, time, PATH)
        if meeting:
            market = MarketCandle.of(candle)
            rules, consumed = self.rules.matching, self.clocks[pair].consumed
            matching = PathMatch(self.instruments[pair], rules, market, meeting, consumed, duration=duration)
            present = list(meeting)
            before = _marks(present)
            # The last moment of a candle is the millisecond before the next one opens.
            events = [(time + min(elapsed, duration - 1), event) for elapsed, event in matching.walk(start, end)]
            self._take_over(pair, events, changes)
            self._settle(pair, present, before, changes)
        return changes

    def act(self, order_id: str, candle: Candle, price: Decimal, time: int) -> Changes:
        """Let an order that has just arrived meet `price` at `time`, inside of a candle."""
        order = self.orders[order_id]
        pair, working = order.pair, order.working
        changes = self._enter(pair, candle.open_time, OPENING)
        meeting = [working]
        self._set_amounts(pair, meeting, price, time, changes)
        for refused in self.unaffordable(pair, meeting, price):
            meeting.remove(refused)
            self._refuse(refused, "InsufficientFunds", time, changes)
        if meeting:
            market = MarketCandle(price, price, price, price, decimal_of(candle.volume))
            before = _marks([working])
            events = self._matching(pair, market, meeting).open_phase()
            self._take_over(pair, [(time, event) for event in events], changes)
            self._settle(pair, [working], before, changes)
        return changes

    def _enter(self, pair: str, time: int, phase: str) -> Changes:
        """Go to a candle; with a new one, what was withheld from the market comes to it."""
        clock, changes = self._clock(pair), Changes()
        if clock.time != time:
            clock.consumed = ZERO
            for working in self._book(pair):
                order = self.orders[working.order_id]
                if order.withheld and order.filled:
                    working.amount += order.withheld
                    order.withheld = ZERO
                    if working.type is OrderType.STOP:
                        working.type = OrderType.MARKET  # the stop was reached; the rest just has to go
                    changes.orders[order.order_id] = order
        clock.time, clock.phase = time, phase
        return changes

    def _matching(self, pair: str, candle: MarketCandle, meeting: list[WorkingOrder]) -> CandleMatch:
        return CandleMatch(self.instruments[pair], self.rules.matching, candle, meeting, self.clocks[pair].consumed)

    def _meeting(self, pair: str, time: int, phase: str) -> list[WorkingOrder]:
        """The orders that act in this phase; a group acts together or not at all, because it shares one amount."""
        # Of an order without an amount, all that came to the market so far has traded.
        book = [working for working in self._book(pair) if working.amount > ZERO]
        if phase == CLOSING:
            # At the end of the recording the last close is a price of its own: what was decided from it acts on it.
            return book
        waiting = [working for working in book if not self.orders[working.order_id].meets(time, phase)]
        groups = {working.group for working in waiting if working.group is not None}
        return [working for working in book if working not in waiting and working.group not in groups]

    def _settle(
        self,
        pair: str,
        present: Sequence[WorkingOrder],
        before: Sequence[tuple[bool, bool]],
        changes: Changes,
    ) -> None:
        """Take what ended out of the book, and note what makes or takes from now on."""
        book = self._book(pair)
        for working, known in zip(present, before, strict=True):
            if working.order_id not in self.orders:
                book.remove(working)
            elif working.type in _LIMITS and known != (working.triggered, working.rested):
                # Whether it makes or takes from now on depends on this, so it is worth a row.
                changes.orders[working.order_id] = self.orders[working.order_id]

    def _take_over(self, pair: str, events: Iterable[tuple[int, MatchEvent]], changes: Changes) -> None:
        """Take over what the kernel did, in its order."""
        for time, event in events:
            order = self.orders[event.order_id]
            changes.orders[order.order_id] = order
            if isinstance(event, Matched):
                self._fill(pair, order, event, time, changes)
            elif isinstance(event, Ended):
                state = OrderState.CANCELED if event.ending is Ending.CANCELED else OrderState.EXPIRED
                self._end(order, state, event.reason, time, changes)
            else:
                order.amount = order.filled + event.amount
                self.note(order)
                changes.happenings.append(Resize(order.order_id, event.amount, time))

    def _fill(self, pair: str, order: AccountOrder, event: Matched, time: int, changes: Changes) -> None:
        instrument, clock, working = self.instruments[pair], self.clocks[pair], order.working
        clock.trades += 1
        if working.type in _LIMITS:
            clock.consumed += event.amount
        order.filled += event.amount
        order.state = OrderState.FILLED if order.filled == order.amount else OrderState.PARTIALLY_FILLED
        rate = self.rules.maker_fee if event.maker else self.rules.taker_fee
        in_base = self.rules.fee_in_base and working.side is Side.BUY
        paid = event.amount if in_base else event.amount * event.price
        fill = Fill(
            trade_id=str(clock.trades),
            client_order_id=order.order_id,
            pair=pair,
            side=working.side,
            amount=event.amount,
            price=event.price,
            # What is paid in quote down, so that many small fills never cost more than was reserved for the whole.
            fee=round_to(paid * rate, FEE_STEP, NEAREST if in_base else DOWN),
            fee_currency=instrument.base if in_base else instrument.quote,
            maker=event.maker,
            time=time,
        )
        for currency, change in balance_changes(fill).items():
            self.balances[currency] = self.balances.get(currency, ZERO) + change
            changes.currencies.add(currency)
        changes.happenings.append(fill)
        if order.state is OrderState.FILLED:
            del self.orders[order.order_id]
        self.note(order)

    def _end(self, order: AccountOrder, state: OrderState, reason: str, time: int, changes: Changes) -> None:
        order.state = state
        changes.orders[order.order_id] = order
        changes.happenings.append(OrderEnd(order.order_id, state, reason, time))
        del self.orders[order.order_id]
        self.note(order)

    # ------------------------------------------------------------------------------------------------- what it can pay

    def _set_amounts(self, pair: str, meeting: list[WorkingOrder], price: Decimal, time: int, changes: Changes) -> None:
        """Buys of a sum of quote become buys of an amount, now that the price is known."""
        instrument = self.instruments[pair]
        for working in list(meeting):
            order = self.orders[working.order_id]
            if order.quote_amount is None:
                continue
            paid = self.rules.matching.paid(instrument, Side.BUY, price)
            order.amount = instrument.amount(order.quote_amount / paid)
            if order.amount < max(instrument.minimum_amount, instrument.amount_step):
                meeting.remove(working)
                self._refuse(working, "AmountTooSmall", time, changes)
                continue
            working.amount = order.amount
            order.quote_amount = None
            self.note(order)
            changes.orders[order.order_id] = order

    def _refuse(self, working: WorkingOrder, reason: str, time: int, changes: Changes) -> None:
        order = self.orders[working.order_id]
        self._book(order.pair).remove(working)
        self._end(order, OrderState.EXPIRED, reason, time, changes)

    def _book(self, pair: str) -> list[WorkingOrder]:
        return self._books.setdefault(pair, [])

    def _clock(self, pair: str) -> PairClock:
        known = self.clocks.get(pair)
        if known is None:
            known = self.clocks[pair] = PairClock()
        return known


def _marks(orders: Sequence[WorkingOrder]) -> list[tuple[bool, bool]]:
    return [(order.triggered, order.rested) for order in orders]
