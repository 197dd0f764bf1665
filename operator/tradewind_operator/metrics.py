"""The operator's own metrics, under the names that dashboards of operators expect; bounded labels, but for the bots."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

from tradewind_operator.status import TYPES

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TRUTHS = ("True", "False", "Unknown")


class OperatorMetrics:
    """The metrics of one operator process."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.reconciles = Counter(
            "tradewind_operator_reconcile_total",
            "Looks at a bot, by what came of them.",
            ("result",),
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "tradewind_operator_reconcile_seconds", "Seconds of a look at a bot.", registry=registry, buckets=_SECONDS
        )
        self.queue_seconds = Histogram(
            "tradewind_operator_workqueue_wait_seconds",
            "Seconds for which a bot waited in the queue.",
            registry=registry,
            buckets=_SECONDS,
        )
        self.queue_depth = Gauge("tradewind_operator_workqueue_depth", "Bots in the queue.", registry=registry)
        self.drift = Counter(
            "tradewind_operator_drift_corrected_total",
            "Children that somebody had changed and that were put right.",
            ("kind",),
            registry=registry,
        )
        self.leads = Gauge("tradewind_operator_leader", "1 while this process holds the Lease.", registry=registry)
        self.bots = Gauge("tradewind_operator_bots", "TradingBots that are known.", registry=registry)
        self.children = Gauge(
            "tradewind_operator_children", "Children that are known, pods left out.", registry=registry
        )
        self.watch_age = Gauge(
            "tradewind_operator_watch_age_seconds",
            "Seconds since the watch that is silent for longest heard of the API server.",
            registry=registry,
        )
        self.conditions = Gauge(
            "tradewind_operator_bot_condition",
            "1 for the status that a condition of a bot has.",
            ("namespace", "name", "type", "status"),
            registry=registry,
        )

    def show(self, key: str, conditions: Mapping[str, str]) -> None:
        """Take over the status of each condition of a bot, by type."""
        namespace, _, name = key.partition("/")
        for kind, status in conditions.items():
            for truth in _TRUTHS:
                self.conditions.labels(namespace, name, kind, truth).set(truth == status)

    def forget(self, key: str) -> None:
        """A bot is gone."""
        namespace, _, name = key.partition("/")
        # One by one: to search the samples of all bots at the end of each is quadratic where many end.
        for kind in TYPES:
            for truth in _TRUTHS:
                self.conditions.remove(namespace, name, kind, truth)
