"""What a report is made of, and the comparison every strategy must stand: having bought at the start and waited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from tradewind.domain.metrics import TradeMetrics, WalletMetrics
from tradewind.domain.money import ZERO
from tradewind.domain.series import CandleSeries, Floats, Integers
from tradewind.domain.timeframe import MINUTE
from tradewind.domain.trade import ClosedTrade
from tradewind.research.report.figures import places_for

_MONEY_DIGITS = 5


@dataclass(frozen=True, slots=True)
class RunReport:
    """A finished run. Times in milliseconds UTC, money in `currency`.

    `equity` is the account at each base candle, ascending by time; `series` the candles shown, by pair; `orders`
    counts by state, in the order to show; `data_notes` one sentence for each thing the reader must know about the
    data (quarantined rows, gaps); `candles` the number of candles the run was made of.
    """

    bot: str
    strategies: str
    mode: str
    start: int
    end: int
    timeframe: str
    currency: str
    start_balance: Decimal
    end_balance: Decimal
    candles: int
    equity: Sequence[tuple[int, float]]
    series: Mapping[str, CandleSeries]
    trades: Sequence[ClosedTrade]
    trade_metrics: TradeMetrics
    wallet_metrics: WalletMetrics
    orders: Mapping[str, int]
    data_notes: Sequence[str]
    created_at: str

    @property
    def profit(self) -> Decimal:
        """What the account gained or lost."""
        return self.end_balance - self.start_balance

    @property
    def profit_ratio(self) -> Decimal:
        """`profit` as a share of the start balance."""
        return self.profit / self.start_balance if self.start_balance else ZERO

    @property
    def span(self) -> tuple[int, int]:
        """From where to where the time axes go; a run of one moment still has an extent."""
        return self.start, max(self.end, self.start + MINUTE)

    @property
    def money_places(self) -> int:
        """Decimals in which this report tells money."""
        return places_for([self.start_balance], _MONEY_DIGITS)

    @property
    def pairs(self) -> list[str]:
        """The pairs of the run: those with candles first, in their order, then those that were only traded."""
        return list(dict.fromkeys([*self.series, *(trade.pair for trade in self.trades)]))

    def trades_of(self, pair: str) -> list[ClosedTrade]:
        """The trades of `pair`, in the order they were given."""
        return [trade for trade in self.trades if trade.pair == pair]

    def series_of(self, pair: str) -> CandleSeries:
        """The candles of `pair` that open within the run; those of the warm-up before it are left out."""
        series = self.series[pair]
        first, stop = np.searchsorted(series.open_time, self.span, side="left").tolist()
        return series.slice(first, stop)


def buy_and_hold(run: RunReport, times: Integers) -> Floats | None:
    """The account at `times` had the start balance bought equal parts of every pair and kept them, fees left out.

    A pair's part stays money until its first candle of the run. None where no pair has a candle in the run.
    """
    parts = [_grown(series, times) for pair in run.series if len(series := run.series_of(pair)) and series.open[0] > 0]
    if not parts:
        return None
    whole: Floats = float(run.start_balance) * np.mean(parts, axis=0)
    return whole


def _grown(series: CandleSeries, times: Integers) -> Floats:
    """What 1 put in at the first open is worth at each of `times`; 1 before it."""
    latest = np.searchsorted(series.open_time, times, side="right")
    worth: Floats = np.append(1.0, series.close / series.open[0])[latest]
    return worth
