"""The custom resource definition of `Backtest`: the fields of a bot as they stand in the bot's own, and what is beside.

`python -m tradewind.contracts.api.backtest_crd > manifests/crds/backtests.yaml` writes the file; a test holds the two
together.
"""

from __future__ import annotations

import sys
from typing import Any

from tradewind.contracts.api.backtest import KIND, backtest_schema
from tradewind.contracts.api.backtest_status import status_schema
from tradewind.contracts.api.crd import AGE, as_yaml, column, definition, root_of, structural
from tradewind.contracts.api.schema import Node

PLURAL = "backtests"

_RULES: list[Node] = [
    {
        "rule": "self == oldSelf",
        "message": "spec cannot be changed in a Backtest that exists: its results are those of its spec."
        " Create another one under a new name, or delete this one and create it again",
    },
    {
        "rule": "self.data.source != 'Exchange'",
        "message": "data.source must be Replay or Synthetic: a backtest needs candles that are over",
        "fieldPath": ".data",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.exchanges.all(one, one.venue != 'Exchange' && !has(one.endpoint))",
        "message": "venue must be Paper or Simulated, without an endpoint: a backtest sends no orders",
        "fieldPath": ".exchanges",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.parallelism == 1 || has(self.search)",
        "message": "parallelism must be 1 without a search: remove it, or add search",
        "fieldPath": ".parallelism",
        "reason": "FieldValueForbidden",
    },
]


def crd() -> dict[str, Any]:
    """The `CustomResourceDefinition` as a mapping, made anew at each call."""
    model = backtest_schema()
    spec = {**structural(model["properties"]["spec"]), "x-kubernetes-validations": _RULES}
    return definition(KIND, PLURAL, "bt", _columns(), root_of(model, spec, status_schema()))


def render_crd() -> str:
    """The definition as YAML; the same model gives the same bytes."""
    return as_yaml(crd(), "tradewind.contracts.api.backtest_crd")


def _columns() -> list[Node]:
    complete, result = '.status.conditions[?(@.type=="Complete")]', ".status.results[0]"
    return [
        column("Complete", f"{complete}.status", "Whether the results are there."),
        column("Reason", f"{complete}.reason", "Why they are, or are not."),
        column("Strategies", ".status.strategies", "The strategies that vote."),
        {**column("Trades", f"{result}.trades", "How many trades were closed."), "type": "integer"},
        column("Profit", f"{result}.profitRatio", "The profit as a share of the start balance."),
        column("Drawdown", f"{result}.maxDrawdownRatio", "The largest fall from a peak of daily balances, as a share."),
        column("Sharpe", f"{result}.sharpe", "The Sharpe ratio of daily balances."),
        {**column("Seconds", ".status.seconds", "How long the Job took."), "type": "integer", "priority": 1},
        AGE,
    ]


if __name__ == "__main__":
    sys.stdout.write(render_crd())
