"""The manifest of a configuration, with a remark for each key that it does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tradewind.contracts.api.document import parse_bot
from tradewind.contracts.api.v1alpha1 import API_VERSION, KIND, TradingBot
from tradewind.contracts.strategies import FREQTRADE, FreqtradeParameters
from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError, ConfigErrors
from tradewind.plan import check
from tradewind.research.freqtrade.moving import taken
from tradewind.research.freqtrade.moving.left import STARTUP, Remark, refusals, remarks, secrets
from tradewind.research.timerange import Timerange

STRATEGY = "tradewind.dev/freqtrade-strategy"
"""The annotation that keeps the name of the strategy's class."""

STAND_IN = "EmaCross"
"""The kind that stands in a manifest for a class whose file nobody named."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A manifest that passes validation, what was left of its configuration, and where secrets stand in that."""

    bot: TradingBot
    document: Mapping[str, Any]
    remarks: tuple[Remark, ...]
    secrets: tuple[str, ...]


def moved(
    config: Mapping[str, Any],
    *,
    name: str,
    data: str | None = None,
    kind: str | None = None,
    strategy_file: str | None = None,
) -> Moved:
    """What becomes of `config`; `name` where it names no bot, `data` a folder of candles to replay.

    Its class trades, out of the `strategy_file` as the manifest is to name it, or a built-in `kind`. Without either the
    manifest is suspended, because it would trade by a strategy that nobody chose. Raises `ConfigErrors` with one error
    for each key that cannot be honoured.
    """
    errors, pairs = list(refusals(config)), list[str]()
    try:
        pairs = taken.pairs_of(config)
    except ConfigError as error:
        errors.append(error)
    rules = partial(_risk, config, pairs, of_class=strategy_file is not None)
    steps = (partial(taken.excluded, config, pairs), rules, partial(_data, config, data))
    errors += _raised(*steps, *(partial(step, config) for step in (taken.capital, _timeframe, _exchange)))
    if errors:
        raise ConfigErrors(errors)
    exclude, (risk, nearly), (source, more) = taken.excluded(config, pairs), rules(), _data(config, data)
    strategy = str(config.get("strategy") or "")
    voter = _voter(config, kind, strategy_file)
    told = [_strategy_remark(strategy, kind, voter), *nearly, *more, *remarks(config)]
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": taken.slug(str(config.get("bot_name") or "")) or taken.slug(name) or "bot",
            **({"annotations": {STRATEGY: strategy}} if strategy else {}),
        },
        "spec": {
            "mode": "Paper",
            **({"suspended": True} if voter["kind"] == STAND_IN != kind or _is_stopped(config) else {}),
            "exchanges": [_exchange(config)],
            "pairs": {"include": pairs, **({"exclude": exclude} if exclude else {})},
            "timeframe": _timeframe(config),
            "strategies": [voter],
            "risk": risk,
            "capital": taken.capital(config),
            "data": source,
        },
    }
    bot = parse_bot(document, "the manifest")
    check(bot)
    return Moved(bot, document, tuple(told), tuple(secrets(config)))


def _raised(*steps: Callable[[], object]) -> Iterator[ConfigError]:
    """What is wrong with each of `steps`, so that all is told at once."""
    for step in steps:
        try:
            step()
        except ConfigError as error:
            yield error


def _timeframe(config: Mapping[str, Any]) -> str:
    timeframe = config.get("timeframe")
    if not timeframe:
        fix = "add --strategy FILE, if the strategy has it, or add it to the configuration"
        raise ConfigError("timeframe", "nothing", "a timeframe, such as 1h", fix)
    return str(timeframe)


def _exchange(config: Mapping[str, Any]) -> dict[str, Any]:
    exchange = config.get("exchange") or {}
    name = exchange.get("name")
    if not name:
        raise ConfigError("exchange.name", "nothing", "the name of an exchange, such as binance", "add it")
    fee = config.get("fee")
    fees = {"fees": {side: taken.number("fee", fee) for side in ("maker", "taker")}} if fee is not None else {}
    return {"name": str(name), "venue": "Paper", **fees}


def _risk(config: Mapping[str, Any], pairs: Sequence[str], *, of_class: bool) -> tuple[dict[str, Any], list[Remark]]:
    nearly = [
        Remark("spec.risk", "maxRiskPerTrade, maxDailyLoss and maxDrawdown, which freqtrade has not, keep defaults")
    ]
    found: dict[str, Any] = {"maxOpenPositions": taken.positions(config, pairs)}
    if (distance := taken.stop(config)) is not None:
        found["stopLoss"] = distance
    target, more = taken.target(config)
    if target is not None:
        found["takeProfit"] = {"distance": target}
    if more:
        kept = f"the one target is {target}" if target is not None else "there is no target"
        told = f"a target that rests does not change with time: {kept}"
        later = "; later ones are those of the class, looked at when a candle closes" if of_class and target else ""
        nearly.append(Remark("minimal_roi", told + later))
    follows, unlike = taken.trailing(config)
    if follows is not None:
        found["trailingStop"] = follows
    if unlike:
        told = f"the stop stays where it was until a gain of {follows['activation'] if follows else 0}, then follows"
        nearly.append(Remark("trailing_stop_positive_offset", told))
    return found, nearly


def _data(config: Mapping[str, Any], data: str | None) -> tuple[dict[str, Any], list[Remark]]:
    timerange = config.get("timerange")
    if data is None:
        told = "candles of the exchange are traded as they close; --data replays recorded ones"
        return {"source": "Exchange"}, [Remark("timerange", told)] * bool(timerange)
    span = Timerange.parse(timerange)
    ends = {name: iso_time(time) for name, time in (("start", span.start), ("end", span.stop)) if time is not None}
    return {"source": "Replay", "path": data, **({"span": ends} if ends else {})}, []


def _is_stopped(config: Mapping[str, Any]) -> bool:
    return config.get("initial_state") == "stopped"


def _voter(config: Mapping[str, Any], kind: str | None, file: str | None) -> dict[str, Any]:
    """The strategy of the manifest."""
    strategy = str(config.get("strategy") or "")
    name = taken.slug(strategy) or "strategy"
    if kind is not None or file is None:
        return {"name": name, "kind": kind or STAND_IN}
    default: int = FreqtradeParameters.model_fields["startup_candles"].default
    candles = max(int(config.get(STARTUP) or 0), default)
    parameters = {"file": file, "className": strategy, "configMap": name, "startupCandles": candles}
    return {"name": name, "kind": FREQTRADE, "parameters": parameters}


def _strategy_remark(strategy: str, kind: str | None, voter: Mapping[str, Any]) -> Remark:
    if kind is not None:
        return Remark("strategy", f"{kind} trades in place of {strategy or 'a class'}, as --kind says")
    if voter["kind"] == FREQTRADE:
        named = voter["parameters"]
        told = f"{strategy} trades by native rules; on a cluster: kubectl create configmap {named['configMap']}"
        return Remark("strategy", f"{told} --from-file={named['file']}")
    told = f"its file is not named, so {STAND_IN} stands in for {strategy or 'it'} and the bot is suspended"
    return Remark("strategy", f"{told}: --strategy FILE lets the class trade, --kind chooses a built-in one")
