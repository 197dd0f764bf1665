"""The domain's own rules, compiled as they stand: they read a record of `trades` as they read a `Trade`.

Whoever changes one of them changes both engines. What they call must be here too, or in `arithmetic`.
"""

from __future__ import annotations

from tradewind.domain.freqtrade import market, roi, stop, trade, wallet
from tradewind.research.freqtrade.compiled.compiling import compiled

_RULES = (
    market.maximum_stake,
    market.minimum_stake,
    roi.roi_price,
    stop._stop_at,  # noqa: SLF001 - what the rules beside it call
    stop.begin_stop,
    stop.raise_stop,
    stop.stop_price,
    stop.trail,
    stop.trailing_distance,
    trade.profit_ratio,
    wallet.allowed_stake,
    wallet.available_stake,
    wallet.proposed_stake,
    wallet.total_stake,
)


def compile_rules() -> None:
    """Let compiled functions call them."""
    for rule in _RULES:
        compiled(rule)
