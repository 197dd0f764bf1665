"""THE table of services: one row each, read by the plan, the operator, the runner, the CLI, the docs and the tests.

Nothing heavy is imported here: a service is named by a string and loaded when it is built. To add a service, add a
row and a folder of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from graphlib import TopologicalSorter

from tradewind.contracts.messages import MESSAGES


class Scaling(StrEnum):
    """Whether more than one instance of a service may run."""

    SINGLETON = "Singleton"
    REPLICAS = "Replicas"


class Group(StrEnum):
    """The workload that a service belongs to in profile Standard."""

    DOOR = "door"
    TRADING = "trading"
    MARKET_DATA = "market-data"
    EXECUTION = "execution"
    SIM_EXCHANGE = "sim-exchange"
    OPERATIONS = "operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Kubernetes requests and limits of one service; profile Full sums the requests to at most one CPU."""

    cpu_request: str = "50m"
    memory_request: str = "96Mi"
    memory_limit: str = "256Mi"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """One service. `consumes`, `follows` and `publishes` are message kinds, `calls` the services it may ask.

    What a storing service *consumes* is redelivered until it is in its inbox. What it *follows* is a view of another
    service's state, asked from the owner at every load and kept current by the messages after it: no inbox.
    Of those that it *watches* it may ask for their state alone, whether they depend on it or not, and of itself too.
    A *public* service answers callers from outside and knows them by itself; all others answer services only.
    A *networked* service is reached over its port even by services of the same process. An *on demand* service runs
    only for a bot that uses it: `plan.services` says which. `latest` is `module:function` of what reads, for a bot,
    the latest market time that the service's own tables name, where they may know of more than its messages tell.
    """

    name: str
    summary: str
    port: int
    group: Group
    scaling: Scaling = Scaling.SINGLETON
    stores: bool = False
    public: bool = False
    networked: bool = False
    on_demand: bool = False
    latest: str = ""
    consumes: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)

    @property
    def package(self) -> str:
        """The folder, as a dotted name."""
        return f"tradewind.{self.name.replace('-', '_')}"

    @property
    def entrypoint(self) -> str:
        """`module:function` of the composition root."""
        return f"{self.package}.service:build"

    @property
    def handles(self) -> tuple[str, ...]:
        """Everything it has a handler for."""
        return self.consumes + self.follows

    @property
    def subscribed_topics(self) -> tuple[str, ...]:
        """The topics of what it handles."""
        return topics_of(self.handles)

    @property
    def shared_topics(self) -> tuple[str, ...]:
        """The topics whose messages a broker keeps for it until they are done, each for one instance.

        They are those of which it stores what it consumes; of replicas, which share the work, all that it consumes.
        """
        if self.scaling is Scaling.REPLICAS:
            return topics_of(self.consumes)
        return topics_of(tuple(kind for kind in self.consumes if self.stores and MESSAGES[kind].stored))

    @property
    def asks(self) -> tuple[str, ...]:
        """The services to which any question of it goes."""
        return self.calls + self.watches

    @property
    def publishes_topics(self) -> tuple[str, ...]:
        """The topics of what it publishes."""
        return topics_of(self.publishes)


CATALOG: tuple[ServiceSpec, ...] = (
    ServiceSpec(
        name="gateway",
        summary="the only door from outside: routes, API keys, audit",
        port=8000,
        group=Group.DOOR,
        scaling=Scaling.REPLICAS,
        public=True,
        calls=("engine", "market-data", "portfolio", "strategy", "execution", "monitoring"),
    ),
    ServiceSpec(
        name="engine",
        summary="trading cycles, decisions, risk",
        port=8001,
        group=Group.TRADING,
        stores=True,
        consumes=("CandleClosed", "FeedStateChanged", "StrategyEvaluated", "PortfolioMarked"),
        follows=("PositionOpened", "PositionChanged", "PositionClosed", "BalanceChanged", "OrderStateChanged"),
        publishes=(
            "DecisionMade",
            "PlaceOrder",
            "CancelOrder",
            "AmendOrder",
            "ProtectPosition",
            "TickDecided",
            "CycleCompleted",
            "TradingStateChanged",
        ),
        calls=("market-data", "strategy", "portfolio", "execution"),
    ),
    ServiceSpec(
        name="market-data",
        summary="candles: replay, synthetic, of an exchange; validation",
        port=8002,
        group=Group.MARKET_DATA,
        stores=True,
        consumes=("TickSettled", "OpeningSettled"),
        follows=("ServiceStateChanged",),
        publishes=("CandleClosed", "VenueOpened", "FeedStateChanged"),
    ),
    ServiceSpec(
        name="portfolio",
        summary="positions, balances, profit and loss",
        port=8003,
        group=Group.TRADING,
        stores=True,
        consumes=("CandleClosed", "OrderFilled", "BalancesReported", "TickMatched"),
        publishes=("PositionOpened", "PositionChanged", "PositionClosed", "BalanceChanged", "PortfolioMarked"),
        calls=("market-data",),
    ),
    ServiceSpec(
        name="strategy",
        summary="strategies and their stances",
        port=8004,
        group=Group.TRADING,
        scaling=Scaling.REPLICAS,
        consumes=("CandleClosed",),
        publishes=("StrategyEvaluated",),
        calls=("market-data",),
    ),
    ServiceSpec(
        name="execution",
        summary="orders, fills, venue reconciliation",
        port=8006,
        group=Group.EXECUTION,
        stores=True,
        consumes=(
            "CandleClosed",
            "VenueOpened",
            "PlaceOrder",
            "CancelOrder",
            "AmendOrder",
            "ProtectPosition",
            "TickDecided",
        ),
        publishes=(
            "OrderStateChanged",
            "OrderFilled",
            "BalancesReported",
            "OpeningSettled",
            "TickMatched",
            "TickSettled",
        ),
        calls=("market-data", "sim-exchange"),
    ),
    ServiceSpec(
        name="monitoring",
        summary="health of the whole bot",
        port=8007,
        group=Group.OPERATIONS,
        follows=("CandleClosed", "CycleCompleted", "FeedStateChanged", "ServiceStateChanged", "TradingStateChanged"),
        calls=("engine", "market-data", "portfolio", "execution", "strategy"),
        watches=("gateway", "monitoring"),
    ),
    ServiceSpec(
        name="sim-exchange",
        summary="a venue on this machine, as Binance's spot API",
        port=8011,
        group=Group.SIM_EXCHANGE,
        stores=True,
        networked=True,
        on_demand=True,
        latest="tradewind.sim_exchange.tables:latest_time",
        calls=("market-data",),
    ),
)


def topics_of(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The topics of message kinds, each once, in order."""
    return tuple(dict.fromkeys(MESSAGES[kind].topic for kind in kinds))


@cache
def by_name() -> dict[str, ServiceSpec]:
    """The rows by service name."""
    return {spec.name: spec for spec in CATALOG}


def service(name: str) -> ServiceSpec:
    """The row of `name`; `KeyError` for a service that does not exist."""
    return by_name()[name]


@cache
def storing_consumers() -> dict[str, tuple[str, ...]]:
    """For each stored message kind, the services that store and handle it: who must have it before it is done."""
    return {
        name: tuple(spec.name for spec in CATALOG if spec.stores and name in spec.consumes)
        for name, kind in MESSAGES.items()
        if kind.stored
    }


@cache
def start_order() -> tuple[str, ...]:
    """Service names such that whoever may be asked starts before whoever asks; stopping goes backwards."""
    graph = {spec.name: set(spec.calls) for spec in CATALOG}
    return tuple(TopologicalSorter(graph).static_order())
