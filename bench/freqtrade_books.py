"""What freqtrade believes of its account, what the venue knows of it, and where the two do not agree.

Beside `freqtrade_on_sim_exchange.py`, so that every check of it can be shown to fail without a run of minutes.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DECIDED, CLOSED = 0.5, 0.1
"""Shares of all candles of all pairs: at least so many decided on, and trades closed. At a speed a bot misses some."""


@dataclass(frozen=True)
class Books:
    """What one side says of the account: orders by pair and id, fees paid and amounts held by currency."""

    orders: dict[tuple[str, str], tuple[str, float, float]]
    """Status, amount filled, and its cost."""
    fees: dict[str, float]
    held: dict[str, float]


def rows(directory: Path, query: str) -> list[tuple[Any, ...]]:
    """The answer of freqtrade's database; nothing where freqtrade has not made it yet."""
    with contextlib.closing(sqlite3.connect(directory / "trades.sqlite")) as database:
        known = {name for (name,) in database.execute("select name from sqlite_master")}
        return database.execute(query).fetchall() if {"trades", "orders"} <= known else []


def beliefs(directory: Path, balance: float) -> Books:
    """What freqtrade has in its database; what is held follows from its orders and fees, and the USDT at the start."""
    orders: dict[tuple[str, str], tuple[str, float, float]] = {}
    fees: Counter[str] = Counter()
    held: Counter[str] = Counter({"USDT": balance})
    columns = "ft_pair, order_id, status, side, filled, cost, ft_fee_base"
    for pair, order_id, state, side, filled, cost, fee in rows(directory, f"select {columns} from orders"):
        base, quote = pair.split("/")
        orders[pair, order_id] = state, filled or 0.0, cost or 0.0
        sign = 1 if side == "buy" else -1
        held[base] += sign * (filled or 0.0)
        held[quote] -= sign * (cost or 0.0)
        fees[base] += fee or 0.0
    for currency, fee in rows(directory, "select fee_close_currency, fee_close_cost from trades where not is_open"):
        fees[currency] += fee
    held.subtract(fees)
    return Books(orders, fees, held)


def differences(bot: Books, venue: Books) -> list[str]:
    """Where the two do not agree. An order that was canceled before anything was filled, freqtrade may forget."""
    nothing = ("not there", 0.0, 0.0)
    found = []
    came_to_something = {key for key, order in venue.orders.items() if order != ("canceled", 0.0, 0.0)}
    for key in sorted(bot.orders.keys() | came_to_something):
        mine, there = bot.orders.get(key, nothing), venue.orders.get(key, nothing)
        if mine[0] != there[0] or not all(_same(*two) for two in zip(mine[1:], there[1:], strict=True)):
            found.append(f"order {key}: bot {mine}, venue {there}")
    for what in ("fees", "held"):
        mine_all, there_all = getattr(bot, what), getattr(venue, what)
        for currency in sorted(mine_all.keys() | there_all.keys()):
            believed, known = mine_all.get(currency, 0.0), there_all.get(currency, 0.0)
            if not _same(believed, known):
                found.append(f"{what} {currency}: bot {believed}, venue {known}")
    return found


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1.0)


def complaints(log: str, venue_log: str, reasons: list[str | None], candles: int) -> list[str]:
    """What should not have happened; `reasons` has the exit reason of each trade, None of those that are open."""
    found = [f"log: {line}" for line in log.splitlines() if re.search(r"ERROR|CRITICAL|Traceback", line)]
    found += [f"venue: {line}" for line in venue_log.splitlines()]
    decided, closed = decisions(log), len(reasons) - reasons.count(None)
    if decided < DECIDED * candles:
        found.append(f"freqtrade decided on {decided} of {candles} candles: choose a lower --speed")
    if closed < CLOSED * candles:
        found.append(f"{closed} trades were opened and closed in {candles} candles")
    if closed < len(reasons):
        found.append(f"{len(reasons) - closed} trades are still open")
    return found


def decisions(log: str) -> int:
    """How many candles of all pairs freqtrade decided on."""
    return len(set(re.findall(r"decides (\S+) (\d+)", log)))
