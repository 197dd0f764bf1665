"""What there is of one pair in a backtest: orders, a position, and where its protective legs stood last."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.decision import HeldPosition
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ZERO
from tradewind.domain.order import Leg, Order
from tradewind.domain.position import Position
from tradewind.domain.protection import Levels


@dataclass(slots=True)
class PairOrders:
    """An entry on its way, or a position with its legs, perhaps with its exit on its way.

    `opened_by` is the entry of the position; `bare` is whether its legs are still to be placed for the first time;
    `levels` is where the latest legs stood, whether they rest or not; a stop that was raised, where it was raised to.
    """

    instrument: Instrument
    entry: Order | None = None
    expires_at: int = 0
    position: Position | None = None
    opened_by: Order | None = None
    bare: bool = False
    levels: Levels | None = None
    stop: Order | None = None
    target: Order | None = None
    exit: Order | None = None

    def order(self, client_id: str) -> Order:
        """The open order of that id."""
        known = (self.entry, self.stop, self.target, self.exit)
        return next(one for one in known if one is not None and one.client_order_id == client_id)

    def rest(self, legs: list[Order]) -> None:
        """The venue has taken legs, or has them changed."""
        for leg in legs:
            if leg.leg is Leg.STOP:
                self.stop = leg
            else:
                self.target = leg

    def over(self, order: Order) -> None:
        """An order has ended, however."""
        if order.leg is Leg.STOP:
            self.stop = None
        elif order.leg is Leg.TARGET:
            self.target = None
        elif order.leg is Leg.ENTRY:
            self.entry = None
        else:
            self.exit = None

    def reason(self, order: Order) -> str:
        """What an order gives as the reason of the exit, or as the tag of the entry, that it is."""
        return self.levels.stop_tag if self.levels and order.leg is Leg.STOP else order.tag

    def staying(self) -> Decimal:
        """What the position holds, in steps: what its legs are to cover."""
        return self.instrument.amount(self.position.amount) if self.position else ZERO

    def held(self) -> HeldPosition | None:
        """The position as decisions see it."""
        position = self.position
        if position is None:
            return None
        return HeldPosition(
            position.position_id,
            position.amount,
            position.average_price,
            self.levels.stop if self.stop and self.levels else None,
            self.levels.target if self.target and self.levels else None,
            position.open_time,
        )
