"""Small markets for the tests of the backtest: candles from closes, and voters that say what a word spells."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from tradewind.domain.account_order import AccountRules
from tradewind.domain.backtest.loop import Backtest
from tradewind.domain.backtest.rules import BacktestRules, DeskRules
from tradewind.domain.backtest.tape import SILENT, Tape, Told
from tradewind.domain.backtest.valuation import Valuation
from tradewind.domain.candle import Candle
from tradewind.domain.consensus import ConsensusRule, Voter
from tradewind.domain.decision import DecisionRules, answer_of
from tradewind.domain.exits import TrailingStop
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules
from tradewind.domain.risk import RiskLimits
from tradewind.domain.series import CandleSeries
from tradewind.domain.sizing import StakeRules

D = Decimal
HOUR = 3_600_000
AAA, BBB = "AAA/EUR", "BBB/EUR"
_SIDES = {"L": 1, "S": -1, ".": 0, "?": SILENT}
_VOTER = Voter("cross", "1h", D(1))


def instrument(pair, notional="5"):
    return Instrument(pair, pair[:3], "EUR", D("0.01"), D("0.001"), D("0.001"), D(notional))


def series_of(closes, pair=AAA):
    """Hourly candles from 0 on that open at the close before; None is a hole, a tuple is (open, high, low, close)."""
    rows, last = [], 100.0
    for place, close in enumerate(closes):
        if close is None:
            continue
        prices = close if isinstance(close, tuple) else (last, max(last, close), min(last, close), close)
        rows.append(Candle(place * HOUR, *map(float, prices), 1000.0))
        last = float(prices[3])
    return CandleSeries.of(pair, "1h", rows)


def told(word, voter=_VOTER, confidence=1.0):
    side = np.array([_SIDES[letter] for letter in word], dtype=np.int8)
    return Told(voter, side, np.full(len(word), confidence))


def rules(
    *,
    slots=2,
    trailing=None,
    stop=None,
    target=None,
    stake="1000",
    loss=None,
    drawdown=None,
    state="Running",
    maker="0.001",
    fee_in_base=False,
):
    decision = DecisionRules(
        rule=ConsensusRule.WEIGHTED,
        trailing=TrailingStop(*map(D, trailing)) if trailing else None,
        limits=RiskLimits(D("0.8"), slots, loss and D(loss), drawdown and D(drawdown), D(1)),
        stake=StakeRules(D(stake), D(1), slots, D(1), stop and D(stop), D(1), D(1), D("0.001")),
    )
    return BacktestRules(
        desk=DeskRules("default/bot", "1h", stop and D(stop), target and D(target)),
        decision=decision,
        account=AccountRules(D(maker), D("0.001"), fee_in_base=fee_in_base, matching=MatchingRules()),
        currency="EUR",
        start_balance=D(10_000),
        named=frozenset({AAA, BBB}),
        trading_state=state,
    )


def backtest_of(given, markets, notional="5"):
    """A backtest of {pair: (closes, word)}."""
    series = {pair: series_of(closes, pair) for pair, (closes, _) in markets.items()}
    times = np.unique(np.concatenate([one.open_time for one in series.values()])).astype(np.int64)
    tapes = {
        pair: Tape(
            one,
            np.searchsorted(times, one.open_time),
            [told(markets[pair][1])],
            lambda votes: answer_of(votes, given.decision),
        )
        for pair, one in series.items()
    }
    closes = {
        pair: np.append(0.0, one.close)[np.searchsorted(one.open_time, times, side="right")]
        for pair, one in series.items()
    }
    valuation = Valuation(given.start_balance, given.currency, times, closes)
    return Backtest(given, times, tapes, {pair: instrument(pair, notional) for pair in markets}, valuation)
