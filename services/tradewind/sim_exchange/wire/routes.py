"""Every call there is, by method and path, each under the name that faults are matched by."""

from __future__ import annotations

from dataclasses import replace

from tradewind.sim_exchange.wire.account_routes import ACCOUNT_ROUTES
from tradewind.sim_exchange.wire.call import Route
from tradewind.sim_exchange.wire.list_routes import LIST_ROUTES
from tradewind.sim_exchange.wire.market_routes import MARKET_ROUTES
from tradewind.sim_exchange.wire.order_routes import ORDER_ROUTES

ROUTES: dict[tuple[str, str], Route] = {
    (method, path): replace(route, name=f"{method} {path}")
    for table in (MARKET_ROUTES, ORDER_ROUTES, LIST_ROUTES, ACCOUNT_ROUTES)
    for (method, path), route in table.items()
}
