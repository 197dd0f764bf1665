"""What execution says about a tick."""

from __future__ import annotations

from tradewind.contracts.messages import OpeningSettled, TickMatched, TickSettled
from tradewind.kernel.service import Context


def matched(context: Context, time: int, *, final: bool = False) -> TickMatched:
    """Everything that the tick did to the account is among the order events up to here."""
    return TickMatched(
        id=f"matched:{time}:{final}",
        time=time,
        orders_sequence=context.published("orders.events"),
        final=final,
    )


def opening_settled(time: int, venue_events: int) -> OpeningSettled:
    """What the opening of the tick did to the account is dealt with."""
    return OpeningSettled(id=f"opening-settled:{time}:{venue_events}", time=time)


def settled(time: int) -> TickSettled:
    """The tick's commands are carried out."""
    return TickSettled(id=f"settled:{time}", time=time)
