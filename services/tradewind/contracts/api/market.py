"""What a bot trades on: exchanges, pairs, and where its candles come from."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.cluster import SecretReference
from tradewind.contracts.api.faults import Fault
from tradewind.contracts.api.part import ListAtomic, ListMap, ListSet, Part, Whole
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.quantities import AtLeastZero, BasisPoints, Distance, Fee, Positive, Share, Speed
from tradewind.contracts.api.text import DataPath, ExchangeName, Pair, PairPattern, RestOrigin, WebSocketOrigin
from tradewind.contracts.api.times import Moment


class Venue(StrEnum):
    """Who matches the orders."""

    PAPER = "Paper"
    SIMULATED = "Simulated"
    EXCHANGE = "Exchange"


class Market(StrEnum):
    """The kind of instrument that is traded."""

    SPOT = "Spot"


class FeeCurrency(StrEnum):
    """The side of the pair in which the venue takes its fee."""

    QUOTE = "Quote"
    BASE = "Base"


class Fees(Part):
    """What the venue charges for a fill."""

    maker: Fee = Decimal("0.0015")
    """The fee of a fill of a resting order, as a ratio of its value (0.0015 is 0.15 %)."""
    taker: Fee = Decimal("0.0025")
    """The fee of a fill of an order that acts at once, as a ratio of its value (0.0025 is 0.25 %)."""
    currency: FeeCurrency = FeeCurrency.QUOTE
    """The currency in which fees are taken: the quote of the pair, or its base on a buy."""


class Slippage(Part):
    """How far the paper venue's fills are from the ideal ones."""

    basis_points: BasisPoints = Decimal(0)
    """How much worse than the open a market order fills, in hundredths of a percent of the price."""
    volume_share: Share = Decimal("0.25")
    """The share of a candle's volume that limit orders of this bot may take, as a ratio."""


class InstrumentFilters(Part):
    """The venue's filters for one pair, where they should differ from the ones that the data gives."""

    pair: Pair
    """The pair that these filters are for, as BASE/QUOTE."""
    price_tick: Positive | None = None
    """The smallest step of a price, in quote currency per base."""
    amount_step: Positive | None = None
    """The smallest step of an amount, in base currency."""
    minimum_amount: AtLeastZero | None = None
    """The smallest amount of an order, in base currency."""
    minimum_notional: AtLeastZero | None = None
    """The smallest value (amount times price) of an order, in quote currency."""


class Endpoint(Part):
    """Where an exchange is reached instead of at its own addresses: a proxy, or `tradewind sim-exchange`."""

    url: RestOrigin
    """The scheme, host and port in place of those of every HTTP address of the exchange."""
    websocket_url: WebSocketOrigin
    """The scheme, host and port in place of those of every WebSocket address of the exchange."""


_EXCHANGE_RULES: list[JsonValue] = [
    {
        "rule": "self.venue == 'Simulated' || !has(self.faults) || size(self.faults) == 0",
        "message": "faults are allowed only where venue is Simulated: remove them, or set venue: Simulated",
        "fieldPath": ".faults",
        "reason": "FieldValueForbidden",
    }
]


class Exchange(Part):
    """A place where the bot trades."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _EXCHANGE_RULES})

    name: ExchangeName
    """The name of the exchange in logs, metrics and orders; by ccxt's name for it where its candles are traded on."""
    venue: Venue = Venue.PAPER
    """Who matches the orders: Paper inside the bot, Simulated an exchange on this machine, Exchange the one named."""
    market: Market = Market.SPOT
    """The kind of instrument that is traded."""
    fees: Fees = Field(default_factory=Fees)
    """The fees that the venue charges for fills, as ratios of their value."""
    slippage: Slippage = Field(default_factory=Slippage)
    """How far the paper venue's fills are from the ideal ones, in basis points and shares of volume."""
    instruments: Annotated[tuple[InstrumentFilters, ...], Field(max_length=100), ListMap("pair")] = ()
    """The price and amount filters of single pairs, where they should differ from the ones that the data gives."""
    credentials_secret_ref: SecretReference | None = None
    """The Secret in the bot's namespace with the keys of the account; only execution and market-data see it."""
    endpoint: Endpoint | None = None
    """Where the exchange is reached instead of at its own addresses, when its candles are traded on."""
    faults: Annotated[tuple[Fault, ...], Field(max_length=100), ListAtomic()] = ()
    """What a Simulated venue does wrong on purpose, each a number of times from the start on."""

    @model_validator(mode="after")
    def _faults_need_a_simulation(self) -> Exchange:
        if self.faults and self.venue is not Venue.SIMULATED:
            kinds = ", ".join(fault.kind.value for fault in self.faults)
            allowed = "faults only where venue is Simulated"
            raise refusal(Problem(kinds, allowed, "remove them, or set venue: Simulated", ("faults",)))
        return self


class Pairs(Part):
    """The pairs that the bot may trade."""

    include: Annotated[tuple[PairPattern, ...], Field(min_length=1, max_length=100), ListSet()]
    """The pairs to trade, in order of preference, each as BASE/QUOTE or as a pattern such as */EUR."""
    exclude: Annotated[tuple[PairPattern, ...], Field(max_length=100), ListSet()] = ()
    """The pairs to leave out of those included, each as BASE/QUOTE or as a pattern."""

    def names(self, pair: str) -> bool:
        """Whether `pair` is one that the bot may trade."""
        included = any(fnmatchcase(pair, pattern) for pattern in self.include)
        return included and not any(fnmatchcase(pair, pattern) for pattern in self.exclude)


