"""What a whole bot tells Prometheus after its first trades: no metric of the table that nobody sets."""

from __future__ import annotations

from prometheus_client.openmetrics.exposition import generate_latest

START = "spec.data.span.start=2022-03-01"
END = "spec.data.span.end=2022-03-20"

NOT_HERE = {
    "http_requests": "this bot listens on no port",
    "http_request_seconds": "this bot listens on no port",
    "bus_lag_messages": "of Redis",
    "dead_letter_messages": "of Redis",
    "circuit_state": "of what is called over a network",
    "dependency_calls": "of what is called over a network",
    "dependency_in_flight_calls": "of what is called over a network",
    "dependency_at_once_calls": "of what is called over a network",
    "dependency_retry_calls": "of what is called over a network",
    "budget_needs": "of an exchange",
    "budget_wait_seconds": "of an exchange",
    "budget_used_ratio": "of an exchange",
    "budget_pause_seconds": "of an exchange",
    "candles_quarantined": "these candles are good",
    "order_rejections": "the venue refused nothing",
    "gate_refusals": "every entry went through",
    "strategy_seconds": "of a class of the user's",
    "strategy_failures": "of a class of the user's",
}
"""Metrics without a sample in this run, and why: whatever else has none is a panel that stays empty for ever."""


async def test_every_metric_is_set_by_a_bot_that_traded(embedded):
    """A gauge that nobody sets looks, on a dashboard, like a bot that has no orders."""
    services = ("market-data", "strategy", "engine", "execution", "portfolio", "monitoring")
    async with embedded(START, END, "spec.exchanges[0].venue=Paper", services=services) as bot:
        assert await bot.wait()
        metrics, trades = bot.metrics, await bot.ask("portfolio", "trades")

    assert trades
    silent = set()
    for metric in metrics.registry.collect():
        if metric.name.startswith("tradewind_") and not metric.samples:
            silent.add(metric.name.removeprefix("tradewind_"))
    assert silent <= NOT_HERE.keys(), silent - NOT_HERE.keys()

    def shown(name, **labels):
        return metrics.registry.get_sample_value(f"tradewind_{name}", {"bot": "default/quickstart", **labels})

    assert shown("active_trades") == shown("open_orders") == shown("unprotected_trades") == 0
    assert shown("realised_profit", currency="EUR") == float(sum(trade.profit for trade in trades))
    assert shown("portfolio_value_usd", currency="EUR") == 10_000 + shown("realised_profit", currency="EUR")
    assert shown("tick_seconds_count") > 400, "the last one may not be settled yet"
    assert shown("trading_state", state="Running") == 1
    assert shown("mailbox_messages", service="engine") == 0
    assert b"process_resident_memory_bytes" in generate_latest(metrics.registry)
