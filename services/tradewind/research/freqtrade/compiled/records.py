"""What the compiled loop reads and writes: arrays of candles, and records with the field names of the rules.

numba counts a reference to each array in a tuple that is passed on, so they come in small tuples.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.freqtrade.stop import StopRules
from tradewind.domain.freqtrade.wallet import StakeRules
from tradewind.domain.series import Floats, Integers

Booleans = NDArray[np.bool_]

SIGNAL, STOP, ROI, TRAILING, FORCED = range(1, 6)
"""Kinds of exits."""

NOTHING = -1.0
"""The price of no order."""

MARKET = np.dtype(
    [(name, "f8") for name in ("amount_step", "price_tick", "amount_min", "amount_max", "cost_min", "cost_max")]
)
"""A `Market`, with 0 for what it has not."""

TICK = np.dtype([("time", "i8"), ("tick", "f8")])
"""From when on a pair has which tick."""

TRADE = np.dtype(
    [
        *((name, "i8") for name in ("pair", "entered_at", "left_at", "placed_at", "placed_kind", "asked_at", "kind")),
        *((name, "f8") for name in ("amount", "price", "open_rate", "open_trade_value", "paid", "stake_amount")),
        *((name, "f8") for name in ("fee_open", "fee_close", "tick", "earned_per_price", "min_rate", "max_rate")),
        *((name, "f8") for name in ("stop_loss", "initial_stop_loss", "stop_loss_pct", "waiting", "close_rate")),
        *((name, "i8") for name in ("opened", "timedout")),
        ("is_stop_loss_trailing", "?"),
    ]
)
"""A trade. `*_at` are places in the times; `kind` and `asked_at` are of the exit asked for last, `placed_*` of the
order, which may be older.

`waiting` is the price of an exit order that has not filled, or `NOTHING`; `paid` is what profit is booked against.
"""


class Candles(NamedTuple):
    """Candles and signals by pair and time; a pair has rows from `first` to before `last`.

    `leave` is to leave and not to enter.
    """

    times: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    enter: Booleans
    leave: Booleans
    first: Integers
    last: Integers


class Markets(NamedTuple):
    """Filters by pair; its ticks begin at its `tick_starts`."""

    filters: Any
    ticks: Any
    tick_starts: Integers


class Roi(NamedTuple):
    """The table `minimal_roi`, ascending."""

    minutes: Integers
    ratios: Floats


class Rules(NamedTuple):
    """The settings, as numbers. `exit_timeout` in milliseconds, infinite for never."""

    stop: StopRules
    stakes: StakeRules
    fee: float
    timeframe_minutes: int
    exit_timeout: float
    use_exit_signal: bool
    exit_profit_only: bool
    exit_profit_offset: float
    ignore_roi_if_entry_signal: bool


STATE = np.dtype(
    [
        *((name, "i8") for name in ("holds", "closed", "rejected_signals", "timedout_exit_orders")),
        *((name, "i8") for name in ("unfit_pair", "unfit_at")),
        *((name, "f8") for name in ("profit", "tied", "free")),
    ]
)
"""Where a run stands. `unfit_*` is the place of an entry that would wait; the pair is -1 while there is none."""


class Desk(NamedTuple):
    """What a run writes. `closed` in the order of closing, `balances` by time.

    `trades` and `coming` are by pair: its trade, and where it leaves or next wants to enter. The first `holds` of
    `held` are the pairs that hold something, in the order of opening. `state` is one record.
    """

    trades: Any
    closed: Any
    balances: Floats
    held: Integers
    coming: Integers
    state: Any
