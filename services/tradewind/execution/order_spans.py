"""The spans of orders that go out in one call, from the signing to what the venue said.

A span's identity is stored with `Submitted`, before the call: a fill that overtakes the acknowledgement, and whatever
comes of an order whose outcome was not known, then stand below the order all the same.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tradewind.execution.records import OrderRecord
from tradewind.kernel.telemetry.tracing import Tracer


class OrderSpans:
    """Begun for each order, recorded when the block ends. `outcome` is what the call came to; nothing: it broke off."""

    def __init__(self, tracer: Tracer, signed_at: float) -> None:
        self.outcome = ""
        self._tracer, self._signed_at = tracer, signed_at
        self._begun: list[tuple[OrderRecord, str]] = []

    def begin(self, record: OrderRecord) -> str | None:
        """The traceparent that the order has from now on: its span's, or that which it had, without tracing."""
        reserved = self._tracer.reserve("order", record.traceparent)
        if reserved is None:
            return record.traceparent
        self._begun.append((record, reserved))
        return reserved

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the spans."""
        for record, reserved in self._begun:
            order = record.order
            facts = {"pair": order.pair, "leg": order.leg.value, "client_order_id": order.client_order_id}
            self._tracer.span(
                "order",
                record.traceparent,
                {**facts, "outcome": self.outcome},
                start=self._signed_at,
                reserved=reserved,
                error=kind.__name__ if kind is not None else "",
            )
