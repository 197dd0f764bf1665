"""The simulated exchange: one market and one account, in simulated time, without a wire.

It answers as Binance's spot API does and matches with the same kernel and the same account as the paper venue, so
both give the same trades. Its time moves only by `move_clock`. Every change is in the store before it is answered or
told; when the store fails, the memory is made anew from it and the caller hears that the outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from tradewind.domain.account_order import AccountRules
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.simulated_account import SimulatedAccount
from tradewind.sim_exchange.bookkeeping import Bookkeeping
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.market_events import Touched
from tradewind.sim_exchange.models import (
    Canceled,
    CancelReplace,
    ClockAnswer,
    Filters,
    MarketEvent,
    NewOrder,
    NewOrderList,
    PlacedList,
    PlacedOrder,
    Replaced,
    UserEvent,
)
from tradewind.sim_exchange.persistence import Journal, Persistence
from tradewind.sim_exchange.queries import Queries
from tradewind.sim_exchange.records import Records
from tradewind.sim_exchange.restoring import restore
from tradewind.sim_exchange.trading import TradingFloor


class SimulatedExchange(Queries):
    """One account at a venue whose prices are recorded candles.

    Symbols are base and quote without a slash. Every method that is asked for what it does not know raises
    `RefusalError` with Binance's code; a coroutine has changed the store, and told the listeners, when it returns.
    """

    def __init__(
        self,
        *,
        instruments: Mapping[str, Instrument],
        series: Mapping[str, CandleSeries],
        balances: Mapping[str, Decimal],
        rules: AccountRules,
        start_time: int,
        persistence: Persistence,
        seed: int = 0,
        faults: FaultTable | None = None,
    ) -> None:
        """`instruments` and `series` by pair, of one timeframe; `start_time` is the clock of a fresh account.

        Raises `ConfigError` for a pair without candles, different timeframes, and two pairs with one symbol.
        """
        self._start_time, self._start_balances = start_time, dict(balances)
        self._persistence = persistence
        market = Market(instruments, series, seed)
        account = SimulatedAccount(rules, balances)
        account.instruments = dict(instruments)
        super().__init__(market, Bookkeeping(account, Records(market.instruments)), seed)
        self._floor = TradingFloor(market, self._books, faults or FaultTable(), seed)
        self._journal = Journal(persistence, self._tell, self.load)
        self._listeners: dict[int, Callable[[UserEvent], None]] = {}
        self._number = 0

    async def load(self) -> None:
        """Stand where the store says; must be awaited once before anything else."""
        ledger = await self._persistence.load()
        restore(ledger, self._books, self._market, self._start_balances, self._start_time)

    async def settled(self) -> None:
        """Return when everything that the queries show is durable; await it before them.

        The queries do not wait, so that several of them show one moment. Raises the refusal with status 503 where
        the store cannot be read.
        """
        await self._journal.settled()

    # ------------------------------------------------------------------------------------------------------- the clock

    @property
    def events(self) -> int:
        """Execution reports so far: the execution id of the last."""
        return self._books.execution_id

    @property
    def end_time(self) -> int:
        """Where the candles end, and the clock with them."""
        return self._market.end_time

    @property
    def timeframe(self) -> str:
        """The base timeframe: the shortest interval there is."""
        return self._market.timeframe

    @property
    def symbols(self) -> Mapping[str, Filters]:
        """What is traded, by symbol, in the order of the pairs given."""
        return self._floor.filters

    async def move_clock(self, to: int, *, pause_on_open: bool = False) -> ClockAnswer:
        """Let time pass until `to` (or the end of the candles); a time that has passed does nothing.

        With a time after the end the market closes: market orders trade at the last close, the rest stays open.

        With `pause_on_open` the clock stops one millisecond after an opening that gave user events, so that
        protective legs can be placed before the candle's path is walked; call again to go on.
        """
        await self._journal.ready()
        start, end = self.time, min(to, self.end_time)
        paused = False
        if end > start:
            paused = self._floor.move(end, pause_on_open=pause_on_open)
        closing = to > self.end_time and not paused
        if closing:
            self._floor.close()
        answer = ClockAnswer(time=self.time, events=self.events, paused=paused, ended=self.time >= self.end_time)
        if end > start or closing:
            await self._commit(start, tuple(self.symbols))
        else:
            await self._journal.settled()
        return answer

    # ---------------------------------------------------------------------------------------------------------- orders

    async def place(self, request: NewOrder) -> PlacedOrder:
        """A new order. Inside a candle it acts at once at the last price, between candles at the next open."""
        await self._journal.ready()
        placed = self._floor.place(request)
        await self._commit(self.time, (request.symbol,))
        return placed

    def test(self, request: NewOrder) -> None:
        """Refuse what `place` would refuse, and change nothing."""
        self._floor.test(request)

    async def place_list(self, request: NewOrderList) -> PlacedList:
        """A new OCO list, whole or not at all."""
        await self._journal.ready()
        placed = self._floor.place_list(request)
        await self._commit(self.time, (request.symbol,))
        return placed

    async def cancel(
        self,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        new_client_order_id: str | None = None,
    ) -> Canceled:
        """Cancel an open order by either id; a leg cancels its list. `new_client_order_id` names the cancel."""
        await self._journal.ready()
        order = self._books.records.find(symbol, order_id, client_order_id)
        canceled = self._floor.cancel(order, new_client_order_id)
        await self._commit(self.time, (symbol,))
        return canceled

    async def cancel_list(
        self,
        symbol: str,
        *,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
        new_client_order_id: str | None = None,
    ) -> Canceled:
        """Cancel an open order list by either id."""
        await self._journal.ready()
        records = self._books.records
        found = records.find_list(order_list_id, list_client_order_id)
        leg = records.at(symbol, found.orders[0][0]) if found and found.symbol == records.symbol(symbol) else None
        canceled = self._floor.cancel(leg, new_client_order_id)
        await self._commit(self.time, (symbol,))
        return canceled

    async def cancel_all(self, symbol: str) -> tuple[Canceled, ...]:
        """Cancel everything open of a symbol; refused when nothing is."""
        await self._journal.ready()
        canceled = self._floor.cancel_all(symbol)
        await self._commit(self.time, (symbol,))
        return canceled

    async def cancel_replace(self, request: CancelReplace) -> Replaced:
        """Cancel one order and place another; refusals of either part are in the answer, not raised."""
        await self._journal.ready()
        replaced = self._floor.cancel_replace(request)
        await self._commit(self.time, (request.order.symbol,))
        return replaced

    # ------------------------------------------------------------------------------------------------------- listeners

    def on_user_event(self, callback: Callable[[UserEvent], None]) -> Callable[[], None]:
        """Call `callback` with each event of the account, in order, once it is durable; the answer ends that."""
        self._number += 1
        number = self._number
        self._listeners[number] = callback
        return lambda: self._listeners.pop(number, None) and None

    def on_market_event(
        self, callback: Callable[[MarketEvent], None], wanted: Callable[[str, str], bool]
    ) -> Callable[[], None]:
        """Call `callback` with market events; the answer ends that.

        `wanted(symbol, stream)` is asked before an event is made, with stream one of `trade`, `depth`, `ticker`,
        `bookTicker` and `kline_INTERVAL`; aggregate trades are told as `trade`.
        """
        return self._market_events.listen(callback, wanted)

    # ------------------------------------------------------------------------------------------------------- internals

    async def _commit(self, start: int, symbols: tuple[str, ...]) -> None:
        change = self._books.take_change()
        if change.rows:
            change.told.append(Touched(start, self.time, symbols))
        await self._journal.commit(change)

    def _tell(self, told: Iterable[UserEvent | Touched]) -> None:
        for one in told:
            if isinstance(one, Touched):
                self._market_events.tell(one)
            else:
                for listener in list(self._listeners.values()):
                    listener(one)
