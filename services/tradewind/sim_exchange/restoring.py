"""The exchange as its tables say it was: what a start, and a transaction that failed, begin from."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradewind.domain.account_order import OPENING, PATH, PairClock
from tradewind.domain.money import ZERO
from tradewind.sim_exchange.bookkeeping import Bookkeeping
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.models import OPEN, Status
from tradewind.sim_exchange.persistence import Ledger
from tradewind.sim_exchange.records import Records
from tradewind.sim_exchange.rows import account_order_of, list_of, order_of, trade_of


def restore(ledger: Ledger, books: Bookkeeping, market: Market, balances: Mapping[str, Decimal], start: int) -> None:
    """Stand where the ledger says; a fresh account has `balances` and the time `start`."""
    books.records = records = Records(market.instruments)
    rows = ledger.rows
    by_arrival = sorted(rows["orders"], key=lambda row: (row["sequence"], row["order_id"]))
    for row in by_arrival:
        records.keep_order(order_of(row))
    for row in rows["trades"]:
        records.keep_trade(trade_of(row))
    for row in rows["order_lists"]:
        numbers = row["first_order_id"], row["second_order_id"]
        first, second = (records.at(row["symbol"], number).client_order_id for number in numbers)
        records.keep_list(list_of(row, (first, second)))
    head = ledger.account or {"time": start, "execution_id": 0, "update_time": start}
    books.restore(head["time"], head["execution_id"], head["update_time"])
    pairs = {symbol: instrument.pair for symbol, instrument in market.instruments.items()}
    stored = {row["currency"]: row["total"] for row in rows["balances"]}
    books.account.restore(
        stored if ledger.account else balances,
        [account_order_of(row, pairs[row["symbol"]]) for row in by_arrival if Status(row["status"]) in OPEN],
        _clocks(ledger, books, market),
        max((row["sequence"] for row in by_arrival), default=0),
    )
    if ledger.account is None:
        books.note_balances()  # with the first change, so that what it started with is on record
    for symbol, pair in pairs.items():
        books.account.see(pair, market.last_price(symbol, books.time))


def _clocks(ledger: Ledger, books: Bookkeeping, market: Market) -> dict[str, PairClock]:
    """Where each pair's candle stands, and what has been taken of its volume."""
    taken = {row["symbol"]: row for row in ledger.rows["markets"]}
    clocks = {}
    for symbol, instrument in market.instruments.items():
        clock = clocks[instrument.pair] = PairClock(trades=books.records.next_trade_id(symbol) - 1)
        present = market.present(symbol, books.time)
        if present is not None:
            clock.time = present.candle.open_time
            clock.phase = PATH if present.elapsed == market.duration else OPENING
            row = taken.get(symbol)
            clock.consumed = row["consumed"] if row and row["candle_time"] == clock.time else ZERO
    return clocks
