"""`Backtest`, version `tradewind.dev/v1alpha1`: one backtest of a bot, or a search for its parameters, on a cluster.

What is traded is said with the fields of a bot, the same words with the same meaning: `FIELDS_OF_A_BOT` are read by the
bot's own parser, stand in the definition as they stand in the bot's, and no field of them is said here again. So the
spec of a bot that replays candles becomes that of a Backtest by leaving out what is about running it. Fees are those of
`exchanges[].fees`, the span of time is `data.span`. Beside them stands what only a Backtest has: `Options`.

A Backtest never changes, because its results are those of its spec; a rule of the API server holds that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import Field, ValidationError

from tradewind.contracts.api.cluster import SecretReference
from tradewind.contracts.api.document import brief_document, foreign, irregular, without_server_fields
from tradewind.contracts.api.explain import explained
from tradewind.contracts.api.part import Flag, ListSet, Part, Whole
from tradewind.contracts.api.problems import shown
from tradewind.contracts.api.reading import ONE_BOT
from tradewind.contracts.api.resources import ServiceResources
from tradewind.contracts.api.schema import Node, bot_schema, model_schema, words
from tradewind.contracts.api.text import Text
from tradewind.contracts.api.v1alpha1 import API_VERSION, DataSource, Metadata, TradingBot, Venue
from tradewind.contracts.api.v1alpha1 import KIND as BOT
from tradewind.contracts.searching import LEAST_TRADES, TRIALS, LossName, Sampler
from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.errors import ConfigError, ConfigErrors

KIND = "Backtest"
FIELDS_OF_A_BOT = ("exchanges", "pairs", "timeframe", "strategies", "decision", "risk", "capital", "data")
"""What of a bot's spec decides which trades a backtest of it makes."""
MOST_PODS = 32

Varied = Annotated[
    str,
    Text(
        "KEY=LOW..HIGH, KEY=LOW..HIGH:STEP or KEY=VALUE,VALUE with a key below spec.strategies, spec.decision,"
        " spec.risk or spec.capital",
        "spec.strategies[0].parameters.fast=5..20",
        "spec\\.(strategies|decision|risk|capital)[^=]*=[^=]+",
        160,
    ),
]


class Search(Part):
    """Which parameters are searched, and how: the options of `tradewind optimize` of the same names."""

    vary: Annotated[tuple[Varied, ...], Field(min_length=1, max_length=16), ListSet()]
    """What is varied, each as KEY=LOW..HIGH, KEY=LOW..HIGH:STEP or KEY=VALUE,VALUE."""
    trials: Annotated[Whole, Field(ge=1, le=100_000)] = TRIALS
    """How many sets of values are traded, by all pods together."""
    loss: LossName = LossName.PROFIT
    """What is best, by the name of a loss."""
    min_trades: Annotated[Whole, Field(ge=0, le=1_000_000)] = LEAST_TRADES
    """How many trades a trial has to make in order to count."""
    sampler: Sampler = Sampler.TPE
    """How values are chosen: tpe learns from trials before, random and grid find the same with any number of pods."""
    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] = 0
    """The number from which values are drawn."""
    prune: Flag = True
    """Whether trials end early that are worse than half of those before; what is found then depends on their order."""


class ResultStorage(Part):
    """Where whole results and the trials of a search are kept, where it should differ from the installation's."""

    postgres_secret_ref: SecretReference | None = None
    """The Secret whose key database-url is the address of a PostgreSQL database."""


class Options(Part):
    """What a Backtest has beside the fields of a bot."""

    search: Search | None = None
    """The search for parameters; without it the strategies are traded once, as they stand."""
    parallelism: Annotated[Whole, Field(ge=1, le=MOST_PODS)] = 1
    """How many pods share a search; without a search one pod does all."""
    resources: ServiceResources | None = None
    """The processor and memory of each pod."""
    storage: ResultStorage = Field(default_factory=ResultStorage)
    """Where whole results are kept; without it, in the PostgreSQL of the installation if it has one."""


_OF_THE_OPERATOR = ("resources", "storage")


@dataclass(frozen=True, slots=True)
class Backtest:
    """One resource: the bot that is traded, and what only a Backtest has."""

    bot: TradingBot
    options: Options

    @property
    def metadata(self) -> Metadata:
        """What it is called."""
        return self.bot.metadata

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return self.bot.key

    @property
    def pods(self) -> int:
        """How many pods it takes."""
        return self.options.parallelism

    @property
    def shares(self) -> bool:
        """Whether several pods share a search, for which they need a database."""
        return self.pods > 1


