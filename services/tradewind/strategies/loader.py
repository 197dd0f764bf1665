"""From the kind and parameters in a manifest to the strategy that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from tradewind.contracts.strategies import FREQTRADE, STRATEGY_KINDS, FreqtradeParameters, unknown_kind
from tradewind.domain.errors import ConfigError
from tradewind.strategies.base import VectorisedStrategy
from tradewind.strategies.donchian_breakout import DonchianBreakout
from tradewind.strategies.ema_cross import EmaCross
from tradewind.strategies.rsi_mean_reversion import RsiMeanReversion

BUILDERS: dict[str, Callable[[Any], VectorisedStrategy]] = {
    DonchianBreakout.kind: DonchianBreakout,
    EmaCross.kind: EmaCross,
    RsiMeanReversion.kind: RsiMeanReversion,
}
"""The code of every kind in `STRATEGY_KINDS` but Freqtrade, whose code is the user's; a test holds both together."""


def build_strategy(kind: str, parameters: BaseModel) -> VectorisedStrategy:
    """A strategy of `kind`, built in; `parameters` come from `contracts.strategies.parse_parameters`.

    Raises `ConfigError` for an unknown kind, or one that is not built in, and `TypeError` for parameters of another.
    """
    if kind == FREQTRADE:
        raise ConfigError("kind", kind, ", ".join(sorted(BUILDERS)), "choose one that is built in")
    if kind not in BUILDERS:
        raise unknown_kind("kind", kind)
    expected = STRATEGY_KINDS[kind].parameters
    if not isinstance(parameters, expected):
        raise TypeError(f"{kind} takes {expected.__name__}, not {type(parameters).__name__}")
    return BUILDERS[kind](parameters)


def warm_up_of(kind: str, parameters: BaseModel) -> int:
    """Candles before the first meaningful stance. Of a class of the user's the manifest says it: no file is read."""
    if isinstance(parameters, FreqtradeParameters):
        return parameters.startup_candles
    return build_strategy(kind, parameters).warm_up
