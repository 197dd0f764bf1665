"""`TradingBot`, version `tradewind.dev/v1alpha1`: the one manifest of a bot.

The same file is applied to a cluster and run on a laptop. A field enters this model together with the code that
honours it, and not before: what would be ignored is refused instead, because a limit on losses that silently does
nothing costs money.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.cluster import (
    Autoscaling,
    DeletionPolicy,
    EnvironmentVariable,
    SecretReference,
    ServiceOptions,
    Storage,
    Telemetry,
)
from tradewind.contracts.api.faults import Fault, FaultKind
from tradewind.contracts.api.market import (
    Data,
    DataSource,
    Endpoint,
    Exchange,
    FeeCurrency,
    Fees,
    InstrumentFilters,
    Market,
    Pairs,
    Slippage,
    Span,
    Synthetic,
    Venue,
)
from tradewind.contracts.api.part import Flag, ListMap, Part
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.text import BotName, LabelValue, Namespace, QualifiedName
from tradewind.contracts.api.times import Timeframe
from tradewind.contracts.api.trading import (
    Capital,
    ConsensusRule,
    Decision,
    Risk,
    Strategy,
    TakeProfit,
    TrailingStop,
)
from tradewind.contracts.exchanges import LIVE_LACKS, PROVEN, missing_for_live
from tradewind.contracts.services import ServiceName
from tradewind.domain.instrument import split_pair
from tradewind.domain.timeframe import is_multiple

API_VERSION = "tradewind.dev/v1alpha1"
KIND = "TradingBot"

_NO_LIVE = f"this version sends no orders with money ({'; '.join(LIVE_LACKS)})"
_REHEARSE = "or rehearse at an endpoint that is `tradewind sim-exchange`"

__all__ = [
    "API_VERSION",
    "KIND",
    "Autoscaling",
    "Capital",
    "ConsensusRule",
    "Data",
    "DataSource",
    "Decision",
    "DeletionPolicy",
    "Endpoint",
    "EnvironmentVariable",
    "Exchange",
    "Fault",
    "FaultKind",
    "FeeCurrency",
    "Fees",
    "InstrumentFilters",
    "Market",
    "Metadata",
    "Mode",
    "Pairs",
    "Profile",
    "Risk",
    "SecretReference",
    "ServiceName",
    "ServiceOptions",
    "Slippage",
    "Span",
    "Spec",
    "Storage",
    "Strategy",
    "Synthetic",
    "TakeProfit",
    "Telemetry",
    "TradingBot",
    "TrailingStop",
    "Venue",
]


class Mode(StrEnum):
    """Whether real money is at stake."""

    PAPER = "Paper"
    LIVE = "Live"


class Profile(StrEnum):
    """How the services of a bot are grouped into pods or processes."""

    MINIMAL = "Minimal"
    STANDARD = "Standard"
    FULL = "Full"


class Metadata(Part):
    """What the bot is called."""

    name: BotName
    """The name of the bot, its own within the namespace."""
    namespace: Namespace = "default"
    """The Kubernetes namespace of the bot, and the first half of its key everywhere else."""
    labels: dict[QualifiedName, LabelValue] = Field(default_factory=dict)
    """Short texts by which bots can be selected."""
    annotations: dict[QualifiedName, Annotated[str, Strict()]] = Field(default_factory=dict)
    """Texts for people and tools, which select nothing."""


_SPEC_RULES: list[JsonValue] = [
    {
        "rule": "self.mode != 'Live' || self.exchanges.all(one, "
        f"one.name in {list(PROVEN)} && one.venue == 'Exchange' && has(one.endpoint))"
        " && self.data.source == 'Exchange'",
        "message": "mode Live is allowed only with venue: Exchange and source: Exchange at an endpoint that is a"
        " simulation: leave it at Paper",
        "fieldPath": ".mode",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.mode == 'Live' || self.exchanges.all(one, one.venue != 'Exchange')",
        "message": "venue must be Paper or Simulated when mode is Paper: orders at an exchange need mode: Live",
        "fieldPath": ".exchanges",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.data.source != 'Exchange' || self.exchanges.all(one, one.venue != 'Simulated')",
        "message": "venue must be Paper when data.source is Exchange: the market of a Simulated venue is a recording",
        "fieldPath": ".exchanges",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.data.source == 'Exchange' || self.exchanges.all(one, !has(one.endpoint))",
        "message": "endpoint is allowed only when data.source is Exchange: remove it, for no exchange is asked",
        "fieldPath": ".exchanges",
        "reason": "FieldValueForbidden",
    },
]


class Spec(Part):
    """What the bot should do."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _SPEC_RULES})

    mode: Mode = Mode.PAPER
    """Whether real money is at stake: Paper trades with simulated money, Live at an exchange (and needs --live)."""
    profile: Profile = Profile.FULL
    """How services are grouped on a cluster: Minimal is one pod, Standard a few, Full one for each service."""
    emergency_stop: Flag = False
    """Whether the bot must stop trading at once: open orders are canceled and no new ones are sent."""
    suspended: Flag = False
    """Whether the bot's pods are stopped; its data is kept, and open orders stay where they are."""
    deletion_policy: DeletionPolicy = DeletionPolicy.CANCEL_ORDERS
    """What becomes of what is open when the bot is deleted: CancelOrders, Flatten (sell as well) or Leave."""
    exchanges: Annotated[tuple[Exchange, ...], Field(min_length=1, max_length=1), ListMap("name")]
    """The exchange on which the bot trades, exactly one."""
    pairs: Pairs
    """The pairs that the bot may trade."""
    timeframe: Timeframe
    """The length of the candles on which the bot decides, such as 5m or 1h."""
    strategies: Annotated[tuple[Strategy, ...], Field(min_length=1, max_length=16), ListMap("name")]
    """The strategies that vote on each pair."""
    decision: Decision = Field(default_factory=Decision)
    """How the votes of the strategies become a decision."""
    risk: Risk = Field(default_factory=Risk)
    """The limits that hold whatever the strategies say, as ratios and counts."""
    capital: Capital
    """The money that the bot works with."""
    data: Data
    """Where the candles come from and how fast."""
    services: Annotated[tuple[ServiceOptions, ...], Field(max_length=len(ServiceName)), ListMap("name")] = ()
    """How single services run on a cluster, where it should differ from the default."""
    telemetry: Telemetry = Field(default_factory=Telemetry)
    """Where the traces of the bot go, and how many of them."""
    storage: Storage = Field(default_factory=Storage)
    """Where state and messages are kept on a cluster; without it, where the installation keeps them."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Spec:
        problems = [*self._timeframe_problems(), *self._currency_problems(), *self._source_problems()]
        problems += self._live_problems() if self.mode is Mode.LIVE else self._paper_problems()
        if problems:
            raise refusal(*problems)
        return self

    def _timeframe_problems(self) -> list[Problem]:
        allowed = f"a multiple of spec.timeframe ({self.timeframe}), from whose candles it is made"
        fix = "choose a longer one here, or a shorter spec.timeframe"
        return [
            Problem(timeframe, allowed, fix, ("strategies", row, "timeframes", column))
            for row, strategy in enumerate(self.strategies)
            for column, timeframe in enumerate(strategy.timeframes)
            if not is_multiple(timeframe, self.timeframe)
        ]

    def _currency_problems(self) -> list[Problem]:
        currency = self.capital.currency
        quotes = [(index, pair, *split_pair(pair)) for index, pair in enumerate(self.pairs.include)]
        allowed = f"pairs quoted in spec.capital.currency ({currency})"
        return [
            Problem(
                pair, allowed, f"write {base}/{currency}, or set spec.capital.currency", ("pairs", "include", index)
            )
            for index, pair, base, quote in quotes
            if quote != currency and not set("*?") & set(quote)
        ]

    def _source_problems(self) -> list[Problem]:
        live, problems = self.data.source is DataSource.EXCHANGE, []
        for row, exchange in enumerate(self.exchanges):
            if live and exchange.venue is Venue.SIMULATED:
                allowed = "Paper where data.source is Exchange (the market of a Simulated venue is a recording)"
                fix = "set venue: Paper, or data.source: Replay"
                problems.append(Problem(exchange.venue.value, allowed, fix, ("exchanges", row, "venue")))
            if exchange.endpoint is not None and not live:
                endpoint = exchange.endpoint.model_dump(mode="json", by_alias=True)
                allowed = "an endpoint only where data.source is Exchange"
                fix = "remove it, or set data.source: Exchange"
                problems.append(Problem(endpoint, allowed, fix, ("exchanges", row, "endpoint")))
        return problems

    def _live_problems(self) -> list[Problem]:
        """Real money is refused by name of what is missing for it, also of what the manifest itself leaves out."""
        problems = []
        for row, exchange in enumerate(self.exchanges):
            lacks = missing_for_live(exchange.name) or ("" if exchange.endpoint else _NO_LIVE)
            if lacks:
                rehearse = f", {_REHEARSE}" if lacks is _NO_LIVE else ""
                problems.append(Problem("Live", "Paper", f"leave it at Paper{rehearse}: {lacks}", ("mode",)))
            elif exchange.venue is not Venue.EXCHANGE:
                fix = "set venue: Exchange, or mode: Paper"
                place = ("exchanges", row, "venue")
                problems.append(Problem(exchange.venue.value, "Exchange where mode is Live", fix, place))
        if not problems and self.data.source is not DataSource.EXCHANGE:
            allowed, fix = "Exchange where mode is Live", "set source: Exchange, or mode: Paper"
            problems.append(Problem(self.data.source.value, allowed, fix, ("data", "source")))
        return problems

    def _paper_problems(self) -> list[Problem]:
        allowed, fix = "Paper or Simulated where mode is Paper", "set venue: Paper, or mode: Live"
        return [
            Problem("Exchange", allowed, fix, ("exchanges", row, "venue"))
            for row, exchange in enumerate(self.exchanges)
            if exchange.venue is Venue.EXCHANGE
        ]


class TradingBot(Part):
    """A crypto trading bot: what it trades, by which strategies, within which limits, on which candles."""

    api_version: Literal["tradewind.dev/v1alpha1"]
    """The version of this schema."""
    kind: Literal["TradingBot"]
    """The kind of resource."""
    metadata: Metadata
    """What the bot is called."""
    spec: Spec
    """What the bot should do."""

    @property
    def key(self) -> str:
        """`namespace/name`, as it stands in every key, topic, table and registry entry."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
