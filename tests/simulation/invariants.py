"""What must hold, whatever happened: `semantics` section 6, as questions to the bot's tables and the venue's books.

Two kinds. At every order that the venue takes, and at every quiet point, what must never be otherwise, not even for a
moment. In the end, when nothing goes wrong any more and everybody had time to ask: that both sides agree, in every
order, fill and balance, and that nothing that was committed has been forgotten.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, FromClause, select, union_all
from tests.simulation.exchange import BALANCES, BY_HAND, INSTRUMENTS, Exchange
from tests.simulation.holdings import fill_of, held_by, moved
from tests.simulation.store import Database, gone_inbox, gone_outbox

from tradewind import catalog
from tradewind.contracts.messages import Message, decode
from tradewind.domain.money import ZERO
from tradewind.domain.order import TERMINAL, Leg, OrderState, Side
from tradewind.domain.position import balance_changes
from tradewind.execution.tables import fills, order_states, orders
from tradewind.kernel.store.outbox import inbox, outbox, read_undone
from tradewind.portfolio.tables import ledger, positions
from tradewind.sim_exchange.models import Execution, ExecutionReport

_IN_FLIGHT = (OrderState.SUBMITTED.value, OrderState.UNKNOWN.value)
_TOLD = (OrderState.ACCEPTED.value, OrderState.PARTIALLY_FILLED.value, OrderState.FILLED.value)
"""Of two legs the first is told, and may be stored, before the second."""
QUOTE = "USDT"
PRECISE = Decimal("0.0001")
"""How much an average price may differ, as a ratio."""


class Invariants:
    """The questions. `violations` are those that were answered wrongly."""

    stored: FromClause = union_all(select(outbox), select(gone_outbox)).subquery()
    """Every message that was ever committed, trimmed or not."""

    def __init__(
        self, bot: str, database: Database, exchange: Exchange, handled: Callable[[str], AbstractSet[str]]
    ) -> None:
        """`handled` tells of a service which messages its present process has handled and not said so yet."""
        self._bot, self._database, self._exchange, self._handled = bot, database, exchange, handled
        self.violations: list[str] = []
        self.taken: Counter[str] = Counter()
        self.emergency = False
        """Whether a person has pressed the emergency stop, which takes stops away too."""

    # ---------------------------------------------------------------------------------------------------- at the venue

    def on_report(self, report: ExecutionReport) -> None:
        """The venue has done something; what it takes is looked at."""
        name = report.order.client_order_id
        if report.execution is not Execution.NEW or name == BY_HAND:
            return
        self.taken[name] += 1
        if self.taken[name] > 1:
            self._violated(f"doubled: the venue took {name} {self.taken[name]} times")
        row = self._database.read(
            lambda connection: connection.execute(select(orders).where(orders.c.client_order_id == name)).first()
        )
        if row is None:
            self._violated(f"unknown: the venue took {name}, which no table has")
            return
        if row.state not in _IN_FLIGHT + _TOLD:
            self._violated(f"late: the venue took {name}, which is {row.state} for us")
        self._one_live_leg(row)

    def _one_live_leg(self, row: Any) -> None:
        """No two live orders for one leg of one decision."""
        siblings = self._database.read(
            lambda connection: [
                one.client_order_id
                for one in connection.execute(
                    select(orders).where(orders.c.decision_id == row.decision_id, orders.c.leg == row.leg)
                )
            ]
        )
        live = [one.client_order_id for one in self._orders() if one.client_order_id in siblings and one.is_open]
        if len(live) > 1:
            self._violated(f"doubled: {row.leg} of {row.decision_id} is live as {' and '.join(live)}")

    # --------------------------------------------------------------------------------------------------------- always

    def always(self) -> None:
        """What every commit must leave true."""
        for problem in self._database.read(lambda connection: list(self._always(connection))):
            self._violated(problem)

    def _always(self, connection: Connection) -> Iterator[str]:
        filled: dict[str, Decimal] = defaultdict(Decimal)
        held: dict[str, Decimal] = defaultdict(Decimal)
        position_of = {}
        rows = connection.execute(select(orders)).all()
        for row in rows:
            position_of[row.client_order_id] = row.position_id
        told = connection.execute(select(fills)).all()
        for row in told:
            filled[row.client_order_id] += row.amount
            held[position_of[row.client_order_id]] += moved(row)
        for row in rows:
            if row.filled != filled[row.client_order_id]:
                yield f"fills of {row.client_order_id} are {filled[row.client_order_id]}, its row says {row.filled}"
        for position, amount in held.items():
            if amount < ZERO:
                yield f"position {position} was sold beyond what it held: {amount}"
        references = Counter((row.reference, row.currency) for row in connection.execute(select(ledger)))
        for (reference, currency), count in references.items():
            if count > 1:
                yield f"{reference} changed the balance of {currency} {count} times"
        yield from self._gone_too_early(connection)

    def _gone_too_early(self, connection: Connection) -> Iterator[str]:
        """What is trimmed was handled by all who had to; its number is not given again, and it is not handled again."""
        handled = {(row.service, row.message_id) for row in connection.execute(select(gone_inbox))}
        last: dict[str, int] = defaultdict(int)
        for row in connection.execute(select(gone_outbox.c.topic, gone_outbox.c.kind, gone_outbox.c.message_id)):
            for service in catalog.storing_consumers()[row.kind]:
                if (service, row.message_id) not in handled:
                    yield f"{row.message_id} is gone, and {service} never handled it"
        for row in connection.execute(select(gone_outbox.c.topic, gone_outbox.c.sequence)):
            last[row.topic] = max(last[row.topic], row.sequence)
        for row in connection.execute(select(outbox.c.topic, outbox.c.sequence, outbox.c.message_id)):
            if row.sequence <= last[row.topic]:
                yield f"{row.message_id} was given number {row.sequence} of {row.topic}, which was gone"
        for row in connection.execute(select(inbox)):
            if (row.service, row.message_id) in handled:
                yield f"{row.message_id} was handled by {row.service} again after it was gone"

    # ----------------------------------------------------------------------------------------------------- in the end

    def disagreements(self) -> list[str]:
        """What is not as it must be once nothing is on its way any more."""
        return self._database.read(lambda connection: list(self._in_the_end(connection)))

    def _in_the_end(self, connection: Connection) -> Iterator[str]:
        ours = {row.client_order_id: row for row in connection.execute(select(orders))}
        told = connection.execute(select(fills)).all()
        yield from self._same_orders(dict(ours))
        yield from self._at_the_venue(ours)
        yield from self._same_fills(told)
        yield from self._same_balances(connection, told)
        yield from self._same_positions(connection, ours, told)
        yield from self._same_prices_and_profits(connection, ours, told)
        yield from self._every_command(connection, ours)
        yield from (f"{type(one).__name__} {one.id} was not handled" for one in self._undone(connection))
        yield from self._protected(connection, ours, told)

    def _same_orders(self, ours: dict[str, Any]) -> Iterator[str]:
        theirs = {order.client_order_id: order for order in self._orders()}
        stranger = theirs.pop(BY_HAND, None)
        known = ours.pop(BY_HAND, None)
        if stranger is not None and stranger.is_open and (known is None or not known.external):
            yield "an order that a person placed is not shown as such"
        for name, order in theirs.items():
            row = ours.get(name)
            if row is None:
                yield f"order {name} of the venue is not known"
                continue
            is_open = OrderState(row.state) not in TERMINAL
            if order.executed_quantity != row.filled or order.is_open != is_open:
                yield f"order {name}: {order.status} {order.executed_quantity} there, {row.state} {row.filled} here"

    def _at_the_venue(self, ours: dict[str, Any]) -> Iterator[str]:
        theirs = {order.client_order_id for order in self._orders()}
        for name, row in ours.items():
            if name not in theirs and row.state not in ("Canceled", "Expired", "Rejected"):
                yield f"order {name} is {row.state} here and the venue never had it"

    def _same_fills(self, told: Any) -> Iterator[str]:
        here, there = self._fills(told)
        for key in sorted(here.keys() | there.keys()):
            if here.get(key) != there.get(key):
                yield f"fill {key}: {there.get(key)} there, {here.get(key)} here"

    def _fills(self, told: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """By pair and number: what is known here, and what is true there."""
        here = {(row.pair, row.trade_id): (row.client_order_id, row.amount, row.price, row.fee) for row in told}
        names = {(one.symbol, one.order_id): one.client_order_id for one in self._orders()}
        there = {}
        for pair, instrument in INSTRUMENTS.items():
            for one in self._exchange.venue.my_trades(f"{instrument.base}{instrument.quote}", limit=1000):
                name = names[one.symbol, one.order_id]
                there[pair, str(one.trade_id)] = (name, one.quantity, one.price, one.commission)
        return here, there

    def _same_balances(self, connection: Connection, told: Any) -> Iterator[str]:
        by_fills: dict[str, Decimal] = defaultdict(Decimal)
        for row in told:
            for currency, change in balance_changes(fill_of(row)).items():
                by_fills[currency] += change
        here: dict[str, Decimal] = defaultdict(Decimal)
        for row in connection.execute(select(ledger)):
            here[row.currency] += row.change
        there = {one.currency: one.free + one.locked for one in self._exchange.venue.account().balances}
        for currency in sorted(by_fills.keys() | here.keys() | there.keys()):
            moved = there.get(currency, ZERO) - BALANCES.get(currency, ZERO)
            if not moved == by_fills[currency] == here[currency]:
                yield f"{currency}: {moved} there, {by_fills[currency]} by fills, {here[currency]} in the portfolio"

    def _same_positions(self, connection: Connection, ours: dict[str, Any], told: Any) -> Iterator[str]:
        held = held_by(ours, told)
        kept = {row.position_id: row.amount for row in connection.execute(select(positions))}
        for position in sorted(held.keys() | kept.keys()):
            amount = held.get(position, ZERO)
            # What a fee in base leaves, less than can be traded, is no position any more.
            closed = position in ours and not INSTRUMENTS[ours[position].pair].amount(amount)
            if kept.get(position, ZERO) not in ((ZERO, amount) if closed else (amount,)):
                yield f"position {position}: {held.get(position)} by fills, {kept.get(position)} in the portfolio"

    def _same_prices_and_profits(self, connection: Connection, ours: dict[str, Any], told: Any) -> Iterator[str]:
        """What positions say of their entry is what the venue took for it; their profits are what became of its money.

        Each position counts its cash out and in, so their sum is the change of the balance, whatever is still held.
        """
        _, there = self._fills(told)
        bought: dict[str, Decimal] = defaultdict(Decimal)
        spent: dict[str, Decimal] = defaultdict(Decimal)
        strange = ZERO
        for name, amount, price, fee in there.values():
            order = ours[name]
            side = 1 if order.side == Side.BUY.value else -1
            if order.external:
                strange -= side * amount * price + fee
            elif side > 0:
                bought[order.position_id] += amount
                spent[order.position_id] += amount * price
        profits = ZERO
        for row in connection.execute(select(positions)):
            profits += row.received - row.spent - row.quote_fees
            if not bought[row.position_id]:
                yield f"position {row.position_id} was bought, of which the venue knows nothing"
                continue
            average, true = row.spent / row.bought, spent[row.position_id] / bought[row.position_id]
            if abs(average - true) > true * PRECISE:
                yield f"position {row.position_id} was entered at {true} on average there, at {average} here"
        gained = {one.currency: one.free + one.locked for one in self._exchange.venue.account().balances}[QUOTE]
        gained -= BALANCES[QUOTE] + strange
        if gained != profits:
            yield f"the balance of {QUOTE} changed by {gained}, and profits are {profits} together"

    def _every_command(self, connection: Connection, ours: dict[str, Any]) -> Iterator[str]:
        placed = connection.scalars(select(self.stored.c.message_id).where(self.stored.c.kind == "PlaceOrder"))
        for message_id in placed:
            name = message_id.removeprefix("place:")
            row = ours.get(name)
            if row is None:
                yield f"{message_id} was committed and is no order"
            elif row.state in (*_IN_FLIGHT, OrderState.INTENDED.value):
                yield f"{message_id} is still {row.state}"
            elif not self.taken[name]:
                if row.state not in ("Canceled", "Expired", "Rejected"):
                    yield f"{message_id} is {row.state} and was never sent"
                elif not _reason(connection, name):
                    yield f"{message_id} is {row.state} and nothing says why"

    def _undone(
        self, connection: Connection, services: tuple[str, ...] = ("execution", "portfolio")
    ) -> Iterator[Message]:
        """Where handling a message changed nothing, its row waits for the next transaction: its process knows."""
        for service in services:
            handled = self._handled(service)
            consumed = {kind: [service] for kind, of in catalog.storing_consumers().items() if service in of}
            yield from (one for one in read_undone(connection, self._bot, consumed) if one.id not in handled)

    def _protected(self, connection: Connection, ours: dict[str, Any], told: Any) -> Iterator[str]:
        """What is held and was to have a stop has one over all of it, unless somebody took or refused it."""
        held = held_by(ours, told)
        stored = self.stored.c
        asked = connection.execute(select(stored.kind, stored.payload).where(stored.kind == "CancelOrder"))
        canceled = {decode(kind, payload).client_order_id for kind, payload in asked}
        for position, amount in held.items():
            orders_of = [row for row in ours.values() if row.position_id == position]
            entry = ours[position]
            whole = INSTRUMENTS[entry.pair].amount(amount)
            excused = self.emergency or any(
                row.state == "Rejected" or row.client_order_id in canceled for row in orders_of
            )
            leaving = any(row.leg == Leg.EXIT.value and OrderState(row.state) not in TERMINAL for row in orders_of)
            if entry.stop_loss is None or excused or leaving:
                continue
            stops = [row for row in orders_of if row.leg == Leg.STOP.value and OrderState(row.state) not in TERMINAL]
            covered = sum((row.amount - row.filled for row in stops), ZERO)
            if covered != whole:
                yield f"position {position} holds {whole}, and its stops cover {covered}"

    def _orders(self) -> list[Any]:
        symbols = [f"{one.base}{one.quote}" for one in INSTRUMENTS.values()]
        return [order for symbol in symbols for order in self._exchange.venue.all_orders(symbol, limit=1000)]

    def _violated(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)


def _reason(connection: Connection, name: str) -> str | None:
    """Why an order is in its last state."""
    mine = select(order_states.c.reason).where(order_states.c.client_order_id == name)
    return connection.scalar(mine.order_by(order_states.c.version.desc()).limit(1))
