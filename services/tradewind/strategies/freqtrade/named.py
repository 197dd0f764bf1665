"""What a manifest says about a class that was written for freqtrade: where it is, and what it may know of its bot.

It needs neither pandas nor the file, so whoever starts the process of a class can say what that is to load.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from tradewind.contracts.api.v1alpha1 import Mode, TradingBot
from tradewind.contracts.rules import rules_of, voters_of
from tradewind.contracts.strategies import FreqtradeParameters, parse_parameters
from tradewind.domain.errors import ConfigError


class NamedClass(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy of a bot. `field` is where its parameters stand, for messages; `path` is of the file here.

    `stop_loss`, `take_profit` and `trailing_stop` (distance and activation) are those of the manifest, as ratios;
    `startup_candles` are as many as an exchange is asked for. `alone` is whether nobody votes beside it, in another
    timeframe neither; `fee` is what an entry and an exit are charged, as a ratio.
    """

    field: str
    path: str
    class_name: str | None
    config_map: str | None
    currency: str
    exchange: str
    pairs: tuple[str, ...]
    timeframes: tuple[str, ...]
    paper: bool
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop: tuple[Decimal, Decimal] | None
    startup_candles: int
    alone: bool
    fee: Decimal


def parameters_of(bot: TradingBot, row: int) -> FreqtradeParameters:
    """The checked parameters of the strategy in `row`, which is of the kind Freqtrade."""
    strategy = bot.spec.strategies[row]
    parameters = parse_parameters(f"spec.strategies[{row}]", strategy.kind, strategy.parameters)
    assert isinstance(parameters, FreqtradeParameters)
    return parameters


def named_class(bot: TradingBot, row: int, pairs: Iterable[str], folder: Path | None = None) -> NamedClass:
    """The class of the strategy in `row`; `folder` holds the ConfigMaps of a pod, None where there are none."""
    spec, parameters = bot.spec, parameters_of(bot, row)
    target, trailing = spec.risk.take_profit, spec.risk.trailing_stop
    path = Path(parameters.file)
    if folder is not None and parameters.config_map is not None:
        path = folder / parameters.config_map / path.name
    return NamedClass(
        field=f"spec.strategies[{row}].parameters",
        path=str(path),
        class_name=parameters.class_name,
        config_map=parameters.config_map if folder is not None else None,
        currency=spec.capital.currency,
        exchange=spec.exchanges[0].name,
        pairs=tuple(pairs),
        timeframes=tuple(spec.strategies[row].timeframes or (spec.timeframe,)),
        paper=spec.mode is Mode.PAPER,
        stop_loss=spec.risk.stop_loss,
        take_profit=target.distance if target else None,
        trailing_stop=(trailing.distance, trailing.activation) if trailing else None,
        startup_candles=parameters.startup_candles,
        alone=[voter.timeframe for voter in voters_of(bot)] == [spec.timeframe],
        fee=rules_of(bot).stake.fee,
    )


def check_file(named: NamedClass) -> None:
    """Raises `ConfigError` where the file is not there."""
    path = Path(named.path)
    if path.is_file():
        return
    told, fix = str(path), "correct the path: it is beside the manifest"
    if named.config_map is not None:
        told = f"{path.name}, which the ConfigMap {named.config_map} does not have, or there is no such ConfigMap"
        fix = f"kubectl create configmap {named.config_map} --from-file={path.name}"
    raise ConfigError(f"{named.field}.file", told, "a Python file that is there", fix)
