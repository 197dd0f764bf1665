"""The table of venues: how each one knows an order by our id, and what it can and cannot do.

ccxt unifies calls, not behaviour. What decides whether an order can be lost or doubled differs by venue: under which
name the client order id goes out, whether an order can be found by it, whether "not there" is certain, whether a
late request is refused. Each row was read off the requests that ccxt really sends (tests read them too). A venue of
which something is missing in `contracts.exchanges` trades on paper only: the manifest is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradewind.contracts.exchanges import EXCHANGES, PROVEN, missing_for_live
from tradewind.domain.errors import ConfigError
from tradewind.domain.order import OrderType
from tradewind.execution.ports import DUPLICATE

_EVERY_TYPE = frozenset(OrderType)


@dataclass(frozen=True, slots=True)
class VenueRow:
    """One venue, by ccxt's id.

    `create_field` and `lookup_field` name the client order id on the wire, in a create and in a question for one
    order. `id_pattern` is what the venue takes as an id. `receive_window` is how many seconds after the signed time a
    request is still taken, None where nothing bounds it; `window_option` is ccxt's option for it, in milliseconds.
    `absence_certain` is whether "no such order" can be believed. `oco` is whether a stop and a target rest as one
    group; where not, `create` rests the stop and answers the target as canceled. `amends` is whether `amend` moves a
    stop atomically; where not, a stop moves by cancel and create with a new id. `id_in_trades` is whether trades carry
    the client order id, else it is asked by the venue's own order id. `trade_id_paging` is whether trades are numbered
    per pair and can be asked for from a number on. `reasons` gives our word for a refusal by words in it, where ccxt's
    class does not say it; `absences` are the words in a refusal that mean for certain "I never had this id".
    """

    exchange: str
    create_field: str
    lookup_field: str
    id_pattern: re.Pattern[str]
    receive_window: float | None
    window_option: str | None
    absence_certain: bool
    oco: bool
    amends: bool
    order_types: frozenset[OrderType]
    user_stream: bool
    id_in_trades: bool
    trade_id_paging: bool
    fee_currency: str
    reasons: Mapping[str, str]
    absences: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it calls itself."""
        return EXCHANGES[self.exchange].title


BINANCE = VenueRow(
    exchange="binance",
    create_field="newClientOrderId",
    lookup_field="origClientOrderId",
    id_pattern=re.compile(r"[A-Za-z0-9_-]{1,36}"),
    receive_window=5.0,
    window_option="recvWindow",
    absence_certain=True,
    oco=True,
    amends=False,
    order_types=_EVERY_TYPE,
    user_stream=True,
    id_in_trades=False,
    trade_id_paging=True,
    fee_currency="of a buy in base, of a sell in quote, in BNB where the account pays so",
    reasons={
        "Duplicate order sent.": DUPLICATE,
        "Filter failure": "FilterFailure",
        "This symbol is not permitted for this account.": "PermissionDenied",
        "This action is disabled on this account.": "AccountSuspended",
        "This account may not place or cancel orders.": "AccountSuspended",
    },
    absences=('"code":-2013',),
    # Asking for the open orders of all pairs at once is dear, and is what reconciliation needs.
    # The lists of margin pairs are of no use here and need other permissions than trading.
    options={"warnOnFetchOpenOrdersWithoutSymbol": False, "fetchMargins": False},
)

KRAKEN = VenueRow(
    exchange="kraken",
    create_field="cl_ord_id",
    lookup_field="cl_ord_id",
    id_pattern=re.compile(r"[A-Za-z0-9_-]{1,18}"),
    receive_window=None,
    window_option=None,
    absence_certain=False,
    oco=False,
    amends=True,
    order_types=_EVERY_TYPE,
    user_stream=False,
    id_in_trades=False,
    trade_id_paging=False,
    fee_currency="in quote by default",
    reasons={"EOrder:Duplicate": DUPLICATE},
    absences=(),
)

BYBIT = VenueRow(
    exchange="bybit",
    create_field="orderLinkId",
    lookup_field="orderLinkId",
    id_pattern=re.compile(r"[A-Za-z0-9_-]{1,36}"),
    receive_window=5.0,
    window_option="recvWindow",
    absence_certain=False,
    oco=False,
    amends=True,
    order_types=_EVERY_TYPE,
    user_stream=False,
    id_in_trades=True,
    trade_id_paging=False,
    fee_currency="of a buy in base, of a sell in quote",
    reasons={'"retCode":170141': DUPLICATE, '"retCode":110072': DUPLICATE, '"retCode":12141': DUPLICATE},
    absences=(),
    # Only unified accounts are meant; told here, ccxt need not ask before the first order.
    options={"enableUnifiedMargin": False, "enableUnifiedAccount": True},
)

CRYPTOCOM = VenueRow(
    exchange="cryptocom",
    create_field="client_oid",
    lookup_field="client_oid",
    id_pattern=re.compile(r"[A-Za-z0-9_-]{1,36}"),
    receive_window=None,
    window_option=None,
    absence_certain=False,
    oco=False,
    amends=False,
    order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
    user_stream=False,
    id_in_trades=True,
    trade_id_paging=False,
    fee_currency="as each trade says",
    reasons={"DUPLICATE_CLORDID": DUPLICATE},
    absences=(),
)

VENUES: Mapping[str, VenueRow] = {row.exchange: row for row in (BINANCE, KRAKEN, BYBIT, CRYPTOCOM)}


def venue_row(exchange: str) -> VenueRow:
    """The row of a venue by ccxt's id; raises `ConfigError` for one that is not in the table."""
    row = VENUES.get(exchange)
    if row is None:
        raise _unknown(exchange)
    return row


def _unknown(exchange: str) -> ConfigError:
    return ConfigError(
        "exchange",
        exchange,
        f"for orders one of {', '.join(VENUES)}; for mode Live one of {', '.join(PROVEN)}",
        f"use mode Paper: {missing_for_live(exchange)}",
    )
