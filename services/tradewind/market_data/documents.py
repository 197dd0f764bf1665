"""What market-data's routes answer: the documents, field by field."""

from __future__ import annotations

from typing import Literal

from tradewind.domain.candle_checks import Reason
from tradewind.kernel.http.wire import Answer, Exact, MarketTime


class CandleItem(Answer):
    """One closed candle, known by its open time; volume is in the base currency."""

    open_time: MarketTime
    open: Exact
    high: Exact
    low: Exact
    close: Exact
    volume: Exact


class Candles(Answer):
    """Closed candles in ascending order; a gap in the data is a gap here."""

    pair: str
    timeframe: str
    candles: list[CandleItem]


class ExchangeItem(Answer):
    """An exchange of the bot. `time` is the present of its feed.

    The state of a recording is Playing or Ended; that of an exchange is how its candles come, for the worst pair.
    """

    id: str
    venue: str
    market: str
    source: str
    state: Literal["Playing", "Ended", "Starting", "Connected", "Disconnected", "Silent"]
    time: MarketTime | None
    pairs: list[str]


class ExchangeList(Answer):
    """Every exchange of the bot."""

    exchanges: list[ExchangeItem]


class Ticker(Answer):
    """The last price, and the 24 hours before it; a recording of candles has no bid and no ask."""

    pair: str
    time: MarketTime
    last: Exact
    bid: Exact | None
    ask: Exact | None
    open: Exact
    high: Exact
    low: Exact
    base_volume: Exact
    change: Exact
    change_ratio: float


class LevelItem(Answer):
    """All orders at one price."""

    price: Exact
    amount: Exact


class OrderBook(Answer):
    """The best levels of an order book, the best first on both sides."""

    pair: str
    bids: list[LevelItem]
    asks: list[LevelItem]


class PublicTradeItem(Answer):
    """A trade of anybody; the side is the taker's, null where the exchange does not tell."""

    trade_id: str
    time: MarketTime
    side: Literal["buy", "sell"] | None
    price: Exact
    amount: Exact


class PublicTrades(Answer):
    """The latest trades of anybody, the oldest first."""

    pair: str
    trades: list[PublicTradeItem]


class MarketItem(Answer):
    """What the venue trades, and the filters an order must pass. Prices in quote, amounts in base."""

    pair: str
    base: str
    quote: str
    price_tick: Exact
    amount_step: Exact
    minimum_amount: Exact
    minimum_notional: Exact


class MarketList(Answer):
    """The pairs of the bot, in the order in which they are decided."""

    markets: list[MarketItem]


class QuarantinedItem(Answer):
    """A row of the data that was taken out; `row` counts from 0."""

    pair: str
    row: int
    open_time: MarketTime | None
    reason: Reason
    detail: str


class Quarantine(Answer):
    """Rows that were taken out of the data, in the whole recording."""

    count: int
    rows: list[QuarantinedItem]


class GapItem(Answer):
    """Candles missing between the ones opened at `after` and `before`."""

    pair: str
    after: MarketTime
    before: MarketTime
    missing: int


class Gaps(Answer):
    """Holes in the data, in the whole recording."""

    count: int
    missing: int
    gaps: list[GapItem]
