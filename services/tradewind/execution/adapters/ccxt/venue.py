"""One account at a real exchange, behind the `Venue` port.

A create is one request and is never repeated here. What the venue answers is told as it is: an acknowledgement
without a state leads to a question, an answer that cannot be read to an exception, and so to an unknown outcome that
the sender resolves. Fills come from trades with their fees, never from an order's `filled`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradewind.domain.instrument import split_pair
from tradewind.domain.order import Fill, Leg, Order, OrderState, OrderType
from tradewind.execution.adapters.ccxt.allowance import Allowance
from tradewind.execution.adapters.ccxt.calls import VenueCalls
from tradewind.execution.adapters.ccxt.clock import VenueClock
from tradewind.execution.adapters.ccxt.dialects import DIALECTS
from tradewind.execution.adapters.ccxt.reading import balances_from, fill_from, has_state, order_from
from tradewind.execution.adapters.ccxt.requests import exact_price, oco_request, outgoing
from tradewind.execution.adapters.ccxt.trades import AccountTrades
from tradewind.execution.live_venue import STALE_TIMESTAMP, NotTakenError
from tradewind.execution.ports import Answer, VenueFill, VenueOrder, VenueRefusalError
from tradewind.execution.venue_call import SIGNED_AT
from tradewind.execution.venues import VenueRow, venue_row
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.ccxt_client import ClientSettings, make_client
from tradewind.kernel.resilience import vital
from tradewind.kernel.telemetry.tracing import Tracer


def open_venue(
    settings: ClientSettings,
    account: str,
    pairs: Sequence[str],
    *,
    call_timeout: float = 10.0,
    since: int | None = None,
    tracer: Tracer | None = None,
    budgets: Budgets | None = None,
) -> CcxtVenue:
    """The venue for `account`, not yet started; close it with `close`.

    `call_timeout` is the sender's, in seconds: it bounds when a request may still be signed. `since` is the market
    time in milliseconds from which trades matter. `budgets` is what its requests and orders take from; None: nothing
    is shared and nothing counted. Raises `ConfigError` for an exchange that is not in the table.
    """
    row = venue_row(settings.exchange)
    options: dict[str, Any] = {**row.options, **settings.options}
    if row.window_option and row.receive_window is not None:
        options[row.window_option] = round(row.receive_window * 1000)
    client = make_client(replace(settings, number=str, options=options))
    venue = CcxtVenue(account, client, row, pairs, call_timeout=call_timeout, since=since, tracer=tracer)
    if budgets is not None:
        venue.allowance = Allowance(budgets, client, row, settings, call_timeout)
    return venue


class CcxtVenue:
    """The account. `client` is an unmodified ccxt client made with `number=str`."""

    transactional = False

    def __init__(
        self,
        account: str,
        client: Any,
        row: VenueRow,
        pairs: Sequence[str],
        *,
        call_timeout: float = 10.0,
        since: int | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.account, self.client, self.row = account, client, row
        self.oco, self.amends = row.oco, row.amends
        self.calls = VenueCalls(client, row, tracer=tracer)
        self.allowance: Allowance | None = None
        self.clock = VenueClock(client)
        if row.receive_window is not None:  # elsewhere the time is only a counter, which must not go back
            self._present_nonce, client.nonce = client.nonce, self._nonce
        self._timeout = call_timeout
        self._dialect = DIALECTS[row.exchange](client)
        self._trades = AccountTrades(client, self.calls, self._dialect, pairs=pairs, row=row, since=since)
        self.resend_after: float | None = None
        self._reckon()
        self._currencies = frozenset(currency for pair in pairs for currency in split_pair(pair))

    async def start(self) -> None:
        """Load the markets and measure the clock."""
        await self.calls.run(self.client.load_markets)
        await self.measure_clock()

    async def measure_clock(self) -> None:
        """Measure the venue's clock anew, where requests are only taken for a while after their time."""
        # Elsewhere the time is only a counter, which must not go back.
        if self.row.receive_window is not None:
            await self.calls.run(self.clock.measure)
            self._reckon()

    def _nonce(self) -> int:
        """The time that ccxt signs, in milliseconds of the venue's clock: that of the call where it has one."""
        signed_at = SIGNED_AT.get()
        return int(self._present_nonce() if signed_at is None else (signed_at - self.clock.offset) * 1000)

    def _reckon(self) -> None:
        """From when on a create that was never seen is refused as too old, counted from the sender's time of signing.

        It carries that time, so the receive window alone would do; the sender's patience comes on top because a
        request that was sent just before its end may still stand in a queue.
        """
        if self.row.receive_window is not None:
            self.resend_after = self._timeout + self.row.receive_window + self.clock.allowance

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.close()

    # --------------------------------------------------------------------------------------------------- venue calls

    async def create(self, orders: Sequence[Order]) -> Answer:
        """One order, or the legs of one group.

        Where the venue has no groups the stop is sent and the target is answered as canceled, by nobody's fault.
        """
        try:
            if any(order.leg is Leg.ENTRY for order in orders):
                return await self._create(orders)
            with vital():
                return await self._create(orders)
        except NotTakenError as refusal:
            raise await self._after_refusal(refusal) from refusal

    async def cancel(self, order: Order) -> Answer:
        """End an order; where it is a leg the venue ends its group, and says so of the legs it names."""
        with vital():
            return await self._cancel(order)

    async def _cancel(self, order: Order) -> Answer:
        told = await self.calls.run(lambda: self._dialect.cancel(order))
        reports = told.get("info", {}).get("orderReports") if isinstance(told.get("info"), dict) else None
        if reports:
            return Answer(orders=tuple(self._canceled_report(report, order.pair) for report in reports))
        if has_state(told):
            return Answer(orders=(order_from(told, order.client_order_id),))
        found = await self.find(order)
        return Answer() if found is None else Answer(orders=(found,))

    async def amend(self, order: Order, stop_price: Decimal) -> Answer:
        """Move a resting stop where the venue does it in one step; raises `VenueRefusalError` where it cannot."""
        if not self.amends:
            raise VenueRefusalError("NotSupported", f"{self.row.title} moves no stop in one step")

        async def send() -> None:
            await self._dialect.amend(order, exact_price(self.client, order.pair, stop_price))

        with vital():
            await self.calls.run(send)
        return Answer(orders=(_moved(order, stop_price),))

    async def find(self, order: Order) -> VenueOrder | None:
        """The order; None only where the venue's "no such order" can be believed, else that is an exception."""
        try:
            told = await self.calls.run(lambda: self._dialect.find(order))
        except VenueRefusalError as refusal:
            if self.row.absence_certain and any(words in _compact(str(refusal)) for words in self.row.absences):
                return None
            raise
        if told is None:
            raise LookupError(f"{self.row.title} has no {order.client_order_id}, or does not show it yet")
        self._trades.learn(order.pair, told.get("id"), order.client_order_id)
        return order_from(told, order.client_order_id)

    async def open_orders(self) -> Sequence[VenueOrder]:
        """Everything open in the account, in every pair, whoever placed it."""
        told = await self.calls.run(self.client.fetch_open_orders)
        return [self._known(order) for order in told]

    async def fills(self) -> Sequence[Fill]:
        """The account's trades since the mark that `fills_stored` moves."""
        return await self._trades.read()

    def begin_trades(self, marks: Mapping[str, int]) -> None:
        """Read the trades after these marks, by pair."""
        self._trades.begin(marks)

    def trade_marks(self) -> Mapping[str, int]:
        """The marks, by pair, up to which the last `fills` told the trades."""
        return self._trades.reached

    def fills_stored(self) -> None:
        """Everything the last `fills` answered is stored."""
        self._trades.stored()

    async def balances(self) -> Mapping[str, Decimal]:
        """Totals by currency: what is held, and the currencies of the pairs also when there is none."""
        told = await self.calls.run(self.client.fetch_balance)
        return balances_from(told, self._currencies)

    # ------------------------------------------------------------------------------------------------------- creating

    async def _create(self, orders: Sequence[Order]) -> Answer:
        if self.allowance is not None:
            await self.allowance.take_orders(len(orders))
        if len(orders) == 1:
            return await self._create_one(orders[0])
        return await (self._create_group(orders) if self.oco else self._create_stop_alone(orders))

    async def _create_one(self, order: Order) -> Answer:
        async def send() -> Any:
            return await self._dialect.create(order, outgoing(self.client, order, self.row))

        told = await self.calls.run(send)
        self._trades.learn(order.pair, told.get("id"), order.client_order_id)
        if has_state(told):
            return self._created(told, order.client_order_id)
        try:
            found = await self.find(order)
        except VenueRefusalError:
            # The create was taken, so no refusal of the question may look like one of the order. What is not answered
            # here the caller asks for.
            return Answer()
        return Answer() if found is None else Answer(orders=(found,))

    async def _create_stop_alone(self, orders: Sequence[Order]) -> Answer:
        """Two orders over one amount could sell it twice, so the protection rests and the target does not."""
        stops = [order for order in orders if order.type in (OrderType.STOP, OrderType.STOP_LIMIT)]
        if len(stops) != 1:
            raise VenueRefusalError("NotAGroup", f"{[order.type.value for order in orders]} hold no one stop")
        answer = await self._create_one(stops[0])
        left_out = (
            VenueOrder(order.client_order_id, order.pair, OrderState.CANCELED, order.amount, order.filled)
            for order in orders
            if order is not stops[0]
        )
        return Answer(orders=(*answer.orders, *left_out), updates=answer.updates)

    async def _create_group(self, orders: Sequence[Order]) -> Answer:
        async def send() -> Any:
            return await self.client.privatePostOrderListOco(oco_request(self.client, orders, self.row))

        market = self.client.market(orders[0].pair)
        told = await self.calls.run(send)
        answers = [
            self._created(self.client.parse_order(report, market), str(report["clientOrderId"]))
            for report in told.get("orderReports") or []
        ]
        return Answer(
            orders=tuple(order for answer in answers for order in answer.orders),
            updates=tuple(update for answer in answers for update in answer.updates),
        )

    def _created(self, told: Mapping[str, Any], client_order_id: str) -> Answer:
        self._trades.learn(str(told.get("symbol")), told.get("id"), client_order_id)
        whose = {"symbol": told.get("symbol"), "side": told.get("side")}
        time = told.get("info", {}).get("transactTime") or told.get("lastTradeTimestamp")
        fills = [
            # The fills in an answer to a create leave out what its order says.
            VenueFill(fill_from({**trade, **whose}, client_order_id, int(time) if time else None))
            for trade in told.get("trades") or []
        ]
        return Answer(orders=(order_from(told, client_order_id),), updates=tuple(fills))

    async def _after_refusal(self, refusal: NotTakenError) -> NotTakenError:
        """With the clock measured anew a stale request can be signed again at once; else after its pause."""
        if refusal.reason != STALE_TIMESTAMP:
            return refusal
        try:
            await self.measure_clock()
        except Exception:  # noqa: BLE001 - the order was not taken, whatever becomes of the clock
            return refusal
        said = str(refusal).removeprefix(f"{STALE_TIMESTAMP}: ")
        return NotTakenError(STALE_TIMESTAMP, f"{said}; the clock was measured again", 0.0)

    # -------------------------------------------------------------------------------------------------------- reading

    def _known(self, told: Mapping[str, Any]) -> VenueOrder:
        order = order_from(told, self._dialect.name_of(told))
        self._trades.learn(order.pair, told.get("id"), order.client_order_id)
        return order

    def _canceled_report(self, report: Mapping[str, Any], pair: str) -> VenueOrder:
        """A leg that ended with its group; its own `clientOrderId` is by then that of the cancel."""
        named = report.get("origClientOrderId") or report.get("clientOrderId")
        return order_from(self.client.parse_order(report, self.client.market(pair)), str(named))


def _moved(order: Order, stop_price: Decimal) -> VenueOrder:
    return VenueOrder(order.client_order_id, order.pair, order.state, order.amount, order.filled, stop_price)


def _compact(text: str) -> str:
    return text.replace(" ", "")