class DataSource(StrEnum):
    """Where candles come from."""

    REPLAY = "Replay"
    SYNTHETIC = "Synthetic"
    EXCHANGE = "Exchange"


class Span(Part):
    """A stretch of time; each end may be left open."""

    start: Moment | None = None
    """The first moment that counts, as a date or RFC 3339 timestamp in UTC; without it the data's first candle."""
    end: Moment | None = None
    """The first moment that no longer counts, as a date or RFC 3339 timestamp in UTC; without it the data's end."""

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.start is not None and self.end is not None and self.start >= self.end:
            allowed = f"a moment after start, {self.start.isoformat().replace('+00:00', 'Z')}"
            raise refusal(Problem(self.end.isoformat().replace("+00:00", "Z"), allowed, "swap them", ("end",)))
        return self


class Synthetic(Part):
    """A market made from random numbers; the same numbers give the same market on every machine."""

    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] = 0
    """The number from which the random market is drawn; the same seed gives the same market."""
    candles: Annotated[Whole, Field(ge=1, le=10_000_000)] = 10_000
    """How many candles of the bot's timeframe are made for each pair."""
    start_price: Positive = Decimal(100)
    """The price at which every pair begins, in quote currency per base."""
    volatility: Distance = Decimal("0.01")
    """The standard deviation of the change of price from candle to candle, as a ratio (0.01 is 1 %)."""


_DATA_RULES: list[JsonValue] = [
    {
        "rule": "self.source != 'Replay' || has(self.path)",
        "message": "path is required when source is Replay: a file, a folder of PAIR-TIMEFRAME files, or sample:NAME",
        "fieldPath": ".path",
        "reason": "FieldValueRequired",
    },
    {
        "rule": "self.source == 'Replay' || !has(self.path)",
        "message": "path is allowed only when source is Replay: remove it, or set source to Replay",
        "fieldPath": ".path",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.source == 'Synthetic' || !has(self.synthetic)",
        "message": "synthetic is allowed only when source is Synthetic: remove it, or set source to Synthetic",
        "fieldPath": ".synthetic",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.source != 'Exchange' || !has(self.span)",
        "message": "span is allowed only for Replay or Synthetic: remove it (an exchange is traded from now on)",
        "fieldPath": ".span",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.source != 'Exchange' || !has(self.speed) || self.speed == 'max'",
        "message": "speed is allowed only for Replay or Synthetic: remove it (an exchange has the time of the wall)",
        "fieldPath": ".speed",
        "reason": "FieldValueForbidden",
    },
]


class Data(Part):
    """Where the candles come from and how fast."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": _DATA_RULES,
            "x-example": {"source": "Replay", "path": "sample:bitvavo-2022"},
        }
    )

    source: DataSource
    """Where candles come from: Replay reads files, Synthetic makes them up, Exchange takes them as they close."""
    path: DataPath | None = None
    """The recorded candles of a Replay: a file of one pair, a folder of PAIR-TIMEFRAME files, or sample:NAME."""
    speed: Speed = "max"
    """How many seconds of market time pass in one second, or max for as fast as the bot can trade."""
    span: Span | None = None
    """The stretch of time to trade, in UTC; without it all there is."""
    synthetic: Synthetic | None = None
    """The market to make when the source is Synthetic."""

    @model_validator(mode="before")
    @classmethod
    def _make_a_market(cls, value: Any) -> Any:
        """A Synthetic source without a word about its market means the default market, not none."""
        if isinstance(value, Mapping) and value.get("source") == DataSource.SYNTHETIC:
            return {"synthetic": {}, **value}
        return value

    @model_validator(mode="after")
    def _fits_source(self) -> Data:
        problems = []
        if self.source is DataSource.REPLAY and self.path is None:
            allowed = "a file, a folder of PAIR-TIMEFRAME files, or sample:NAME (a Replay reads recorded candles)"
            problems.append(Problem(None, allowed, "add for example path: sample:bitvavo-2022", ("path",)))
        if self.source is not DataSource.REPLAY and self.path is not None:
            problems.append(Problem(self.path, "a path only when source is Replay", "remove it", ("path",)))
        if self.source is not DataSource.SYNTHETIC and self.synthetic is not None:
            market = self.synthetic.model_dump(mode="json", by_alias=True)
            allowed = "a synthetic market only when source is Synthetic"
            problems.append(Problem(market, allowed, "remove it, or set source: Synthetic", ("synthetic",)))
        problems += self._exchange_problems()
        if problems:
            raise refusal(*problems)
        return self

    def _exchange_problems(self) -> list[Problem]:
        """An exchange is traded from now on, at its own pace."""
        if self.source is not DataSource.EXCHANGE:
            return []
        allowed, problems = "only where source is Replay or Synthetic", []
        if self.span is not None:
            span = self.span.model_dump(mode="json", by_alias=True, exclude_none=True)
            problems.append(Problem(span, f"a span {allowed}", "remove it", ("span",)))
        if self.speed != "max":
            problems.append(Problem(str(self.speed), f"a speed {allowed}", "remove it", ("speed",)))
        return problems
