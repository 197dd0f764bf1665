"""The native backtest of a bot, as what a run of it comes to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tests.topology.conftest import SAMPLES

from tradewind.contracts.api.document import load_bot
from tradewind.research.native.given import given_by
from tradewind.research.native.run import backtest


def backtested(sample, *overrides):
    """Trades, balances and the equity by tick, and the orders by what they reached."""
    path = sample if isinstance(sample, Path) else SAMPLES / f"{sample}.yaml"
    outcome = backtest(given_by(load_bot(path, overrides)))
    return {
        "trades": [asdict(trade) for trade in outcome.trades],
        "balances": {currency: total for currency, total in outcome.balances.items() if total},
        "equity": list(outcome.equity),
        "orders": dict(outcome.orders),
    }
