"""The trading floor: what an order, a cancel and the passing of time do to the one account.

Nothing here waits: each call changes the memory and notes what is to be stored and told with the bookkeeping. A
refusal changes nothing.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from tradewind.contracts.api.faults import FaultKind
from tradewind.domain.account_order import CLOSING, OPENING, AccountOrder, AccountRefusalError, Changes
from tradewind.domain.candle import Candle
from tradewind.domain.money import ONE, ZERO
from tradewind.domain.order import TimeInForce
from tradewind.sim_exchange.bookkeeping import Bookkeeping, in_list
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.models import (
    NO_LIST,
    Canceled,
    CancelReplace,
    ExchangeOrder,
    Filters,
    NewOrder,
    NewOrderList,
    OrderList,
    PlacedList,
    PlacedOrder,
    RefusalError,
    Replaced,
)
from tradewind.sim_exchange.order_checks import (
    STOPS,
    check_list,
    check_order,
    check_quantity,
    failed,
    filters_of,
    insufficient,
    rejected,
)
from tradewind.sim_exchange.rows import account_id, account_order

_WHOLE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class TradingFloor:
    """Orders and the clock of one account; `books` is its bookkeeping."""

    def __init__(self, market: Market, books: Bookkeeping, faults: FaultTable, seed: int) -> None:
        self._market, self._books, self._faults, self._seed = market, books, faults, seed
        self.filters: dict[str, Filters] = {
            symbol: filters_of(instrument) for symbol, instrument in market.instruments.items()
        }

    # ---------------------------------------------------------------------------------------------------------- orders

    def place(self, request: NewOrder) -> PlacedOrder:
        """A new order, which acts at once when it is placed inside a candle."""
        order, held = self._checked(request)
        self._admit([held])
        self._withhold(order, held)
        self._books.opened([(order, held)])
        trades = self._books.apply(self._act(order.symbol, [held]))
        self._books.positions((order.symbol,))
        return PlacedOrder(order=self._books.records.at(order.symbol, order.order_id), trades=tuple(trades))

    def test(self, request: NewOrder) -> None:
        """Refuse what `place` refuses."""
        _, held = self._checked(request)
        self._check([held])

    def place_list(self, request: NewOrderList) -> PlacedList:
        """A new OCO list: two orders that share one quantity."""
        records, time = self._books.records, self._books.time
        last = self._see(request.symbol)
        requests = check_list(request, self.filters[request.symbol], last)
        list_id = records.next_list_id()
        list_name = request.list_client_order_id or self._name(request.symbol, f"list:{list_id}")
        if any(one.list_client_order_id == list_name for one in records.open_order_lists()):
            raise rejected("Duplicate order sent.")
        self._check_counts(request.symbol, requests)
        first = records.next_order_id(request.symbol)
        orders = [self._order(one, first + number, list_id) for number, one in enumerate(requests)]
        if orders[0].client_order_id == orders[1].client_order_id:
            raise rejected("Duplicate order sent.")
        held = [self._held(order) for order in orders]
        for one in held:
            one.working.rested = one.working.post_only  # it stands in the book from here on, also between candles
        self._admit(held)
        order_list = OrderList(
            symbol=request.symbol,
            order_list_id=list_id,
            list_client_order_id=list_name,
            time=time,
            update_time=time,
            orders=tuple((order.order_id, order.client_order_id) for order in orders),
        )
        self._books.listed(order_list)
        self._books.opened(zip(orders, held, strict=True))
        self._books.positions((request.symbol,))
        return PlacedList(order_list=order_list, orders=tuple(orders))

    def cancel(self, order: ExchangeOrder | None, cancel_id: str | None) -> Canceled:
        """Cancel an open order, with its list; refused when it is not open."""
        if order is None or not order.is_open:
            raise RefusalError(-2011, "Unknown order sent.")
        books, symbol = self._books, order.symbol
        cancel_id = cancel_id or self._name(symbol, f"cancel:{books.execution_id}")
        books.apply([books.account.cancel(account_id(symbol, order.order_id), books.time)], cancel_id)
        books.positions((symbol,))
        if not in_list(order):
            return Canceled(orders=(books.records.at(symbol, order.order_id),), client_order_id=cancel_id)
        order_list = books.records.order_list(order.order_list_id, None)
        legs = tuple(books.records.at(symbol, order_id) for order_id, _ in order_list.orders)
        return Canceled(orders=legs, client_order_id=cancel_id, order_list=order_list)

    def cancel_all(self, symbol: str) -> tuple[Canceled, ...]:
        """Cancel everything open of a symbol, each list once."""
        records = self._books.records
        present = records.open_orders(records.symbol(symbol))
        if not present:
            raise RefusalError(-2011, "Unknown order sent.")
        # The second leg of a list is no longer open when its turn comes.
        return tuple(self.cancel(order, None) for order in present if records.at(symbol, order.order_id).is_open)

    def cancel_replace(self, request: CancelReplace) -> Replaced:
        """One order for another; each part may be refused by itself."""
        symbol = self._books.records.symbol(request.order.symbol)
        canceled: Canceled | RefusalError
        try:
            order = self._books.records.find(symbol, request.cancel_order_id, request.cancel_client_order_id)
            canceled = self.cancel(order, request.cancel_new_client_order_id)
        except RefusalError as refusal:
            canceled = refusal
            if request.stop_on_failure:
                return Replaced(canceled=refusal, placed=None)
        try:
            return Replaced(canceled=canceled, placed=self.place(request.order))
        except RefusalError as refusal:
            return Replaced(canceled=canceled, placed=refusal)

    # ------------------------------------------------------------------------------------------------------- the clock

    def close(self) -> None:
        """The market has ended: market orders that wait for an opening trade at the last close."""
        account, end = self._books.account, self._market.end_time
        symbols, found = [], []
        for symbol, instrument in self._market.instruments.items():
            if not account.is_idle(instrument.pair):
                close = float(self._market.last_price(symbol, end))
                candle = Candle(end - self._market.duration, close, close, close, close, 0.0)
                symbols.append(symbol)
                found.append(account.match(instrument.pair, candle, CLOSING, end - 1))
        self._take(symbols, found)

    def move(self, to: int, *, pause_on_open: bool) -> bool:
        """Let time pass until `to`; whether it stopped after an opening that gave events."""
        books = self._books
        while books.time < to:
            opening = self._market.next_opening(books.time)
            if opening is None or opening >= to:
                self._walk(to)
                return False
            self._walk(opening)
            before = books.execution_id
            self._open(opening)
            if pause_on_open and books.execution_id > before:
                self._walk(opening + 1)
                return True
            following = self._market.next_opening(opening + 1)
            self._walk(to if following is None else min(to, following))
        return False

    def _open(self, time: int) -> None:
        """The openings at `time`, in the order of the pairs."""
        account = self._books.account
        symbols, found = [], []
        for symbol, instrument in self._market.instruments.items():
            if account.is_idle(instrument.pair):
                continue
            candle = self._market.opening(symbol, time)
            if candle is not None:
                symbols.append(symbol)
                found.append(account.match(instrument.pair, candle, OPENING))
        self._take(symbols, found)

    def _walk(self, to: int) -> None:
        """The paths from now to `to`, during which nothing opens."""
        account, start = self._books.account, self._books.time
        symbols, found = [], []
        for symbol, instrument in self._market.instruments.items():
            if account.is_idle(instrument.pair):
                continue
            candle, elapsed = self._market.present(symbol, to) or (None, 0)
            begin = start - candle.open_time if candle else 0
            if candle is not None and begin < elapsed:
                symbols.append(symbol)
                found.append(account.walk(instrument.pair, candle, begin, elapsed, self._market.duration))
        self._books.time = to
        self._take(symbols, found)
        for symbol, instrument in self._market.instruments.items():
            if not account.is_idle(instrument.pair):
                account.see(instrument.pair, self._market.last_price(symbol, to))

    def _take(self, symbols: list[str], found: list[Changes]) -> None:
        """Put on record what the account did, if it did anything."""
        self._books.apply(found)
        touched = [symbol for symbol, changes in zip(symbols, found, strict=True) if changes.happenings]
        if touched:
            self._books.positions(touched)

    # ------------------------------------------------------------------------------------------------------ the making

    def _checked(self, request: NewOrder) -> tuple[ExchangeOrder, AccountOrder]:
        last = self._see(request.symbol)
        filters = self.filters[request.symbol]
        check_order(request, filters, last)
        self._check_counts(request.symbol, (request,))
        order = self._order(request, self._books.records.next_order_id(request.symbol), NO_LIST)
        if request.quote_quantity is not None:
            check_quantity(order.quantity, filters, market=True)
        return order, self._held(order)

    def _see(self, symbol: str) -> Decimal:
        """The last price, which the account must know as well."""
        instrument = self._market.instruments[self._books.records.symbol(symbol)]
        last = self._market.last_price(symbol, self._books.time)
        self._books.account.see(instrument.pair, last)
        return last

    def _check_counts(self, symbol: str, requests: tuple[NewOrder, ...]) -> None:
        records, filters = self._books.records, self.filters[symbol]
        if any(one.client_order_id and records.has_open(symbol, one.client_order_id) for one in requests):
            raise rejected("Duplicate order sent.")
        present = records.open_orders(symbol)
        if len(present) + len(requests) > filters.maximum_orders:
            raise failed("MAX_NUM_ORDERS")
        stops = sum(one.type in STOPS for one in present)
        adding = sum(one.type in STOPS for one in requests)
        if adding and stops + adding > filters.maximum_stop_orders:
            raise failed("MAX_NUM_ALGO_ORDERS")

    def _order(self, request: NewOrder, order_id: int, list_id: int) -> ExchangeOrder:
        time, works = self._books.time, request.type not in STOPS
        return ExchangeOrder(
            symbol=request.symbol,
            order_id=order_id,
            client_order_id=request.client_order_id or self._name(request.symbol, str(order_id)),
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force or TimeInForce.GTC,
            quantity=request.quantity or self._quantity_of(request),
            time=time,
            update_time=time,
            working_time=time if works else -1,
            is_working=works,
            order_list_id=list_id,
            price=request.price or ZERO,
            stop_price=request.stop_price or ZERO,
            quote_quantity=request.quote_quantity or ZERO,
        )

    def _quantity_of(self, request: NewOrder) -> Decimal:
        """What a sum of quote buys at the last price: final for a sell, for a buy until the price is known."""
        assert request.quote_quantity is not None
        instrument = self._market.instruments[request.symbol]
        last = self._books.account.last[instrument.pair]
        return instrument.amount(request.quote_quantity / last)

    def _held(self, order: ExchangeOrder) -> AccountOrder:
        candle = self._market.inside(order.symbol, order.time)
        pair = self._market.instruments[order.symbol].pair
        if candle is None:
            return account_order(order, pair, order.time - 1, on_path=False)
        return account_order(order, pair, candle.open_time, on_path=True)

    def _withhold(self, order: ExchangeOrder, held: AccountOrder) -> None:
        """Let only a part of the order come to the market at first, where a fault wants that."""
        if held.quote_amount is not None or order.time_in_force in _WHOLE:
            return
        fault = self._faults.take(FaultKind.PARTIAL_FILL, symbol=order.symbol, client_order_id=order.client_order_id)
        if fault is not None and fault.fraction is not None:
            instrument = self._market.instruments[order.symbol]
            held.withheld = instrument.amount(order.quantity * (ONE - fault.fraction))
            held.working.amount -= held.withheld

    def _admit(self, held: list[AccountOrder]) -> None:
        self._check(held)
        self._books.account.admit(held)

    def _check(self, held: list[AccountOrder]) -> None:
        try:
            self._books.account.check(held)
        except AccountRefusalError as refusal:
            raise (insufficient() if refusal.reason == "InsufficientFunds" else failed("NOTIONAL")) from None

    def _act(self, symbol: str, held: list[AccountOrder]) -> list[Changes]:
        """Inside a candle, new orders meet the present price."""
        time = self._books.time
        candle = self._market.inside(symbol, time)
        if candle is None:
            return []
        last = self._market.last_price(symbol, time)
        return [self._books.account.act(order.order_id, candle, last, time) for order in held]

    def _name(self, symbol: str, number: str) -> str:
        """A client order id for whoever gave none."""
        return hashlib.sha256(f"{self._seed}:{symbol}:{number}".encode()).hexdigest()[:22]
