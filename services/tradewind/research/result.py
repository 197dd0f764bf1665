"""The result of a run or of a backtest, with its metrics, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.metrics import TradeMetrics, WalletMetrics, exposure, trade_metrics, wallet_metrics
from tradewind.domain.money import ZERO, plain
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, close_time
from tradewind.domain.trade import ClosedTrade


@dataclass(frozen=True, slots=True)
class RunData:
    """The data of a run: base candles by pair, what was wrong with them for people, and how much of that there was."""

    series: Mapping[str, CandleSeries]
    notes: Sequence[str]
    quarantined: int
    missing: int


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did. Times in milliseconds UTC, money in `currency`; `end_balance` is cash when nothing is open."""

    bot: str
    mode: str
    currency: str
    timeframe: str
    start: int
    end: int
    candles: int
    start_balance: Decimal
    end_balance: Decimal
    open_positions: int
    trades: tuple[ClosedTrade, ...]
    orders: Mapping[str, int]
    equity: Sequence[tuple[int, Decimal]]
    series: Mapping[str, CandleSeries]
    notes: tuple[str, ...]
    quarantined: int
    missing: int
    trade_metrics: TradeMetrics
    wallet_metrics: WalletMetrics
    exposure: float

    @property
    def profit(self) -> Decimal:
        """Sum of the profits of closed trades, net of fees."""
        return sum((trade.profit for trade in self.trades), ZERO)

    @property
    def fees(self) -> Decimal:
        """Sum of the fees of closed trades."""
        return sum((trade.fees for trade in self.trades), ZERO)


def result_of(
    bot: TradingBot,
    data: RunData,
    *,
    mode: str,
    trades: Sequence[ClosedTrade],
    equity: Sequence[tuple[int, Decimal]],
    daily: Sequence[float],
    end_balance: Decimal,
    open_positions: int,
    orders: Mapping[str, int],
) -> RunResult:
    """The result, with every metric, of what `bot` did.

    `equity` is (time, value) by tick, `daily` the last value of each UTC day; `orders` counts by what they reached.
    """
    spec, series = bot.spec, data.series
    start = min((int(one.open_time[0]) for one in series.values() if len(one)), default=0)
    last = equity[-1][0] if equity else start
    end = close_time(spec.timeframe, last)
    start_balance = spec.capital.starting_balance
    return RunResult(
        bot=bot.key,
        mode=mode,
        currency=spec.capital.currency,
        timeframe=spec.timeframe,
        start=start,
        end=end,
        candles=sum(int(one.open_time.searchsorted(last, side="right")) for one in series.values()) if equity else 0,
        start_balance=start_balance,
        end_balance=end_balance,
        open_positions=open_positions,
        trades=tuple(trades),
        orders=orders,
        equity=equity,
        series=series,
        notes=tuple(data.notes),
        quarantined=data.quarantined,
        missing=data.missing,
        trade_metrics=trade_metrics(trades, start_balance, max((end - start) // DAY, 1)),
        wallet_metrics=wallet_metrics([float(start_balance), *daily]),
        exposure=exposure(trades, start, end, list(series)),
    )


def iso(time: int) -> str:
    """`2022-01-03T02:00:00Z`."""
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_document(result: RunResult, report: str | None) -> dict[str, Any]:
    """The JSON object of `-o json`: money, prices and amounts as strings, ratios as numbers."""
    wallet = asdict(result.wallet_metrics)
    return {
        "bot": result.bot,
        "mode": result.mode,
        "start": iso(result.start),
        "end": iso(result.end),
        "timeframe": result.timeframe,
        "currency": result.currency,
        "candles": result.candles,
        "startBalance": plain(result.start_balance),
        "endBalance": plain(result.end_balance),
        "openPositions": result.open_positions,
        "trades": [_trade(trade) for trade in result.trades],
        "orders": dict(result.orders),
        "metrics": {
            **{camel(name): value for name, value in asdict(result.trade_metrics).items()},
            "profit": plain(result.profit),
            "fees": plain(result.fees),
            "exposure": result.exposure,
            "wallet": {camel(name): value for name, value in wallet.items()},
        },
        "data": {"quarantined": result.quarantined, "missing": result.missing, "notes": list(result.notes)},
        "report": report,
    }


def _trade(trade: ClosedTrade) -> dict[str, Any]:
    return {
        "pair": trade.pair,
        "openTime": iso(trade.open_time),
        "closeTime": iso(trade.close_time),
        "openRate": plain(trade.open_rate),
        "closeRate": plain(trade.close_rate),
        "amount": plain(trade.amount),
        "fees": plain(trade.fees),
        "profit": plain(trade.profit),
        "profitRatio": float(trade.profit_ratio),
        "exitReason": trade.exit_reason,
        "entryTag": trade.entry_tag,
    }


def camel(name: str) -> str:
    """`profit_ratio` as JSON has it: `profitRatio`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
