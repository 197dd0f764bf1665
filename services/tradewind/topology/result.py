"""The result of a run, asked from the services that own its parts."""

from __future__ import annotations

from decimal import Decimal

from tradewind.domain.money import ZERO
from tradewind.portfolio.risk import daily_equity
from tradewind.research.result import RunData, RunResult, result_of
from tradewind.topology.embedded import EmbeddedBot


async def collect(bot: EmbeddedBot) -> RunResult:
    """Ask the services for everything a result has."""
    spec = bot.bot.spec
    status = await bot.ask("market-data", "status")
    snapshot = await bot.ask("portfolio", "snapshot")
    pairs = await bot.ask("market-data", "instruments")
    data = RunData(
        series={pair: await bot.ask("market-data", "series", pair=pair, timeframe=spec.timeframe) for pair in pairs},
        notes=status["notes"],
        quarantined=len(status["quarantined"]),
        missing=sum(gap["missing"] for gap in status["gaps"]),
    )
    equity: list[tuple[int, Decimal]] = await bot.ask("portfolio", "equity")
    return result_of(
        bot.bot,
        data,
        mode=spec.mode.value,
        trades=await bot.ask("portfolio", "trades"),
        equity=equity,
        daily=[value for _, value in daily_equity(equity)],
        end_balance=snapshot["balances"].get(spec.capital.currency, ZERO),
        open_positions=len(snapshot["positions"]),
        orders=await bot.ask("execution", "summary"),
    )
