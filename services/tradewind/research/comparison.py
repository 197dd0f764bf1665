"""Results side by side: the same figures of each, and every trade in which another differs from the first.

All figures are computed here, from trades and start balance, so results of both engines are measured alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from tradewind.domain.metrics import trade_metrics
from tradewind.domain.money import ZERO
from tradewind.domain.trade import ClosedTrade
from tradewind.research.exported import Exported

RELATIVE = Decimal("1e-8")
"""Rates, amounts and profits that differ by less, as a ratio of the larger, are the same."""

FIELDS = ("close_time", "exit_reason", "open_rate", "close_rate", "amount", "profit", "fees", "entry_tag")
"""What is compared of a trade, what explains the rest first. A trade is the same by its pair and opening time."""

_TradeKey = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A trade that is not the same: one of both is None where it has none; `field` is the first that differs.

    `time` is when it opened, in milliseconds UTC.
    """

    pair: str
    time: int
    first: ClosedTrade | None
    other: ClosedTrade | None
    field: str | None

    def value(self, trade: ClosedTrade | None) -> object:
        """What `trade` has in the field that differs; nothing where a whole trade is missing."""
        return None if trade is None or self.field is None else getattr(trade, self.field)


@dataclass(frozen=True, slots=True)
class Compared:
    """One result beside the first: its figures by name, and where its trades differ, by the time of opening.

    `balances` are (milliseconds UTC, balance after all that closed until then): the first before any trade was opened.
    """

    name: str
    figures: Mapping[str, float]
    balances: tuple[tuple[int, float], ...]
    same: int
    differences: tuple[Difference, ...]


def compared(results: Sequence[Exported], balance: Decimal | None) -> tuple[Compared, ...]:
    """`results` side by side, the first one being the measure; `balance` where a file has none.

    Raises `ConfigError` where the start balance of one is known to nobody.
    """
    first = results[0]
    found = []
    for name, result in zip(_names(results), results, strict=True):
        differences = tuple(_differences(first.trades, result.trades))
        changed = sum(1 for each in differences if each.other is not None)
        start = result.start_balance or result.balance(balance)
        balances = tuple(_balances(result.trades, start))
        same = len(result.trades) - changed
        found.append(Compared(name, _figures(result, start), balances, same, differences))
    return tuple(found)


def _names(results: Sequence[Exported]) -> list[str]:
    """What they are called, told apart where two are called the same."""
    names = [result.name for result in results]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, 1)]


def _figures(result: Exported, start: Decimal) -> dict[str, float]:
    profit = sum((trade.profit for trade in result.trades), ZERO)
    return {
        "start_balance": float(start),
        "final_balance": float(start + profit),
        "profit": float(profit),
        "profit_ratio": float(profit / start),
        "fees": float(sum((trade.fees for trade in result.trades), ZERO)),
        "days": result.days,
        **asdict(trade_metrics(result.trades, start, result.days)),
    }


def _balances(trades: Sequence[ClosedTrade], start: Decimal) -> Iterator[tuple[int, float]]:
    if trades:
        yield min(trade.open_time for trade in trades), float(start)
    for trade in sorted(trades, key=lambda trade: trade.close_time):
        start += trade.profit
        yield trade.close_time, float(start)


def _differences(first: Sequence[ClosedTrade], other: Sequence[ClosedTrade]) -> Iterator[Difference]:
    ours, theirs = _by_key(first), _by_key(other)
    for key in sorted(ours.keys() | theirs.keys()):
        one, two = ours.get(key, []), theirs.get(key, [])
        for place in range(max(len(one), len(two))):
            left = one[place] if place < len(one) else None
            right = two[place] if place < len(two) else None
            field = None if left is None or right is None else _first_unlike(left, right)
            if left is None or right is None or field is not None:
                yield Difference(key[1], key[0], left, right, field)


def _by_key(trades: Sequence[ClosedTrade]) -> dict[_TradeKey, list[ClosedTrade]]:
    found: dict[_TradeKey, list[ClosedTrade]] = {}
    for trade in trades:
        found.setdefault((trade.open_time, trade.pair), []).append(trade)
    return found


def _first_unlike(one: ClosedTrade, other: ClosedTrade) -> str | None:
    return next((name for name in FIELDS if not _alike(getattr(one, name), getattr(other, name))), None)


def _alike(one: object, other: object) -> bool:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return abs(one - other) <= RELATIVE * max(abs(one), abs(other))
    return one == other
