"""The status of a `Backtest`: where its Job stands, and its results in short.

A result here is for a look and for a comparison; the whole one, with every trade, is in the database and comes through
the gateway. Money is exact, ratios are rounded to six decimals, and both are texts, as everywhere in a resource.
"""

from __future__ import annotations

from tradewind.contracts.api.schema import Node
from tradewind.contracts.api.status import condition, counted, listed, text

BEST, AS_IT_STANDS = "Best", "AsItStands"
MOST_VALUES = 16

FIGURES = {
    "start": "The first candle that was traded, in UTC.",
    "end": "The end of the last candle that was traded, in UTC.",
    "profit": "The profit of closed trades, net of fees, in the currency of the bot.",
    "profitRatio": "The same as a share of the start balance.",
    "endBalance": "The balance in the end, in the currency of the bot.",
    "winRate": "The share of trades with a profit.",
    "maxDrawdownRatio": "The largest fall from a peak of daily balances, as a share of the peak.",
    "sharpe": "The Sharpe ratio of daily balances.",
    "profitFactor": "What was won for each unit that was lost.",
}
"""The figures of a result that are texts, each with what it is."""


def status_schema() -> Node:
    """The schema of `status`, made anew at each call."""
    return {
        "type": "object",
        "description": "What came of it; written by the operator alone.",
        "properties": {
            "observedGeneration": counted("The generation of the spec that this status is about."),
            "strategies": text("The names of the strategies that vote, as one text for people.", 1024),
            "conditions": listed("What is so, one entry for each type of condition.", 8, condition()),
            "startTime": _moment("The moment at which its Job began, as an RFC 3339 timestamp."),
            "completionTime": _moment("The moment at which its Job was over, as an RFC 3339 timestamp."),
            "seconds": counted("How long its Job took."),
            "trials": counted("How many trials of a search are finished."),
            "results": listed("What the trades came to, the best first.", 2, _result()),
        },
    }


def _result() -> Node:
    value = text("The value that the best trial had there.", 160)
    return {
        "type": "object",
        "description": "What the trades of one set of parameters came to.",
        "required": ["name"],
        "properties": {
            "name": {
                "type": "string",
                "description": "Of which parameters: AsItStands of those of the spec, Best of those that were found.",
                "enum": [BEST, AS_IT_STANDS],
            },
            "candles": counted("How many candles were traded, of all pairs."),
            "trades": counted("How many trades were closed."),
            "loss": text("What the trial was compared by; less is better.", 32),
            **{name: text(told, 64) for name, told in FIGURES.items()},
            "values": {
                "type": "object",
                "description": "What was varied, each field with its value, as --set takes them.",
                "maxProperties": MOST_VALUES,
                "additionalProperties": value,
            },
        },
    }


def _moment(description: str) -> Node:
    return {"type": "string", "format": "date-time", "description": description}
