"""What fills leave of each position, reckoned from their rows alone."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tradewind.domain.instrument import split_pair
from tradewind.domain.order import Fill, Side
from tradewind.domain.position import balance_changes


def held_by(ours: dict[str, Any], told: Any) -> dict[str, Decimal]:
    """What fills leave of each position, in base."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for row in told:
        held[ours[row.client_order_id].position_id] += moved(row)
    return held


def moved(row: Any) -> Decimal:
    """What a fill does to the base currency of its pair, its fee included where that is taken there."""
    return balance_changes(fill_of(row))[split_pair(row.pair)[0]]


def fill_of(row: Any) -> Fill:
    """A fill from its row."""
    return Fill(
        trade_id=row.trade_id,
        client_order_id=row.client_order_id,
        pair=row.pair,
        side=Side(row.side),
        amount=row.amount,
        price=row.price,
        fee=row.fee,
        fee_currency=row.fee_currency,
        maker=row.maker,
        time=row.time,
    )
