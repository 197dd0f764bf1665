"""What portfolio's routes answer: the documents, field by field."""

from __future__ import annotations

from tradewind.kernel.http.wire import Answer, Exact, MarketTime


class PositionItem(Answer):
    """An open position at the last close. `profit` is what selling there would make, without the fee of selling."""

    position_id: str
    pair: str
    open_time: MarketTime
    amount: Exact
    average_price: Exact
    price: Exact
    value: Exact
    cost: Exact
    fees: Exact
    profit: Exact
    profit_ratio: float
    entry_tag: str


class Positions(Answer):
    """Open positions, in the order in which they were opened."""

    currency: str
    positions: list[PositionItem]


class Summary(Answer):
    """The account at the last tick; money in `currency`, ratios as shares. A day begins at midnight UTC."""

    currency: str
    time: MarketTime | None
    start_balance: Exact
    equity: Exact
    equity_peak: Exact
    drawdown_ratio: float
    day_start_equity: Exact
    day_profit: Exact
    total_profit: Exact
    realised_profit: Exact
    unrealised_profit: Exact
    fees: Exact
    open_positions: int
    trades: int
    wins: int
    losses: int


class TradeItem(Answer):
    """A closed trade; rates are averages, `profit` is net of all fees."""

    pair: str
    open_time: MarketTime
    close_time: MarketTime
    open_rate: Exact
    close_rate: Exact
    amount: Exact
    fees: Exact
    profit: Exact
    profit_ratio: float
    exit_reason: str
    entry_tag: str


class Trades(Answer):
    """Closed trades, newest first; `count` is that of all there are."""

    count: int
    trades: list[TradeItem]


class BalanceItem(Answer):
    """What the account holds of a currency; `value` is null where no price is known."""

    currency: str
    total: Exact
    value: Exact | None


class Balances(Answer):
    """Balances as the fills made them. `drift` is the relative difference to the venue's, by currency."""

    currency: str
    balances: list[BalanceItem]
    drift: dict[str, Exact]


class EquityPoint(Answer):
    """The equity at the close of a tick."""

    time: MarketTime
    equity: Exact


class History(Answer):
    """The equity curve, evenly thinned out to the number of points asked for."""

    currency: str
    ticks: int
    points: list[EquityPoint]


class Exposure(Answer):
    """What is held of one pair, in money and as a share of equity."""

    pair: str
    value: Exact
    ratio: float


class Risk(Answer):
    """What is at risk. Value at risk is the loss of a day that one day in twenty exceeds, as a share of equity."""

    currency: str
    equity: Exact
    exposure: Exact
    exposure_ratio: float
    exposure_by_pair: list[Exposure]
    concentration: float
    drawdown_ratio: float
    max_drawdown: float
    max_drawdown_ratio: float
    level: float
    days: int
    value_at_risk: float | None
    conditional_value_at_risk: float | None
    beta: float | None
