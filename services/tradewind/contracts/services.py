"""The names of the services, for a manifest that speaks of them one by one.

The catalog says what each service is and stands above the contracts, so it cannot be asked here; a test holds the two
together.
"""

from __future__ import annotations

from enum import StrEnum


class ServiceName(StrEnum):
    """A service of the catalog."""

    GATEWAY = "gateway"
    ENGINE = "engine"
    MARKET_DATA = "market-data"
    PORTFOLIO = "portfolio"
    STRATEGY = "strategy"
    EXECUTION = "execution"
    MONITORING = "monitoring"
    SIM_EXCHANGE = "sim-exchange"


WITH_REPLICAS = (ServiceName.GATEWAY, ServiceName.STRATEGY)
"""The services of which more than one instance may run."""
