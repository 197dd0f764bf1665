"""A valid bot, and the ways of getting one wrong that we could think of: parser and CRD are both held to them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import strategies as st

MINIMAL: dict[str, Any] = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {"name": "momentum"},
    "spec": {
        "exchanges": [{"name": "bitvavo"}],
        "pairs": {"include": ["BTC/EUR"]},
        "timeframe": "1h",
        "strategies": [{"name": "trend", "kind": "EmaCross"}],
        "capital": {"currency": "EUR", "startingBalance": "10000"},
        "data": {"source": "Replay", "path": "sample:bitvavo-2022"},
    },
}
REMOVED = object()
SOURCES = "Replay, Synthetic or Exchange"
EXCHANGE = {"source": "Exchange"}
ENDPOINT = {"url": "http://127.0.0.1:8011", "websocketUrl": "ws://127.0.0.1:8011"}


@dataclass(frozen=True)
class Malformed:
    """One change to the minimal bot, and what the line about it must say.

    `server` is who refuses it on a cluster: the schema of the CRD, its types of list, a CEL rule in it, the pruning
    of unknown fields (which `kubectl` and server-side apply turn into a refusal), or nobody before the plan. A null
    where nothing may be null is dropped without a word.
    """

    place: str
    value: Any
    field: str
    allowed: str
    fix: str
    server: Literal["Schema", "List", "CEL", "Pruned", "Dropped", "Nobody"] = "Schema"

    @property
    def document(self) -> dict[str, Any]:
        return changed(self.place, self.value)


def changed(place: str, value: Any) -> dict[str, Any]:
    """The minimal bot with one thing changed; `place` is dotted, with indices as numbers."""
    document = copy.deepcopy(MINIMAL)
    *above, last = place.split(".")
    parent: Any = document
    for step in above:
        parent = parent[int(step)] if isinstance(parent, list) else parent.setdefault(step, {})
    if value is REMOVED:
        del parent[last]
    elif isinstance(parent, list):
        parent[int(last) :] = [value]
    else:
        parent[last] = value
    return document


TREND = {"name": "trend", "kind": "EmaCross"}
NAME = "lower-case letters, digits and inner hyphens, at most 40 characters"
RATIO = "a decimal as a string, above 0 and at most 1"
INNER = "a decimal as a string, above 0 and below 1"
ABOVE = "a decimal as a string, above 0"
FRAMES = "1h, 2h, 4h, 6h, 8h, 12h, 1d, 1w, 1M (m is minute and M is month)"
PAIR = "a pair as BASE/QUOTE in capitals"
MOMENT = "a date (midnight UTC) or an RFC 3339 timestamp that ends in Z or an offset"


def at_simulated(*faults: Any) -> list[dict[str, Any]]:
    """The exchanges of a bot whose venue is simulated and does these things wrong."""
    return [{"name": "bitvavo", "venue": "Simulated", "faults": list(faults)}]


def live(**changes: Any) -> dict[str, Any]:
    """The spec of a bot that rehearses mode Live, changed; an endpoint of None is left out."""
    given = {"name": "binance", "venue": "Exchange", "endpoint": ENDPOINT, "mode": "Live", "data": EXCHANGE, **changes}
    exchange = {name: given[name] for name in ("name", "venue", "endpoint") if given[name] is not None}
    return {**MINIMAL["spec"], "mode": given["mode"], "exchanges": [exchange], "data": given["data"]}


FAULT = "spec.exchanges[0].faults[0]"
KEYS = "spec.exchanges[0].credentialsSecretRef"
SERVICE = "spec.services[0]"

MALFORMED = (
    # the envelope
    Malformed("apiVersion", REMOVED, "apiVersion", "tradewind.dev/v1alpha1", "add for example apiVersion:", "Nobody"),
    Malformed("apiVersion", "v1", "apiVersion", "tradewind.dev/v1alpha1", "write tradewind.dev/v1alpha1", "Nobody"),
    Malformed("kind", "Deployment", "kind", "TradingBot", "write kind: TradingBot", "Nobody"),
    Malformed("metadata", REMOVED, "metadata", "a mapping with the fields name, ", 'metadata: {"name": "momentum"}'),
    Malformed("spec", REMOVED, "spec", "a mapping with the fields mode, profile, ", "add for example spec:"),
    Malformed("spec", "trade well", "spec", "a mapping with the fields mode, profile, ", "write for example"),
    Malformed("sepc", {}, "sepc", "only the fields apiVersion, kind, metadata, spec", "did you mean spec?", "Pruned"),
    Malformed("metadata.name", REMOVED, "metadata.name", NAME, "add for example name: momentum", "Nobody"),
    Malformed("metadata.name", "My Bot", "metadata.name", NAME, "write my-bot"),
    Malformed("metadata.name", "x" * 41, "metadata.name", NAME, "such as momentum"),
    Malformed("metadata.name", 7, "metadata.name", NAME, 'put it in quotes: "7"'),
    Malformed("metadata.namespace", "-", "metadata.namespace", "at most 63 characters", "such as default", "Nobody"),
    Malformed("metadata.labels", {"team": 1}, "metadata.labels.team", "letters, digits", 'quotes: "1"', "Nobody"),
    Malformed(
        "metadata.labels", {"a b": "c"}, "metadata.labels[a b]", "a key of letters", "example.com/team", "Nobody"
    ),
    Malformed("metadata.labels", [], "metadata.labels", "a mapping of names to values", "write for example", "Nobody"),
    Malformed("metadata.annotations", {"note": True}, "metadata.annotations.note", "text", "write for", "Nobody"),
    # the spec
    Malformed("spec.mode", "Live", "spec.mode", "Paper", "how this exchange knows an order by the client's id", "CEL"),
    Malformed("spec.mode", "paper", "spec.mode", "Paper or Live", "write Paper"),
    Malformed(
        "spec", live(endpoint=None), "spec.mode", "Paper", "this version sends no orders with money (one writer", "CEL"
    ),
    Malformed(
        "spec", live(venue="Paper"), "spec.exchanges[0].venue", "Exchange where mode is Live", "or mode: Paper", "CEL"
    ),
    Malformed(
        "spec",
        live(data={"source": "Synthetic"}, endpoint=None),
        "spec.mode",
        "Paper",
        "rehearse at an endpoint that is `tradewind sim-exchange`",
        "CEL",
    ),
    Malformed("spec", live(name="kraken"), "spec.mode", "Paper", "Kraken still lacks: a bound", "CEL"),
    Malformed(
        "spec",
        live(mode="Paper"),
        "spec.exchanges[0].venue",
        "Paper or Simulated where mode is Paper",
        "set venue: Paper, or mode: Live",
        "CEL",
    ),
    Malformed("spec.profile", "Medium", "spec.profile", "Minimal, Standard or Full", "write "),
    Malformed("spec.profile", ["Full"], "spec.profile", "Minimal, Standard or Full", "write Full"),
    Malformed("spec.emergencyStop", "yes", "spec.emergencyStop", "true or false", "write true"),
    Malformed("spec.emergencyStop", 1, "spec.emergencyStop", "true or false", "write for example false"),
    Malformed("spec.emergencyStop", "true", "spec.emergencyStop", "true or false", "write true without quotes"),
    Malformed("spec.exchanges", REMOVED, "spec.exchanges", "a list of exactly 1 item", '[{"name": "bitvavo"}]'),
    Malformed("spec.exchanges", [], "spec.exchanges", "a list of exactly 1 item", 'add an item, such as {"name"'),
    Malformed("spec.exchanges.1", {"name": "kraken"}, "spec.exchanges", "a list of exactly 1 item", "keep 1"),
    Malformed("spec.exchanges", {"name": "bitvavo"}, "spec.exchanges", "a list of", 'make it a list: [{"name"'),
    Malformed("spec.exchanges.0", "bitvavo", "spec.exchanges[0]", "a mapping with the fields name, venue", "write for"),
    Malformed("spec.exchanges.0.name", "Bitvavo", "spec.exchanges[0].name", NAME, "write bitvavo"),
    Malformed("spec.exchanges.0.venue", "Real", "spec.exchanges[0].venue", "Paper, Simulated or Exchange", "write "),
    Malformed("spec.exchanges.0.market", "Perpetual", "spec.exchanges[0].market", "Spot", "write Spot"),
    Malformed(
        "spec.exchanges.0.fees.maker",
        0.0015,
        "spec.exchanges[0].fees.maker",
        "a decimal as a string, at least 0 and below 1",
        'write "0.0015"',
    ),
    Malformed(
        "spec.exchanges.0.fees.taker", "0.25%", "spec.exchanges[0].fees.taker", "at least 0 and", 'write "0.0025"'
    ),
    Malformed("spec.exchanges.0.fees.taker", "-0.1", "spec.exchanges[0].fees.taker", "at least 0", 'such as "0.0025"'),
    Malformed("spec.exchanges.0.fees.currency", "BNB", "spec.exchanges[0].fees.currency", "Quote or Base", "write "),
    Malformed(
        "spec.exchanges.0.slippage.volumeShare", "1.5", "spec.exchanges[0].slippage.volumeShare", RATIO, "write", "CEL"
    ),
    Malformed(
        "spec.exchanges.0.slippage.basisPoints", "10000", "spec.exchanges[0].slippage.basisPoints", "10000", "5", "CEL"
    ),
    Malformed(
        "spec.exchanges",
        [{"name": "bitvavo", "venue": "Paper", "faults": [{"kind": "Reject"}]}],
        "spec.exchanges[0].faults",
        "faults only where venue is Simulated",
        "remove them, or set venue: Simulated",
        "CEL",
    ),
    Malformed("spec.exchanges", at_simulated({}), f"{FAULT}.kind", "TimeoutAfterAccept, Reject", "add"),
    Malformed("spec.exchanges", at_simulated({"kind": "Crash"}), f"{FAULT}.kind", "Disconnect", "write "),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "Reject", "count": 0}),
        f"{FAULT}.count",
        "a whole number from 1 to 1000000",
        "write 1 or more",
    ),
    Malformed("spec.exchanges", at_simulated({"kind": "Reject", "pair": "btc"}), f"{FAULT}.pair", PAIR, "write"),
    Malformed("spec.exchanges", at_simulated({"kind": "Reject", "when": 1}), f"{FAULT}.when", "kind", "", "Pruned"),
    Malformed(
        "spec.exchanges", at_simulated({"kind": "Ban"}), f"{FAULT}.seconds", "a number: Ban needs it", "add sec", "CEL"
    ),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "Reject", "seconds": "2"}),
        f"{FAULT}.seconds",
        "nothing: Reject has no seconds",
        "remove it",
        "CEL",
    ),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "Ban", "seconds": "0"}),
        f"{FAULT}.seconds",
        "above 0 and at most 3600",
        "write",
        "CEL",
    ),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "ClockSkew", "milliseconds": 3_600_001}),
        f"{FAULT}.milliseconds",
        "a whole number from -3600000 to 3600000",
        "write 3600000 or less",
    ),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "ClockSkew"}),
        f"{FAULT}.milliseconds",
        "a number: ClockSkew needs it",
        "add milliseconds",
        "CEL",
    ),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "PartialFill", "fraction": "1"}),
        f"{FAULT}.fraction",
        INNER,
        "write",
        "CEL",
    ),
    Malformed(
        "spec.exchanges",
        at_simulated({"kind": "PartialFill"}),
        f"{FAULT}.fraction",
        "a number: PartialFill needs it",
        "add fraction",
        "CEL",
    ),
    Malformed(
        "spec.exchanges.0.instruments",
        [{"pair": "*/EUR", "priceTick": "1"}],
        "spec.exchanges[0].instruments[0].pair",
        PAIR,
        "such as BTC/EUR",
    ),
    Malformed(
        "spec.exchanges.0.instruments",
        [{"pair": "BTC/EUR"}, {"pair": "BTC/EUR"}],
        "spec.exchanges[0].instruments[1].pair",
        "a pair that no other item of this list has",
        "give it another",
        "List",
    ),
    Malformed(
        "spec.exchanges.0.instruments",
        [{"pair": "BTC/EUR", "priceTick": "0"}],
        "spec.exchanges[0].instruments[0].priceTick",
        ABOVE,
        'such as "100"',
        "CEL",
    ),
    Malformed("spec.pairs", ["BTC/EUR"], "spec.pairs", "a mapping with the fields include, exclude", "write for"),
    Malformed("spec.pairs.include", [], "spec.pairs.include", "a list of 1 to 100 items", "add an item, such as BTC"),
    Malformed("spec.pairs.include", "BTC/EUR", "spec.pairs.include", "a list of 1 to 100", "make it a list: [BTC/EUR]"),
    Malformed("spec.pairs.include.0", "btc-eur", "spec.pairs.include[0]", PAIR, "write BTC/EUR"),
    Malformed("spec.pairs.include.0", "BTCEUR", "spec.pairs.include[0]", PAIR, "such as BTC/EUR"),
    Malformed("spec.pairs.include.0", "BTC/EUR:EUR", "spec.pairs.include[0]", PAIR, "write BTC/EUR"),
    Malformed("spec.pairs.include.1", "BTC/EUR", "spec.pairs.include[1]", "each value once", "remove the", "List"),
    Malformed("spec.pairs.include.1", None, "spec.pairs.include[1]", PAIR, "such as BTC/EUR"),
    Malformed(
        "spec.pairs.include.1", "ETH/USDT", "spec.pairs.include[1]", "spec.capital.currency (EUR)", "ETH/EUR", "Nobody"
    ),
    Malformed("spec.pairs.exclude", ["usdt"], "spec.pairs.exclude[0]", PAIR, "such as BTC/EUR"),
    Malformed("spec.timeframe", REMOVED, "spec.timeframe", FRAMES, "add for example timeframe: 1h"),
    Malformed("spec.timeframe", "1H", "spec.timeframe", FRAMES, "write 1h"),
    Malformed("spec.timeframe", "5M", "spec.timeframe", FRAMES, "write 5m"),
    Malformed("spec.timeframe", "60m", "spec.timeframe", FRAMES, "write 1h"),
    Malformed("spec.timeframe", "7 hours", "spec.timeframe", FRAMES, "such as 1h"),
    Malformed("spec.timeframe", 60, "spec.timeframe", FRAMES, "such as 1h"),
    # how it trades
    Malformed("spec.strategies", [], "spec.strategies", "a list of 1 to 16 items", "add an item"),
    Malformed(
        "spec.strategies",
        [{"name": f"s{n}", "kind": "EmaCross"} for n in range(17)],
        "spec.strategies",
        "a list of 1 to 16 items",
        "keep 16",
    ),
    Malformed("spec.strategies.1", TREND, "spec.strategies[1].name", "a name that no other item", "another", "List"),
    Malformed("spec.strategies.0.kind", REMOVED, "spec.strategies[0].kind", "letters and digits", "kind: EmaCross"),
    Malformed("spec.strategies.0.kind", "ema-cross", "spec.strategies[0].kind", "letters and digits", "as EmaCross"),
    Malformed("spec.strategies.0.weight", 0.5, "spec.strategies[0].weight", ABOVE, 'write "0.5"'),
    Malformed("spec.strategies.0.weight", "0", "spec.strategies[0].weight", ABOVE, 'such as "100"', "CEL"),
    Malformed("spec.strategies.0.timeframes", ["30m"], "spec.strategies[0].timeframes[0]", "(1h)", "longer", "Nobody"),
    Malformed(
        "spec.strategies.0.timeframes", "4h", "spec.strategies[0].timeframes", "a list of", "make it a list: [4h]"
    ),
    Malformed("spec.strategies.0.parameters", [1], "spec.strategies[0].parameters", "a mapping of names", "write for"),
    Malformed("spec.decision.minConfidence", 80, "spec.decision.minConfidence", RATIO, 'such as "0.25"'),
    Malformed("spec.decision.minConfidence", "80%", "spec.decision.minConfidence", RATIO, 'write "0.8"'),
    Malformed("spec.decision.consensus", "All", "spec.decision.consensus", "Weighted, Majority or Unanimous", "write"),
    Malformed("spec.decision", None, "spec.decision", "a mapping with the fields minConf", "or remove it", "Dropped"),
    Malformed("spec.risk.stopLoss", 0.05, "spec.risk.stopLoss", INNER, 'write "0.05"'),
    Malformed("spec.risk.stopLoss", 1, "spec.risk.stopLoss", INNER, 'such as "0.05"'),
    Malformed(
        "spec.risk.stopLoss", "1", "spec.risk.stopLoss", INNER, "write a decimal that is above 0 and below 1", "CEL"
    ),
    Malformed("spec.risk.stopLoss", "0,05", "spec.risk.stopLoss", INNER, 'write "0.05"'),
    Malformed("spec.risk.stopLoss", "5e-2", "spec.risk.stopLoss", INNER, 'write "0.05"'),
    Malformed("spec.risk.stopLoss", "five percent", "spec.risk.stopLoss", INNER, 'in quotes, such as "0.05"'),
    Malformed("spec.risk.stopLoss", "0." + "0" * 40 + "1", "spec.risk.stopLoss", INNER, 'such as "0.05"'),
    Malformed("spec.risk.stopLoss", True, "spec.risk.stopLoss", INNER, 'such as "0.05"'),
    Malformed("spec.risk.stopLoss", None, "spec.risk.stopLoss", INNER, "or remove it", "Dropped"),
    Malformed(
        "spec.risk.stoploss", "0.05", "spec.risk.stoploss", "only the fields", "mean spec.risk.stopLoss?", "Pruned"
    ),
    Malformed("spec.risk.stop_loss", "0.05", "spec.risk.stop_loss", "only", "mean spec.risk.stopLoss?", "Pruned"),
    Malformed("spec.stopLoss", "0.05", "spec.stopLoss", "only the fields mode", "mean spec.risk.stopLoss?", "Pruned"),
    Malformed("spec.risk.leverage", "3", "spec.risk.leverage", "only the fields maxRisk", "remove it", "Pruned"),
    Malformed(
        "spec.risk.takeProfit", "0.1", "spec.risk.takeProfit", "with the fields distance", '{"distance": "0.10"}'
    ),
    Malformed("spec.risk.takeProfit", {}, "spec.risk.takeProfit.distance", ABOVE, 'add for example distance: "0.10"'),
    Malformed(
        "spec.risk.trailingStop", {"distance": "1"}, "spec.risk.trailingStop.distance", INNER, 'such as "0.05"', "CEL"
    ),
    Malformed(
        "spec.risk",
        {"takeProfit": {"distance": "0.10"}, "trailingStop": {"distance": "0.04", "activation": "0.1"}},
        "spec.risk.trailingStop.activation",
        "a decimal below spec.risk.takeProfit.distance (0.1)",
        "lower it",
        "CEL",
    ),
    Malformed("spec.risk.maxOpenPositions", 0, "spec.risk.maxOpenPositions", "from 1 to 100", "write 1 or more"),
    Malformed("spec.risk.maxOpenPositions", 101, "spec.risk.maxOpenPositions", "from 1 to 100", "write 100 or less"),
    Malformed(
        "spec.risk.maxOpenPositions", "5", "spec.risk.maxOpenPositions", "from 1 to 100", "write 5 without quotes"
    ),
    Malformed("spec.risk.maxOpenPositions", 2.5, "spec.risk.maxOpenPositions", "a whole number", "write for example 5"),
    Malformed(
        "spec.risk.maxOpenPositions", True, "spec.risk.maxOpenPositions", "a whole number", "write for example 5"
    ),
    Malformed("spec.risk.maxDailyLoss", "0", "spec.risk.maxDailyLoss", RATIO, "write", "CEL"),
    Malformed("spec.risk.maxDrawdown", "1.01", "spec.risk.maxDrawdown", RATIO, "write", "CEL"),
    # money and candles
    Malformed("spec.capital.currency", "eur", "spec.capital.currency", "2 to 10 capital letters", "write EUR"),
    Malformed("spec.capital.currency", REMOVED, "spec.capital.currency", "2 to 10 capital", "add for example currency"),
    Malformed("spec.capital.startingBalance", 10000, "spec.capital.startingBalance", ABOVE, 'write "10000"'),
    Malformed("spec.capital.startingBalance", "0", "spec.capital.startingBalance", ABOVE, "write a decimal", "CEL"),
    Malformed("spec.capital.stakeAmount", "unlimited", "spec.capital.stakeAmount", "Unlimited, or a", "write"),
    Malformed("spec.capital.stakeAmount", 100, "spec.capital.stakeAmount", "Unlimited, or a decimal", 'write "100"'),
    Malformed("spec.data.source", REMOVED, "spec.data.source", SOURCES, "add for example source: Replay"),
    Malformed("spec.data.source", "Live", "spec.data.source", SOURCES, "write Replay, Synthetic or Exchange"),
    # the candles of an exchange
    Malformed("spec.data.source", "Exchange", "spec.data.path", "only when source is Replay", "remove it", "CEL"),
    Malformed(
        "spec.data", {**EXCHANGE, "span": {"start": "2022-01-01"}}, "spec.data.span", "a span only", "remove it", "CEL"
    ),
    Malformed("spec.data", {**EXCHANGE, "speed": "60"}, "spec.data.speed", "a speed only", "remove it", "CEL"),
    Malformed(
        "spec.data",
        {**EXCHANGE, "synthetic": {}},
        "spec.data.synthetic",
        "only when source is Synthetic",
        "remove it",
        "CEL",
    ),
    Malformed(
        "spec",
        {**MINIMAL["spec"], "data": EXCHANGE, "exchanges": [{"name": "binance", "venue": "Simulated"}]},
        "spec.exchanges[0].venue",
        "Paper where data.source is Exchange",
        "set venue: Paper, or data.source: Replay",
        "CEL",
    ),
    Malformed(
        "spec.exchanges.0.endpoint",
        ENDPOINT,
        "spec.exchanges[0].endpoint",
        "only where data.source is Exchange",
        "remove it, or set data.source: Exchange",
        "CEL",
    ),
    Malformed(
        "spec.exchanges.0.endpoint",
        {"url": ENDPOINT["url"]},
        "spec.exchanges[0].endpoint.websocketUrl",
        "ws:// or wss://, a host",
        "add for example websocketUrl: ws://127.0.0.1:8011",
    ),
    Malformed(
        "spec.exchanges.0.endpoint",
        {**ENDPOINT, "url": "http://127.0.0.1:8011/"},
        "spec.exchanges[0].endpoint.url",
        "http:// or https://, a host",
        "write http://127.0.0.1:8011",
    ),
    Malformed("spec.data.path", REMOVED, "spec.data.path", "sample:NAME", "path: sample:bitvavo-2022", "CEL"),
    Malformed("spec.data.path", "", "spec.data.path", "the path of a file or folder", "such as sample:bitvavo-2022"),
    Malformed("spec.data.path", ["a", "b"], "spec.data.path", "the path of a file or", "such as sample:bitvavo-2022"),
    Malformed("spec.data.source", "Synthetic", "spec.data.path", "only when source is Replay", "remove it", "CEL"),
    Malformed("spec.data.synthetic", {}, "spec.data.synthetic", "only when source is Synthetic", "remove it", "CEL"),
    Malformed("spec.data.speed", 3600, "spec.data.speed", "max, or a decimal as a string, above 0", 'write "3600"'),
    Malformed("spec.data.speed", "fast", "spec.data.speed", "max, or a decimal as a string", 'such as "3600"'),
    Malformed("spec.data.speed", "0", "spec.data.speed", "max, or a decimal as a string", 'such as "3600"', "CEL"),
    Malformed("spec.data.span", {"start": "2022"}, "spec.data.span.start", MOMENT, "write for example 2022-01-01"),
    Malformed("spec.data.span", {"start": "2022-02-30"}, "spec.data.span.start", MOMENT, "write for", "Nobody"),
    Malformed(
        "spec.data.span", {"end": "2022-02-03 04:05"}, "spec.data.span.end", MOMENT, "write 2022-02-03T04:05:00Z"
    ),
    Malformed(
        "spec.data.span",
        {"start": "2022-03-01", "end": "2022-03-01T00:00:00Z"},
        "spec.data.span.end",
        "a moment after start, 2022-03-01T00:00:00Z",
        "swap them",
        "Nobody",
    ),
    Malformed(
        "spec.data",
        {"source": "Synthetic", "synthetic": {"candles": 10_000_001}},
        "spec.data.synthetic.candles",
        "a whole number from 1 to 10000000",
        "write 10000000 or less",
    ),
    Malformed(
        "spec.data",
        {"source": "Synthetic", "synthetic": {"volatility": "1"}},
        "spec.data.synthetic.volatility",
        INNER,
        "write a decimal that is above 0 and below 1",
        "CEL",
    ),
    # decimals of each kind, at the end of their range
    Malformed("spec.exchanges.0.fees.taker", "1", "spec.exchanges[0].fees.taker", "below 1", "0.0025", "CEL"),
    Malformed("spec.risk.takeProfit", {"distance": "0"}, "spec.risk.takeProfit.distance", ABOVE, "0.10", "CEL"),
    Malformed("spec.capital.stakeAmount", "0", "spec.capital.stakeAmount", "Unlimited, or a decimal", "100", "CEL"),
    # texts that no form was made for
    Malformed("metadata.name", "mömentum", "metadata.name", NAME, "write m-mentum"),
    Malformed("spec.pairs.include", ["\u0412\u0422\u0421/EUR"], "spec.pairs.include[0]", PAIR, "such as BTC/EUR"),
    Malformed(
        "spec.capital.startingBalance", "\u0661\u0660", "spec.capital.startingBalance", ABOVE, "digits in quotes"
    ),
    Malformed("spec.capital.startingBalance", "1" * 33, "spec.capital.startingBalance", ABOVE, "digits in quotes"),
    Malformed("spec.strategies.0.kind", "E" * 1_000_000, "spec.strategies[0].kind", "letters and digits", "EmaCross"),
    Malformed("spec.data.path", "x" * 1025, "spec.data.path", "at most 1024 characters", "sample:bitvavo-2022"),
    # the cluster
    Malformed("spec.suspended", "no", "spec.suspended", "true or false", "write false"),
    Malformed("spec.deletionPolicy", "Sell", "spec.deletionPolicy", "CancelOrders, Flatten or Leave", "write "),
    Malformed(
        "spec.exchanges.0.credentialsSecretRef", {}, f"{KEYS}.name", "the name of an object", "add for example name:"
    ),
    Malformed(
        "spec.exchanges.0.credentialsSecretRef", {"name": "My Keys"}, f"{KEYS}.name", "the name of an", "write my-keys"
    ),
    Malformed(
        "spec.exchanges.0.credentialsSecretRef",
        {"name": "keys", "namespace": "x"},
        f"{KEYS}.namespace",
        "only the fields name",
        "",
        "Pruned",
    ),
    Malformed("spec.services", {"engine": {}}, "spec.services", "a list of 0 to 8 items", "make it a list"),
    Malformed("spec.services", [{"name": "engin"}], f"{SERVICE}.name", "gateway, engine, market-data", "write engine"),
    Malformed("spec.services", [{}], f"{SERVICE}.name", "gateway, engine, market-data", "add for example name:"),
    Malformed(
        "spec.services",
        [{"name": "engine"}, {"name": "engine"}],
        "spec.services[1].name",
        "a name that no other item of this list has",
        "give it another",
        "List",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "autoscaling": {}}],
        f"{SERVICE}.autoscaling",
        "autoscaling only for gateway and strategy",
        "remove it",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "gateway", "autoscaling": {"minReplicas": 5}}],
        f"{SERVICE}.autoscaling.minReplicas",
        "at most maxReplicas (4)",
        "lower it, or raise maxReplicas",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "gateway", "autoscaling": {"maxReplicas": 0}}],
        f"{SERVICE}.autoscaling.maxReplicas",
        "a whole number from 1 to 20",
        "write 1 or more",
    ),
    Malformed(
        "spec.services",
        [{"name": "gateway", "autoscaling": {"targetCPUUtilization": "70%"}}],
        f"{SERVICE}.autoscaling.targetCPUUtilization",
        "a whole number from 10 to 95",
        "write for example",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"requests": {"cpu": 1}}}],
        f"{SERVICE}.resources.requests.cpu",
        "an amount of processor such as 250m",
        'put it in quotes: "1"',
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"requests": {"cpu": "0"}}}],
        f"{SERVICE}.resources.requests.cpu",
        "above 0",
        "such as 250m",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"requests": {"memory": "512mb"}}}],
        f"{SERVICE}.resources.requests.memory",
        "an amount of memory in Ki, Mi, Gi",
        "write 512Mi",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"limits": {"memory": "1m"}}}],
        f"{SERVICE}.resources.limits.memory",
        "an amount of memory in Ki, Mi, Gi",
        "write 1Mi",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"requests": {"gpu": "1"}}}],
        f"{SERVICE}.resources.requests.gpu",
        "only the fields cpu, memory",
        "",
        "Pruned",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "0.25"}}}],
        f"{SERVICE}.resources.requests.cpu",
        "at most limits.cpu (0.25)",
        "lower it, or raise the limit",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1000Mi"}}}],
        f"{SERVICE}.resources.requests.memory",
        "at most limits.memory (1000Mi)",
        "lower it, or raise the limit",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "env": [{"name": "TRADEWIND_STATE_DIRECTORY", "value": "/tmp"}]}],
        f"{SERVICE}.env[0].name",
        "a variable that the operator does not set itself",
        "remove this entry",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "env": [{"name": "TRADEWIND_CREDENTIALS__BINANCE__SECRET", "value": "1"}]}],
        f"{SERVICE}.env[0].name",
        "a variable that the operator does not set itself",
        "remove this entry",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "env": [{"name": "A B", "value": "1"}]}],
        f"{SERVICE}.env[0].name",
        "letters, digits and underscores",
        "such as TRADEWIND_LOG_LEVEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "env": [{"name": "A", "value": 1}]}],
        f"{SERVICE}.env[0].value",
        "text on one line",
        'put it in quotes: "1"',
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "env": [{"name": "A", "value": "x" * 4097}]}],
        f"{SERVICE}.env[0].value",
        "text on one line of at most 4096 characters",
        "",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}],
        f"{SERVICE}.env[1].name",
        "a name that no other item of this list has",
        "give it another",
        "List",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"spec": {"containers": []}}}],
        f"{SERVICE}.podTemplate.spec.containers",
        "only the fields nodeSelector, tolerations",
        "remove it",
        "Pruned",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"metadata": {"labels": {"tradewind.dev/bot": "x"}}}}],
        f"{SERVICE}.podTemplate.metadata.labels[tradewind.dev/bot]",
        "names outside app.kubernetes.io/ and tradewind.dev/",
        "remove it",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"metadata": {"labels": {"team": "a b"}}}}],
        f"{SERVICE}.podTemplate.metadata.labels.team",
        "letters, digits and inner - _ .",
        "such as research",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"metadata": {"labels": {f"l{n}": "" for n in range(33)}}}}],
        f"{SERVICE}.podTemplate.metadata.labels",
        "a mapping of names to values, at most 32",
        "keep 32 and remove the others",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"metadata": {"annotations": {"note": "x" * 4097}}}}],
        f"{SERVICE}.podTemplate.metadata.annotations.note",
        "text of at most 4096 characters",
        "",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"spec": {"tolerations": [{"operator": "Exists", "value": "x"}]}}}],
        f"{SERVICE}.podTemplate.spec.tolerations[0].value",
        "a value only with the operator Equal",
        "remove it",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [{"name": "engine", "podTemplate": {"spec": {"tolerations": [{"value": "x"}]}}}],
        f"{SERVICE}.podTemplate.spec.tolerations[0].key",
        "the key of a taint",
        "add key, or set operator: Exists",
        "CEL",
    ),
    Malformed(
        "spec.services",
        [
            {
                "name": "engine",
                "podTemplate": {"spec": {"topologySpreadConstraints": [{"topologyKey": "a"}, {"topologyKey": "a"}]}},
            }
        ],
        f"{SERVICE}.podTemplate.spec.topologySpreadConstraints[1].topologyKey",
        "a topologyKey that no other item of this list has",
        "give it another",
        "List",
    ),
    Malformed(
        "spec.telemetry",
        {"otlpEndpoint": "jaeger:4318"},
        "spec.telemetry.otlpEndpoint",
        "an address that begins with http:// or https://",
        "such as http://jaeger:4318",
    ),
    Malformed(
        "spec.telemetry",
        {"otlpEndpoint": "http://me:secret@jaeger"},
        "spec.telemetry.otlpEndpoint",
        "without user or password",
        "such as http://jaeger:4318",
    ),
    Malformed(
        "spec.telemetry",
        {"samplingRatio": "1.5"},
        "spec.telemetry.samplingRatio",
        "a decimal as a string, at least 0 and at most 1",
        "write",
        "CEL",
    ),
    Malformed(
        "spec.storage",
        {"postgresSecretRef": "pg"},
        "spec.storage.postgresSecretRef",
        "a mapping with the fields name",
        "write for example",
    ),
    Malformed(
        "spec.storage",
        {"mongoSecretRef": {"name": "x"}},
        "spec.storage.mongoSecretRef",
        "only the fields postgresSecretRef, redisSecretRef",
        "",
        "Pruned",
    ),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "malformed" in metafunc.fixturenames:
        metafunc.parametrize("malformed", MALFORMED, ids=lambda case: f"{case.field}-{str(case.value)[:20]}")


@pytest.fixture
def minimal() -> dict[str, Any]:
    """A document with the required fields and nothing else."""
    return copy.deepcopy(MINIMAL)


@pytest.fixture
def change() -> Callable[[str, Any], dict[str, Any]]:
    """Makes the minimal document with one thing changed."""
    return changed


def _decimals(least: str, most: str) -> st.SearchStrategy[str]:
    return st.decimals(least, most, places=6, allow_nan=False).map(lambda value: format(value, "f"))


_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
_RATIOS = _decimals("0.000001", "0.999999")
_MOMENTS = st.sampled_from(["2022-01-01", "2022-06-01T12:00:00Z", "2022-06-01T12:00:00.25+02:00"])
_SETTINGS = st.dictionaries(st.text(min_size=1), st.none() | st.booleans() | st.integers() | st.text(), max_size=3)
_STRATEGIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": _NAMES, "kind": st.sampled_from(["EmaCross", "RsiMeanReversion"])},
    optional={
        "weight": _RATIOS,
        "timeframes": st.lists(st.sampled_from(["1h", "4h", "1d", "1w", "1M"]), unique=True),
        "parameters": _SETTINGS,
    },
)
_AMOUNTS = st.fixed_dictionaries(
    {}, optional={"cpu": st.sampled_from(["50m", "0.5", "2"]), "memory": st.sampled_from(["64Mi", "1Gi", "500M"])}
)
_POD_TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries({}, optional={"labels": st.dictionaries(_NAMES, _NAMES, max_size=2)}),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "nodeSelector": st.dictionaries(_NAMES, _NAMES, max_size=2),
                "tolerations": st.lists(st.fixed_dictionaries({"key": _NAMES}, optional={"value": _NAMES}), max_size=2),
                "topologySpreadConstraints": st.just([{"topologyKey": "rack"}]),
            },
        ),
    },
)
_SERVICES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["gateway", "strategy"])},
        optional={
            "resources": st.fixed_dictionaries({}, optional={"requests": _AMOUNTS}),
            "autoscaling": st.fixed_dictionaries({}, optional={"minReplicas": st.integers(1, 4)}),
            "env": st.just([{"name": "TZ", "value": "UTC"}]),
            "podTemplate": _POD_TEMPLATES,
        },
    ),
    max_size=2,
    unique_by=lambda item: item["name"],
)
_CLUSTER: dict[str, st.SearchStrategy[Any]] = {
    "suspended": st.booleans(),
    "deletionPolicy": st.sampled_from(["CancelOrders", "Flatten", "Leave"]),
    "services": _SERVICES,
    "storage": st.fixed_dictionaries({}, optional={"postgresSecretRef": st.fixed_dictionaries({"name": _NAMES})}),
    "telemetry": st.fixed_dictionaries({}, optional={"samplingRatio": _RATIOS}),
}
_RISKS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "maxOpenPositions": st.integers(1, 100),
        "stopLoss": _RATIOS,
        "takeProfit": st.fixed_dictionaries({"distance": _decimals("1", "9")}),
        "trailingStop": st.fixed_dictionaries({"distance": _RATIOS}, optional={"activation": _RATIOS}),
        "maxDrawdown": _RATIOS,
    },
)
_REPLAYS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"source": st.just("Replay"), "path": st.from_regex(r"[ -~]{1,20}", fullmatch=True)},
    optional={
        "speed": st.just("max") | _decimals("0.1", "1000"),
        "span": st.fixed_dictionaries({}, optional={"start": _MOMENTS}),
    },
)
_SYNTHETICS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"source": st.just("Synthetic")},
    optional={"synthetic": st.fixed_dictionaries({}, optional={"seed": st.integers(0, 9), "startPrice": _RATIOS})},
)
_FAULTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["TimeoutAfterAccept", "Reject", "DropUpdate", "RateLimit", "Disconnect"])},
        optional={"count": st.integers(1, 9), "pair": st.just("BTC/EUR")},
    ),
    st.fixed_dictionaries({"kind": st.sampled_from(["Ban", "DelayBeyondTimeout"]), "seconds": _decimals("1", "9")}),
    st.fixed_dictionaries({"kind": st.just("ClockSkew"), "milliseconds": st.integers(-90_000, 90_000)}),
    st.fixed_dictionaries({"kind": st.just("PartialFill"), "fraction": st.just("0.4")}),
)
_AT_PAPER: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"name": _NAMES})
_AT_A_SIMULATION: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": _NAMES, "venue": st.just("Simulated")}, optional={"faults": st.lists(_FAULTS, max_size=3)}
)
_ON_ITS_CANDLES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": _NAMES}, optional={"endpoint": st.just(ENDPOINT)}
)
_RECORDED = st.one_of(_REPLAYS, _SYNTHETICS)
_LIVE = live()
_MARKETS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"exchanges": st.tuples(_AT_PAPER | _AT_A_SIMULATION).map(list), "data": _RECORDED}),
    st.fixed_dictionaries({"exchanges": st.tuples(_ON_ITS_CANDLES).map(list), "data": st.just(EXCHANGE)}),
    st.just({name: _LIVE[name] for name in ("mode", "exchanges", "data")}),
)
"""Where it trades and on which candles: not every one of them goes with every other."""
_SPECS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "pairs": st.just({"include": ["BTC/EUR", "*/EUR"]}),
        "timeframe": st.just("1h"),
        "strategies": st.lists(_STRATEGIES, min_size=1, max_size=3, unique_by=lambda item: item["name"]),
        "capital": st.fixed_dictionaries({"currency": st.just("EUR"), "startingBalance": _decimals("1", "9")}),
    },
    optional={"risk": _RISKS, "profile": st.sampled_from(["Minimal", "Standard", "Full"]), **_CLUSTER},
)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "apiVersion": st.just(MINIMAL["apiVersion"]),
        "kind": st.just(MINIMAL["kind"]),
        "metadata": st.fixed_dictionaries(
            {"name": _NAMES},
            optional={"namespace": _NAMES, "annotations": st.dictionaries(_NAMES, st.text(), max_size=2)},
        ),
        "spec": st.builds(lambda rest, market: {**rest, **market}, _SPECS, _MARKETS),
    }
)


@pytest.fixture(scope="session")
def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Valid documents of every kind."""
    return DOCUMENTS
