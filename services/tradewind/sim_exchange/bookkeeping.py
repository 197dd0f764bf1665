"""What happened in the account, put on record: orders and trades kept, rows noted, reports numbered and told."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from tradewind.domain.account_order import AccountOrder, Changes, Happening, OrderEnd, Resize
from tradewind.domain.order import Fill, OrderState, Side
from tradewind.domain.simulated_account import SimulatedAccount
from tradewind.sim_exchange.models import (
    NO_LIST,
    AccountPosition,
    Balance,
    ExchangeOrder,
    Execution,
    ExecutionReport,
    ListStatus,
    OrderList,
    Status,
    Trade,
)
from tradewind.sim_exchange.persistence import Change
from tradewind.sim_exchange.records import Records
from tradewind.sim_exchange.rows import list_row, order_row, trade_row


class Bookkeeping:
    """The clock, the records and the numbering of one account. `change` is what nobody has stored or told yet."""

    def __init__(self, account: SimulatedAccount, records: Records) -> None:
        self.account, self.records = account, records
        self.time = 0
        self.execution_id = 0
        self.update_time = 0
        self.change = Change()
        self._noted_time = 0

    def restore(self, time: int, execution_id: int, update_time: int) -> None:
        """Stand where the store says."""
        self.time, self.execution_id, self.update_time = time, execution_id, update_time
        self.change, self._noted_time = Change(), time

    def take_change(self) -> Change:
        """Everything since the last call, the clock included."""
        change, self.change = self.change, Change()
        if change.told or self.time != self._noted_time:
            self._noted_time = self.time
            clock = {"time": self.time, "execution_id": self.execution_id, "update_time": self.update_time}
            change.put("accounts", clock)
        return change

    def balance(self, currency: str) -> Balance:
        """What the account has of a currency."""
        locked = self.account.locked(currency)
        return Balance(currency=currency, free=self.account.balances.get(currency, Decimal(0)) - locked, locked=locked)

    # --------------------------------------------------------------------------------------------------------- changes

    def opened(self, orders: Iterable[tuple[ExchangeOrder, AccountOrder]]) -> None:
        """New orders, which the account has taken."""
        for order, held in orders:
            self.records.keep_order(order)
            self.change.put("orders", order_row(order, held))
            self._report(Execution.NEW, order, order.time)

    def listed(self, order_list: OrderList) -> None:
        """A new order list, or one that is done."""
        self.records.keep_list(order_list)
        self.change.put("order_lists", list_row(order_list))
        self.change.told.append(ListStatus(time=order_list.update_time, order_list=order_list))

    def apply(self, found: Iterable[Changes], cancel_id: str = "") -> list[Trade]:
        """What the account did, of several pairs in the order of time; the trades it made."""
        changes = list(found)
        held = {order_id: order for one in changes for order_id, order in one.orders.items()}
        happenings: list[Happening] = [happening for one in changes for happening in one.happenings]
        trades = [self._happened(one, held, cancel_id) for one in sorted(happenings, key=lambda one: one.time)]
        for order in held.values():
            self._settle(order)
        for order_list in self.records.open_order_lists():
            self._close_list(order_list)
        for one in changes:
            for currency in one.currencies:
                self._put_balance(currency)
        return [trade for trade in trades if trade is not None]

    def positions(self, symbols: Iterable[str]) -> None:
        """Tell the balances that a change of these symbols touched."""
        currencies: dict[str, None] = {}
        for symbol in symbols:
            for instrument in self.account.instruments.values():
                if f"{instrument.base}{instrument.quote}" == symbol:
                    currencies.update({instrument.base: None, instrument.quote: None})
        balances = tuple(self.balance(currency) for currency in currencies)
        self.change.told.append(AccountPosition(time=self.update_time, balances=balances))

    def note_balances(self) -> None:
        """Have every balance stored with the next change."""
        for currency in self.account.balances:
            self._put_balance(currency)

    def _put_balance(self, currency: str) -> None:
        self.change.put("balances", {"currency": currency, "total": self.account.balances[currency]})

    # ------------------------------------------------------------------------------------------------------ happenings

    def _happened(self, happening: Happening, held: dict[str, AccountOrder], cancel_id: str) -> Trade | None:
        order_id = happening.client_order_id if isinstance(happening, Fill) else happening.order_id
        symbol, _, number = order_id.partition(":")
        order = self.records.at(symbol, int(number))
        if isinstance(happening, Fill):
            return self._traded(order, happening, held[order_id])
        if isinstance(happening, Resize):
            quantity = order.executed_quantity + happening.remaining
            self.records.keep_order(msgspec.structs.replace(order, quantity=quantity, update_time=happening.time))
        else:
            self._ended(order, happening, cancel_id)
        return None

    def _traded(self, order: ExchangeOrder, fill: Fill, held: AccountOrder) -> Trade:
        quantity = held.amount if order.quote_quantity else order.quantity
        executed = order.executed_quantity + fill.amount
        order = msgspec.structs.replace(
            order,
            quantity=quantity,
            executed_quantity=executed,
            executed_quote=order.executed_quote + fill.cost,
            status=Status.FILLED if executed == quantity else Status.PARTIALLY_FILLED,
            update_time=fill.time,
            is_working=True,
            working_time=order.working_time if order.is_working else fill.time,
        )
        trade = Trade(
            symbol=order.symbol,
            trade_id=self.records.next_trade_id(order.symbol),
            order_id=order.order_id,
            order_list_id=order.order_list_id,
            price=fill.price,
            quantity=fill.amount,
            quote_quantity=fill.cost,
            commission=fill.fee,
            commission_asset=fill.fee_currency,
            time=fill.time,
            is_buyer=fill.side is Side.BUY,
            is_maker=fill.maker,
        )
        self.records.keep_order(order)
        self.records.keep_trade(trade)
        self.change.put("trades", trade_row(trade))
        clock = self.account.clocks[fill.pair]
        market = {"symbol": order.symbol, "candle_time": clock.time, "consumed": clock.consumed}
        self.change.put("markets", market)
        self._report(Execution.TRADE, order, fill.time, trade=trade)
        return trade

    def _ended(self, order: ExchangeOrder, end: OrderEnd, cancel_id: str) -> None:
        # A leg whose other one traded expires at this venue; canceled is only what somebody canceled.
        canceled = end.state is OrderState.CANCELED and end.reason == "Requested"
        status = Status.CANCELED if canceled else Status.EXPIRED
        order = msgspec.structs.replace(order, status=status, update_time=end.time)
        self.records.keep_order(order)
        if canceled:
            self._report(Execution.CANCELED, order, end.time, cancel_id=cancel_id)
        else:
            self._report(Execution.EXPIRED, order, end.time, reason=end.reason)

    def _settle(self, held: AccountOrder) -> None:
        """The row of an order that changed; a stop that was reached stands in the book now."""
        symbol, _, number = held.order_id.partition(":")
        order = self.records.at(symbol, int(number))
        if held.working.triggered and not order.is_working and order.is_open:
            time = self.account.clocks[held.pair].time
            order = msgspec.structs.replace(order, is_working=True, working_time=time)
            self.records.keep_order(order)
        self.change.put("orders", order_row(order, held))

    def _close_list(self, order_list: OrderList) -> None:
        legs = [self.records.at(order_list.symbol, order_id) for order_id, _ in order_list.orders]
        if not any(leg.is_open for leg in legs):
            time = max(leg.update_time for leg in legs)
            self.listed(msgspec.structs.replace(order_list, is_done=True, update_time=time))

    def _report(
        self,
        execution: Execution,
        order: ExchangeOrder,
        time: int,
        *,
        trade: Trade | None = None,
        cancel_id: str = "",
        reason: str = "NONE",
    ) -> None:
        self.execution_id += 1
        self.update_time = time
        self.change.told.append(
            ExecutionReport(
                time=time,
                execution_id=self.execution_id,
                execution=execution,
                order=order,
                client_order_id=cancel_id or order.client_order_id,
                original_client_order_id=order.client_order_id if cancel_id else "",
                trade=trade,
                reason=reason,
            )
        )


def in_list(order: ExchangeOrder) -> bool:
    """Whether the order is a leg of an order list."""
    return order.order_list_id != NO_LIST
