"""An order with what execution alone knows about it, and its row."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from tradewind.contracts.messages import Bracket, PlaceOrder
from tradewind.domain.order import Leg, Order, OrderState, OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order of ours, or an external one.

    `number` is the order of arrival; `signed_at` the wall time of the latest send; `wanted_stop_price` an amendment
    not carried out yet; `external` marks an order that nobody here created. A decision stands until the market time
    `expires_at` and, where the market is a real one, until the wall time `expires_wall` (seconds).
    """

    order: Order
    number: int
    position_id: str
    bracket: Bracket | None = None
    expires_at: int | None = None
    signed_at: float | None = None
    cancel_requested: bool = False
    wanted_stop_price: Decimal | None = None
    external: bool = False
    traceparent: str | None = None
    expires_wall: float | None = None

    @property
    def is_protective(self) -> bool:
        """Whether it is a stop or target of a position."""
        return self.order.leg in (Leg.STOP, Leg.TARGET)


def record_of(command: PlaceOrder, number: int) -> OrderRecord:
    """The record that a command asks for, `Intended`."""
    return OrderRecord(
        order=Order(
            client_order_id=command.client_order_id,
            decision_id=command.decision_id,
            leg=command.leg,
            pair=command.pair,
            side=command.side,
            type=command.type,
            amount=command.amount,
            created_time=command.time,
            price=command.price,
            stop_price=command.stop_price,
            time_in_force=command.time_in_force,
            post_only=command.post_only,
            reduce_only=command.reduce_only,
            tag=command.tag,
        ),
        number=number,
        position_id=command.position_id or command.client_order_id,
        bracket=command.bracket,
        expires_at=command.expires_at,
    )


def row_of(bot: str, account: str, record: OrderRecord) -> dict[str, Any]:
    """The row of `execution_orders`."""
    order = record.order
    return {
        "bot": bot,
        "account": account,
        "client_order_id": order.client_order_id,
        "number": record.number,
        "decision_id": order.decision_id,
        "position_id": record.position_id,
        "leg": order.leg.value,
        "pair": order.pair,
        "side": order.side.value,
        "type": order.type.value,
        "amount": order.amount,
        "price": order.price,
        "stop_price": order.stop_price,
        "time_in_force": order.time_in_force.value,
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "order_group": order.group,
        "tag": order.tag,
        "state": order.state.value,
        "filled": order.filled,
        "cost": order.cost,
        "version": order.version,
        "created_time": order.created_time,
        "expires_at": record.expires_at,
        "stop_loss": record.bracket.stop_loss if record.bracket else None,
        "take_profit": record.bracket.take_profit if record.bracket else None,
        "signed_at": record.signed_at,
        "cancel_requested": record.cancel_requested,
        "wanted_stop_price": record.wanted_stop_price,
        "external": record.external,
        "traceparent": record.traceparent,
        "expires_wall": record.expires_wall,
    }


def record_from(row: Row[Any]) -> OrderRecord:
    """The record of a row."""
    bracket = None
    if row.stop_loss is not None or row.take_profit is not None:
        bracket = Bracket(row.stop_loss, row.take_profit)
    return OrderRecord(
        order=Order(
            client_order_id=row.client_order_id,
            decision_id=row.decision_id,
            leg=Leg(row.leg),
            pair=row.pair,
            side=Side(row.side),
            type=OrderType(row.type),
            amount=row.amount,
            created_time=row.created_time,
            price=row.price,
            stop_price=row.stop_price,
            time_in_force=TimeInForce(row.time_in_force),
            post_only=row.post_only,
            reduce_only=row.reduce_only,
            group=row.order_group,
            tag=row.tag,
            state=OrderState(row.state),
            filled=row.filled,
            cost=row.cost,
            version=row.version,
        ),
        number=row.number,
        position_id=row.position_id,
        bracket=bracket,
        expires_at=row.expires_at,
        signed_at=row.signed_at,
        cancel_requested=row.cancel_requested,
        wanted_stop_price=row.wanted_stop_price,
        external=row.external,
        traceparent=row.traceparent,
        expires_wall=row.expires_wall,
    )
