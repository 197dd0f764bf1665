"""`rules/objectives.yaml` of the chart: how fast each bot spends the error budget of each objective.

An objective is a share of good events; what is not good spends its budget. The rate at which that happens is told in
budgets of two weeks: 1 spends it in just that time. An alert wants a long and a short window above the same rate: the
long one so that a moment is no alarm, the short one so that it ends soon after its cause (Site Reliability Workbook,
chapter 5). Where nothing happened nothing was bad.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

BUDGET = "14d"
"""Within what the chart's Prometheus keeps."""
WINDOWS = ("5m", "30m", "1h", "6h")
OF_PEOPLE = 'route!~"/healthz|/readyz|/processz|/health|/metrics"'
OF_PROMETHEUS = 'route="/metrics"'

HEADER = """# Made by `make generate` from tests/charts/objectives.py; change that instead.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """`good` is the promised share; `bad` and `all` are counters whose rates are divided.

    With `gauge` (0 good, 1 bad) the share of time counts instead.
    """

    name: str
    promise: str
    good: str
    bad: str = ""
    all: str = ""
    gauge: str = ""


def _answers(name: str, promise: str, good: str, which: str) -> Objective:
    requests = "tradewind_http_requests_total"
    bad = f'{requests}{{{which},status=~"5.."}}'
    return Objective(name=name, promise=promise, good=good, bad=bad, all=f"{requests}{{{which}}}")


def _times(name: str, promise: str, metric: str, limit: str, which: str = "") -> Objective:
    """95 of 100 within `limit` seconds, which is a bound of the histogram's buckets."""
    labels = f"{which}," if which else ""
    within = f'{metric}_bucket{{{labels}le="{limit}"}}'
    return Objective(
        name=name,
        promise=promise,
        good="0.95",
        bad=f"-{within}",
        all=f"{metric}_count{{{which}}}" if which else f"{metric}_count",
    )


OBJECTIVES = (
    _answers("api", "99.9 % of the answers are no error of ours", "0.999", OF_PEOPLE),
    _times("api_latency", "95 % of the answers within 100 ms", "tradewind_http_request_seconds", "0.1", OF_PEOPLE),
    _answers("metrics", "99.5 % of the readings of metrics are answered", "0.995", OF_PROMETHEUS),
    _times(
        "metrics_latency", "95 % of the readings within 500 ms", "tradewind_http_request_seconds", "0.5", OF_PROMETHEUS
    ),
    Objective(
        name="data",
        promise="candles are not late for 98 % of the time",
        good="0.98",
        gauge="tradewind_data_age_seconds > bool tradewind_data_late_seconds",
    ),
    _times(
        "data_latency", "95 % of the candles within 5 s of when they are due", "tradewind_candle_delay_seconds", "5.0"
    ),
    Objective(
        name="data_errors",
        promise="95 % of the candles pass validation",
        good="0.95",
        bad="tradewind_candles_quarantined_total",
        all="tradewind_candles_published_total",
    ),
)


def objectives() -> str:
    """The text of the file."""
    rules = [rule for one in OBJECTIVES for rule in _rules(one)]
    groups = [{"name": "tradewind-objectives", "interval": "1m", "rules": rules}]
    return HEADER + yaml.safe_dump({"groups": groups}, sort_keys=False, width=110)


def _rules(one: Objective) -> list[dict[str, object]]:
    late, labels = "bot:tradewind_data_late:bool", {"slo": one.name}
    rules: list[dict[str, object]] = []
    if one.gauge:
        rules.append({"record": late, "expr": f"max by (bot) ({one.gauge})"})
    for window in WINDOWS:
        share = f"avg_over_time({late}[{window}])" if one.gauge else _share(one, window)
        expression = f"{share} / (1 - {one.good})"
        rules.append({"record": f"bot:tradewind_slo_burn:rate{window}", "expr": expression, "labels": dict(labels)})
    spent = f'avg_over_time(bot:tradewind_slo_burn:rate5m{{slo="{one.name}"}}[{BUDGET}])'
    rules.append({"record": "bot:tradewind_slo_budget_left:ratio", "expr": f"1 - {spent}", "labels": dict(labels)})
    return rules


def _share(one: Objective, window: str) -> str:
    """The share of bad events; 0 where there was none at all, so that a quiet bot keeps its budget."""
    total = f"sum by (bot) (rate({one.all}[{window}]))"
    if one.bad.startswith("-"):
        bad = f"({total} - sum by (bot) (rate({one.bad[1:]}[{window}])))"
    else:
        bad = f"(sum by (bot) (rate({one.bad}[{window}])) or {total} * 0)"
    return f"(({bad} / ({total} > 0)) or max by (bot) (tradewind_service_up) * 0)"