def parse_backtest(document: Mapping[str, Any], origin: str) -> Backtest:
    """The Backtest that `document` describes, on the wire's camelCase; `origin` is what it is called in messages.

    Raises `ConfigErrors` with one error per problem.
    """
    if not isinstance(document, Mapping) or not document:
        allowed = "a mapping with the fields apiVersion, kind, metadata, spec"
        raise ConfigErrors([ConfigError(origin, shown(document), allowed, ONE_BOT.replace(BOT, KIND))])
    cleaned = without_server_fields(document)
    schema = backtest_schema()
    errors = foreign(cleaned, KIND) or list(irregular(cleaned, (), schema))
    spec = cleaned.get("spec")
    if not errors and not isinstance(spec, Mapping):
        errors = [ConfigError("spec", shown(spec), words(schema["properties"]["spec"]), "write the fields of a bot")]
    if errors:
        raise ConfigErrors(errors)
    assert isinstance(spec, Mapping)
    options, bot = None, None
    of_a_bot = {name: value for name, value in spec.items() if name in FIELDS_OF_A_BOT}
    own = {name: value for name, value in spec.items() if name not in FIELDS_OF_A_BOT}
    try:
        bot = TradingBot.model_validate({**cleaned, "kind": BOT, "spec": of_a_bot}, by_alias=True, by_name=False)
    except ValidationError as error:
        errors += explained(error.errors(include_url=False), schema)
    try:
        options = Options.model_validate(own, by_alias=True, by_name=False)
    except ValidationError as error:
        found = error.errors(include_url=False)
        for one in found:
            one["loc"] = ("spec", *one["loc"])
        errors += explained(found, schema)
    if bot is None or options is None:
        raise ConfigErrors(errors)
    errors += _problems(bot, options)
    if errors:
        raise ConfigErrors(errors)
    return Backtest(bot, options)


def read_resource(resource: Mapping[str, Any]) -> Backtest:
    """The Backtest as the API server gives it; raises `ConfigErrors` with one error per problem."""
    metadata = resource["metadata"]
    return parse_backtest(
        {**resource, "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]}}, "the resource"
    )


def pod_document(backtest: Backtest) -> dict[str, Any]:
    """What the pods read: without what is as by default, and without what is the operator's matter."""
    spec = brief_document(backtest.bot)["spec"]
    own = backtest.options.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": backtest.metadata.name, "namespace": backtest.metadata.namespace},
        "spec": {
            **{name: spec[name] for name in FIELDS_OF_A_BOT if name in spec},
            **{name: value for name, value in own.items() if name not in _OF_THE_OPERATOR},
        },
    }


@cache
def backtest_schema() -> Node:
    """The schema of a whole `Backtest` document. Shared: do not change it."""
    bot, own = bot_schema(), model_schema(Options)
    spec = bot["properties"]["spec"]
    fields = {name: spec["properties"][name] for name in FIELDS_OF_A_BOT}
    kind = {**bot["properties"]["kind"], "enum": [KIND]}
    return {
        **bot,
        "description": "A backtest of a trading bot, or a search for its parameters, run once by a Job.",
        "properties": {
            **bot["properties"],
            "kind": kind,
            "spec": {
                "type": "object",
                "description": "What is traded, by the fields of a TradingBot, and how.",
                "properties": {**fields, **own["properties"]},
                "required": [name for name in spec["required"] if name in fields],
            },
        },
    }


def _problems(bot: TradingBot, options: Options) -> list[ConfigError]:
    """What the API server refuses by its rules (`backtest_crd`)."""
    found = []
    if bot.spec.data.source is DataSource.EXCHANGE:
        allowed, fix = (
            "Replay or Synthetic: a backtest needs candles that are over",
            "record its candles, and replay them",
        )
        found.append(ConfigError("spec.data.source", "Exchange", allowed, fix))
    found += [
        ConfigError(f"spec.exchanges[{row}].venue", "Exchange", "Paper: a backtest sends no orders", "write Paper")
        for row, exchange in enumerate(bot.spec.exchanges)
        if exchange.venue is Venue.EXCHANGE
    ]
    found += [
        ConfigError(
            f"spec.strategies[{row}].kind",
            FREQTRADE,
            "kinds that are built in: the pods of a Backtest have no file of yours",
            "name one of those, or run it on your machine (tradewind backtest)",
        )
        for row, strategy in enumerate(bot.spec.strategies)
        if strategy.kind == FREQTRADE
    ]
    if options.parallelism > 1 and options.search is None:
        allowed = "1 without a search: one backtest is one pod's work"
        found.append(
            ConfigError("spec.parallelism", str(options.parallelism), allowed, "remove it, or add spec.search")
        )
    return found
