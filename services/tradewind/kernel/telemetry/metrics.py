"""Every metric, declared once. `tradewind_<what>_<unit>[_total]`; labels are bounded (never an id, an address or text).

One registry per process; `service` and `bot` are labels, so the same table serves one process and one pod. What is
counted only now and then is made with 0 by whoever counts it: of the first of a series without a beginning Prometheus
would see no increase. What the process itself takes is told under the names that every process tells it by.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:  # noqa: PLR0915 - a table
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tradewind_{name}", text, ("bot", *labels), registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"tradewind_{name}", text, ("bot", *labels), registry=registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"tradewind_{name}", text, ("bot", *labels), registry=registry, buckets=_SECONDS)

        # kernel
        self.messages = counter("messages_handled_total", "Messages handled, by service.", "service")
        self.transactions = counter("store_transactions_total", "Transactions committed, by service.", "service")
        self.transaction_seconds = histogram("store_transaction_seconds", "Seconds to commit a unit.", "service")
        self.failures = counter("handler_failures_total", "Batches that failed and were tried again.", "service")
        self.mailbox = gauge("mailbox_messages", "Messages waiting in a service's mailbox.", "service")
        self.bus_lag = gauge("bus_lag_messages", "Messages that a group has not had or not done.", "service", "topic")
        self.dead_letters = gauge(
            "dead_letter_messages", "Messages put aside because a service failed on them again and again.", "service"
        )
        self.service_up = gauge("service_up", "1 while the service is Running.", "service")
        self.http_requests = counter("http_requests_total", "HTTP requests answered.", "service", "route", "status")
        self.http_seconds = histogram("http_request_seconds", "Seconds to answer an HTTP request.", "service", "route")
        self.circuit_state = gauge("circuit_state", "0 closed, 1 half-open, 2 open.", "dependency")
        self.dependency_calls = counter(
            "dependency_calls_total",
            "Calls to what is outside: succeeded, failed, refused; and retries: retried, not retried.",
            "dependency",
            "outcome",
        )
        self.dependency_in_flight = gauge("dependency_in_flight_calls", "Calls on their way.", "dependency")
        self.dependency_limit = gauge("dependency_at_once_calls", "How many may be on their way.", "dependency")
        self.dependency_retry_limit = gauge("dependency_retry_calls", "Retries that are allowed now.", "dependency")

        self.budget_needs = counter(
            "budget_needs_total",
            "What was wanted of an exchange's budget: taken, waited, beyond (vital, no room), refused.",
            "budget",
            "outcome",
        )
        self.budget_wait = histogram("budget_wait_seconds", "Seconds that a request waited for room.", "budget")
        self.budget_used = gauge("budget_used_ratio", "Of the fullest window; 0 once it has passed.", "budget")
        self.budget_pause = gauge("budget_pause_seconds", "How long the exchange wants to hear nothing.", "budget")

        # market-data
        self.candles = counter("candles_published_total", "Closed candles published.", "pair", "timeframe")
        self.quarantined = counter("candles_quarantined_total", "Rows refused by validation.", "pair", "reason")
        self.gaps = counter("candles_missing_total", "Candles missing inside the data.", "pair")
        self.candle_delay = histogram(
            "candle_delay_seconds", "Seconds from when a candle was due to when it was given to the bot."
        )
        self.tick_seconds = histogram("tick_seconds", "Seconds until the whole bot was done with a tick.")
        self.tick_waiting = gauge("tick_waiting_seconds", "How long the bot has been at a tick; 0 between two.")
        self.candle_time = gauge("candle_timestamp_seconds", "Open time of the latest candle published.", "pair")

        # strategy
        self.evaluations = counter("evaluations_total", "Stances published.", "strategy", "stance")
        self.strategy_seconds = histogram(
            "strategy_seconds", "Seconds in which a class in a process of its own answered for a pair.", "strategy"
        )
        self.strategy_failures = counter(
            "strategy_failures_total",
            "Answers that a class in a process of its own did not give: timeout, refused, ended.",
            "strategy",
            "reason",
        )

        # engine
        self.cycles = counter("cycles_total", "Trading cycles completed.")
        self.cycle_symbols = counter("cycle_symbols_total", "Pairs processed by cycles.")
        self.cycle_seconds = histogram("cycle_seconds", "Seconds from the last input of a cycle to its decisions.")
        self.decisions = counter("decisions_total", "Decisions made.", "action", "verdict")
        self.gate_refusals = counter("gate_refusals_total", "Entries refused, by the gate that refused.", "gate")
        self.trading_enabled = gauge("trading_enabled", "1 while new entries are allowed.")
        self.trading_state = gauge("trading_state", "1 for the state that trading has.", "state")
        self.limit_used = gauge(
            "risk_limit_used_ratio",
            "How much of a limit is used: from 1 on no entry is made; 0 without a limit.",
            "limit",
        )

        # execution
        self.orders = counter("orders_total", "Orders by the state they reached.", "state")
        self.fills = counter("fills_total", "Fills applied.", "side")
        self.rejections = counter("order_rejections_total", "Orders that the venue refused, by its reason.", "reason")
        self.order_seconds = histogram("order_acknowledge_seconds", "Seconds from sending to acknowledgement.")
        self.fill_seconds = histogram("order_fill_seconds", "Seconds from sending an entry or exit to a fill of it.")
        self.unprotected_seconds = histogram(
            "position_unprotected_seconds",
            "Seconds from the end of a position's legs to their successors.",
        )
        self.open_orders = gauge("open_orders", "Orders that are not in a final state.")
        self.unknown_orders = gauge("unknown_orders", "Orders of which nobody knows whether the venue has them.")
        self.unprotected = gauge("unprotected_trades", "Positions without the stop that they should have.")

        # portfolio
        self.active_trades = gauge("active_trades", "Open positions.")
        self.portfolio_value = gauge("portfolio_value_usd", "Equity in the quote currency of the label.", "currency")
        self.realised_profit = gauge("realised_profit", "Profit of the closed trades, in the currency.", "currency")
        self.drawdown = gauge("drawdown_ratio", "How far the equity is below its peak.")
        self.trades_closed = counter("trades_closed_total", "Trades closed.", "exit_reason")
        self.balance_drift = gauge("balance_drift_ratio", "Largest relative difference to the venue's balances.")

        # monitoring
        self.health_score = gauge("health_score", "0 to 100, the weighted health of the bot.")
        self.data_age = gauge("data_age_seconds", "Seconds since the last candle; not a number where none is due.")
        self.data_late = gauge("data_late_seconds", "After how many seconds without a candle the data is late.")
        self.disturbed = gauge("disturbed_pairs", "Pairs whose candles do not come as they should.")
        self.disk_free = gauge("disk_free_bytes", "Room on the disk that holds the bot's state, where it is known.")
