"""The account's trades by REST, each with the client order id of its order: the truth about fills.

Reading begins where everything is known to be stored, and only the caller moves that mark (`stored`): a stream that
delivered trade 6 proves nothing about trade 5. Where a venue numbers trades per pair the mark is a number; elsewhere
it is a time, read again with an overlap, because trades of one moment may become visible one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tradewind.domain.order import Fill
from tradewind.execution.adapters.ccxt.calls import VenueCalls
from tradewind.execution.adapters.ccxt.dialects import Dialect
from tradewind.execution.adapters.ccxt.reading import UnreadableAnswerError, external_id, fill_from
from tradewind.execution.venues import VenueRow

PAGE = 1000
"""Trades asked for at once; the most that Binance gives."""

OVERLAP = 60_000
"""Milliseconds before the mark that are read again where the mark is a time."""

PAGES = 1000
"""More pages than this are a venue that repeats itself."""


class AccountTrades:
    """The trades of `pairs`.

    `since` is the market time, in milliseconds, from which trades matter; None: the latest page of each pair, as far
    back as the venue cares to tell.
    """

    def __init__(
        self,
        client: Any,
        calls: VenueCalls,
        dialect: Dialect,
        *,
        row: VenueRow,
        pairs: Sequence[str],
        since: int | None = None,
    ) -> None:
        self._client, self._calls, self._dialect, self._row = client, calls, dialect, row
        self._pairs = tuple(pairs)
        self._since = since
        self._marks: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._names: dict[tuple[str, str], str] = {}

    def learn(self, pair: str, venue_id: object, client_order_id: str) -> None:
        """Remember whose order the venue's own id is, to save the question. Venues may number orders per pair."""
        if venue_id:
            self._names[pair, str(venue_id)] = client_order_id

    def begin(self, marks: Mapping[str, int]) -> None:
        """Have everything up to these marks, by pair, be known."""
        self._marks = dict(marks)

    @property
    def reached(self) -> dict[str, int]:
        """The marks as they are once the last `read` is stored."""
        return self._marks | self._read

    def stored(self) -> None:
        """Everything the last `read` answered is stored: the next one begins there."""
        self._marks |= self._read

    async def read(self) -> list[Fill]:
        """Every trade since the mark, oldest first in each pair; raises rather than to leave one out."""
        self._read = {}
        fills: list[Fill] = []
        # What a venue has taken off its list it tells nothing of, and would refuse the question.
        for pair in (pair for pair in self._pairs if pair in self._client.markets):
            trades = await self._trades(pair)
            if not self._row.id_in_trades:
                await self._learn_names(trades, pair)
            fills += [fill_from(trade, self._name_of(trade, pair)) for trade in trades]
        return fills

    # ------------------------------------------------------------------------------------------------------- reading

    async def _trades(self, pair: str) -> list[Mapping[str, Any]]:
        mark = self._marks.get(pair)
        found: dict[str, Mapping[str, Any]] = {}
        for _ in range(PAGES):
            page = await self._page(pair, mark, first=not found)
            fresh = [trade for trade in page if str(trade["id"]) not in found]
            found.update({str(trade["id"]): trade for trade in fresh})
            if not fresh or (self._row.trade_id_paging and len(page) < PAGE):
                break
            mark = max(self._position(trade) for trade in fresh)
        else:
            raise UnreadableAnswerError(f"the trades of {pair} do not end after {PAGES} pages")
        if found:
            self._read[pair] = max(self._position(trade) for trade in found.values())
        return sorted(found.values(), key=lambda trade: (int(trade["timestamp"]), self._position(trade)))

    async def _page(self, pair: str, mark: int | None, *, first: bool) -> list[Mapping[str, Any]]:
        since, params = self._since, dict[str, Any]()
        if mark is not None:
            if self._row.trade_id_paging:
                since, params = None, {"fromId": mark + 1}
            else:
                since = mark - OVERLAP if first else mark
        page: list[Mapping[str, Any]] = await self._calls.run(
            lambda: self._client.fetch_my_trades(pair, since, PAGE if self._row.trade_id_paging else None, params)
        )
        return page

    def _position(self, trade: Mapping[str, Any]) -> int:
        return int(trade["id"]) if self._row.trade_id_paging else int(trade["timestamp"])

    async def _learn_names(self, trades: Sequence[Mapping[str, Any]], pair: str) -> None:
        """Ask whose the orders are that nobody has told of; each answer must name one more."""
        while unknown := self._unknown(trades, pair):
            if not all(unknown):
                raise UnreadableAnswerError(f"a trade of {pair} names no order")
            told = await self._calls.run(partial(self._dialect.by_venue_ids, unknown, pair))
            for order in told:
                self.learn(pair, order.get("id"), self._dialect.name_of(order))
            if self._unknown(trades, pair) == unknown:
                raise UnreadableAnswerError(f"{self._row.title} has trades of orders in {pair} that it does not know")

    def _unknown(self, trades: Sequence[Mapping[str, Any]], pair: str) -> list[str]:
        named = {str(trade.get("order") or "") for trade in trades}
        return sorted(venue_id for venue_id in named if (pair, venue_id) not in self._names)

    def _name_of(self, trade: Mapping[str, Any], pair: str) -> str:
        """The client order id of the trade's order; the venue's id, marked, where nobody gave it one."""
        venue_id = str(trade.get("order") or "")
        if not self._row.id_in_trades:
            return self._names[pair, venue_id]
        told = trade.get("info", {}).get(self._row.lookup_field)
        return str(told) if told else external_id(venue_id)
