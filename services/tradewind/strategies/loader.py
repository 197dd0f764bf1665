"""From the kind and parameters in a manifest to the strategy that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from tradewind.contracts.strategies import STRATEGY_KINDS, unknown_kind
from tradewind.strategies.base import VectorisedStrategy
from tradewind.strategies.donchian_breakout import DonchianBreakout
from tradewind.strategies.ema_cross import EmaCross
from tradewind.strategies.rsi_mean_reversion import RsiMeanReversion

BUILDERS: dict[str, Callable[[Any], VectorisedStrategy]] = {
    DonchianBreakout.kind: DonchianBreakout,
    EmaCross.kind: EmaCross,
    RsiMeanReversion.kind: RsiMeanReversion,
}
"""The code of every kind in `STRATEGY_KINDS`; a test holds the two tables together."""


def build_strategy(kind: str, parameters: BaseModel) -> VectorisedStrategy:
    """A strategy of `kind`; `parameters` come from `contracts.strategies.parse_parameters`.

    Raises `ConfigError` for an unknown kind and `TypeError` for the parameters of another kind.
    """
    if kind not in BUILDERS:
        raise unknown_kind("kind", kind)
    expected = STRATEGY_KINDS[kind].parameters
    if not isinstance(parameters, expected):
        raise TypeError(f"{kind} takes {expected.__name__}, not {type(parameters).__name__}")
    return BUILDERS[kind](parameters)
