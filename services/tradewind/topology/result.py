"""The result of a run, asked from the services that own its parts, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradewind.domain.metrics import TradeMetrics, WalletMetrics, exposure, trade_metrics, wallet_metrics
from tradewind.domain.money import ZERO, plain
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, close_time
from tradewind.domain.trade import ClosedTrade
from tradewind.topology.embedded import EmbeddedBot


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
    equity: tuple[tuple[int, Decimal], ...]
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


async def collect(bot: EmbeddedBot) -> RunResult:
    """Ask the services for everything a result has."""
    spec = bot.bot.spec
    status = await bot.ask("market-data", "status")
    snapshot = await bot.ask("portfolio", "snapshot")
    trades: list[ClosedTrade] = await bot.ask("portfolio", "trades")
    equity: list[tuple[int, Decimal]] = await bot.ask("portfolio", "equity")
    instruments = await bot.ask("market-data", "instruments")
    series = {pair: await bot.ask("market-data", "series", pair=pair, timeframe=spec.timeframe) for pair in instruments}
    start = min((int(one.open_time[0]) for one in series.values() if len(one)), default=0)
    last = equity[-1][0] if equity else start
    end = close_time(spec.timeframe, last)
    days = max((end - start) // DAY, 1)
    capital = spec.capital
    daily = [float(capital.starting_balance), *(float(value) for value in _daily(equity))]
    closed = tuple(trades)
    return RunResult(
        bot=bot.bot.key,
        mode=spec.mode.value,
        currency=capital.currency,
        timeframe=spec.timeframe,
        start=start,
        end=end,
        candles=sum(int(one.open_time.searchsorted(last, side="right")) for one in series.values()) if equity else 0,
        start_balance=capital.starting_balance,
        end_balance=snapshot["balances"].get(capital.currency, ZERO),
        open_positions=len(snapshot["positions"]),
        trades=closed,
        orders=await bot.ask("execution", "summary"),
        equity=tuple(equity),
        series=series,
        notes=tuple(status["notes"]),
        quarantined=len(status["quarantined"]),
        missing=sum(gap["missing"] for gap in status["gaps"]),
        trade_metrics=trade_metrics(closed, capital.starting_balance, days),
        wallet_metrics=wallet_metrics(daily),
        exposure=exposure(closed, start, end, list(instruments)),
    )


def _daily(equity: list[tuple[int, Decimal]]) -> list[Decimal]:
    days: dict[int, Decimal] = {}
    for time, value in equity:
        days[time // DAY] = value
    return list(days.values())


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
            **{_camel(name): value for name, value in asdict(result.trade_metrics).items()},
            "profit": plain(result.profit),
            "fees": plain(result.fees),
            "exposure": result.exposure,
            "wallet": {_camel(name): value for name, value in wallet.items()},
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


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
