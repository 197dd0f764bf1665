"""Trades are read out of a whole result as they were written into it."""

from __future__ import annotations

import json

import pytest

from tradewind.portfolio.backtests import trades_of


@pytest.mark.parametrize(
    "trades",
    [
        [],
        [{"entryTag": '"], "trades": [', "profit": "-1.5"}],
        [{"entryTag": "é", "profitRatio": 0.1}, {"entryTag": "", "profitRatio": -1e-05}, {"entryTag": None}],
    ],
)
def test_trades_are_read_one_after_the_other(trades):
    document = {"bot": "default/crossing", "trades": trades, "orders": {"filled": 2}, "search": {"trades": [1]}}
    assert list(trades_of(json.dumps(document, ensure_ascii=False))) == trades
