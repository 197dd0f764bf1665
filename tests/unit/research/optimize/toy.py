"""A bench whose profit is known beforehand: most at 12 of `size`, more with `flag`, and told part by part."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tradewind.domain.errors import ConfigError
from tradewind.domain.trade import ClosedTrade
from tradewind.research.optimize.bench import PARTS, Window
from tradewind.research.optimize.loss import Traded
from tradewind.research.optimize.space import Choice, Steps

DAY = 86_400_000
SPACE = {"size": Steps(Decimal(1), Decimal(1), 40), "flag": Choice((True, False))}


def trade(profit, *, opened=0, closed=DAY, pair="BTC/EUR"):
    money = Decimal(str(profit))
    return ClosedTrade(pair, opened, closed, Decimal(1), Decimal(1), Decimal(1), Decimal(0), money, money / 100, "exit")


def traded(*profits, days=10, start=0):
    """A trade each day, begun with 1000."""
    trades = [trade(profit, closed=start + (day + 1) * DAY - 1) for day, profit in enumerate(profits)]
    return Traded(tuple(trades), Decimal(1000), start, days * DAY)


@dataclass
class ToyBench:
    """`worked` are the parts that were traded, by `size`; `seen` the windows."""

    ended_by: Path | None = None
    worked: list[tuple[int, int]] = field(default_factory=list)
    seen: list[Window | None] = field(default_factory=list)

    def trade(self, values, window, watch=None):
        self.seen.append(window)
        size, flag = values["size"], values["flag"]
        if size == 40:
            raise ConfigError("size", size, "less than 40", "lower it")
        if self.ended_by is not None and self.ended_by.exists():
            os._exit(9)
        profit = 100 - abs(size - 12) - (0 if flag else 50)
        for part in range(1, PARTS + 1):
            self.worked.append((size, part))
            if watch is not None and part < PARTS:
                watch(part, traded(profit * part / PARTS))
        return traded(profit) if size != 39 else traded()


@dataclass(frozen=True)
class ToySetup:
    ended_by: Path | None = None

    def open(self):
        return ToyBench(self.ended_by)
