"""The table of what exchanges allow: how much may be asked from one address, how many orders an account may create.

Numbers are those of the exchanges' documentation at the time of writing. Whatever an exchange itself tells with its
answers (Binance counts for the client, and everybody says when it is too much) corrects what was counted by them
(`budgets`). Of an exchange that has no row the limit is the one that ccxt paces its own requests by, and of its orders
nothing is known: they only take their weight.

A limit is a count in a window. Windows slide, though some exchanges begin theirs at full minutes: who never uses more
than the limit in any minute does not in a full one either, whatever the two clocks say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` in any `seconds`. `header`, in lower case, is where the exchange tells what it has counted."""

    seconds: float
    limit: float
    header: str = ""

    @property
    def milliseconds(self) -> int:
        """Its length."""
        return round(self.seconds * 1000)


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """`requests` of an address, in the exchange's own weights; `orders` of an account.

    `weight` is what one unit of ccxt's cost of a request is in the exchange's weights.
    """

    requests: tuple[Window, ...]
    orders: tuple[Window, ...] = ()
    weight: float = 1.0


EXCHANGE_LIMITS: Mapping[str, ExchangeLimits] = {
    "binance": ExchangeLimits(
        requests=(Window(60, 6000, "x-mbx-used-weight-1m"),),
        orders=(Window(10, 100, "x-mbx-order-count-10s"), Window(86_400, 200_000, "x-mbx-order-count-1d")),
        # ccxt counts 1200 a minute where Binance counts 6000.
        weight=5.0,
    ),
    # Public questions at one a second, questions about the account at three times that: what its lowest tier may do.
    # Orders count by themselves, sixty that go down by one a second.
    "kraken": ExchangeLimits(requests=(Window(10, 10),), orders=(Window(60, 60),)),
    # 600 requests in five seconds from an address, of which ccxt allows itself less.
    "bybit": ExchangeLimits(requests=(Window(5, 250),), orders=(Window(1, 10),)),
    # 100 a second for most questions, 15 orders in a tenth of a second.
    "cryptocom": ExchangeLimits(requests=(Window(60, 6000),), orders=(Window(0.1, 15),)),
}
"""By ccxt's id."""


def limits_of(exchange: str, client: Any) -> ExchangeLimits:
    """The row of `exchange`; without one, what `client` (a ccxt client) paces itself by."""
    if (row := EXCHANGE_LIMITS.get(exchange)) is not None:
        return row
    length = float(getattr(client, "rollingWindowSize", 0) or 60_000)
    # Where a client paces itself by nothing, one request a second hurts nobody.
    return ExchangeLimits(requests=(Window(length / 1000, length / (client.rateLimit or 1000)),))
