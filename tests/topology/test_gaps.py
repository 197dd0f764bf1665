"""Candles that are missing: nothing waits for them, and nothing is bought on what was decided before them."""

from __future__ import annotations

import asyncio

from tests.topology.recordings import BEGIN, HOUR, breakout_bot, gappy_bot

from tradewind.contracts.messages import CandleClosed
from tradewind.domain.order import Leg, OrderState


async def test_a_gap_that_completes_two_longer_candles_at_once_is_traded_over(embedded, tmp_path):
    """Two candles of one timeframe in one tick are two candles, for everybody who waits for the tick."""
    seen = {}
    async with embedded(sample=gappy_bot(tmp_path, candles=160)) as bot:
        async with asyncio.timeout(60):
            assert await bot.wait()
        for message in await bot.feed.take(100_000):
            if isinstance(message, CandleClosed):
                key = (message.time, message.pair, message.timeframe)
                seen.setdefault(key, set()).add(message.candle.open_time)

    assert any(len(candles) > 1 for candles in seen.values())


async def test_an_entry_does_not_outlive_its_decision_over_a_gap(embedded, tmp_path):
    """An order that waits for its pair's next candle is canceled when that comes after the decision has expired."""
    # It breaks out at candle 10, then nothing for 50 candles, then it trades 50 % higher.
    late = [100] * 10 + [101] + [None] * 50 + [150, 150]
    async with embedded(sample=breakout_bot(tmp_path, AAA=late, BBB=[100] * 63), until_end=False) as bot:
        async with asyncio.timeout(60):
            while (await bot.ask("engine", "status"))["time"] < BEGIN + 62 * HOUR:
                await bot.feed.take(10)
        orders = await bot.ask("execution", "orders")

    first = next(order for order in orders if order.leg is Leg.ENTRY)
    assert (BEGIN + 10 * HOUR, OrderState.CANCELED, 0) == (first.created_time, first.state, first.filled)


async def test_after_a_restart_a_pair_without_candles_counts_as_before(embedded, tmp_path):
    """The exposure of a position is valued at its pair's last close, and an entry on its way keeps its cash."""
    # AAA is bought and then falls silent; BBB breaks out later and gets what the exposure limit leaves.
    market = {"AAA": [100] * 10 + [101, 120, 140] + [None] * 20, "BBB": [100] * 20 + [101] * 13}
    sample = breakout_bot(tmp_path, **market)
    limits = ("spec.risk.maxTotalExposure=0.9", "spec.capital.stakeAmount=Unlimited")
    found = []
    for stop_after in (None, 16):
        directory = tmp_path / f"state-{stop_after}"
        if stop_after is not None:
            span = f"spec.data.span.end=2022-03-01T{stop_after}:00:00Z"
            async with embedded(*limits, span, sample=sample, directory=directory, until_end=False) as bot:
                while not (await bot.ask("market-data", "status"))["ended"]:
                    await bot.feed.take(10)
        async with embedded(*limits, sample=sample, directory=directory) as bot:
            async with asyncio.timeout(60):
                assert await bot.wait()
            found.append(await bot.ask("portfolio", "trades"))

    assert found[0] == found[1]
    assert {"AAA/EUR", "BBB/EUR"} == {trade.pair for trade in found[0]}
