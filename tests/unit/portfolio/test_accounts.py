"""Positions and trades as the fills made them, also where a stop was quicker than the rest of its entry."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import OrderFilled, PositionChanged, PositionClosed, PositionOpened
from tradewind.domain.order import Leg, Side
from tradewind.kernel.store.base import execute
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.sqlite import sqlite_engine
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing
from tradewind.kernel.unit import UnitOfWork
from tradewind.portfolio.accounts import Account

D = Decimal
BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")


class Books:
    """An account over its tables. `fill` applies one fill and answers what was published of the position."""

    def __init__(self):
        self.engine = sqlite_engine(None)
        METADATA.create_all(self.engine)
        self.number = 0
        self.account = None
        self.load()

    def load(self):
        """As after a restart."""
        context = SimpleNamespace(
            bot=BOT,
            key=BOT.key,
            tracer=Tracing(None, "0", "default").tracer("portfolio"),
            metrics=Metrics(),
            log=SimpleNamespace(info=lambda *_, **__: None),
        )
        self.account = Account(context)
        with self.engine.connect() as connection:
            self.account.load(connection)

    def fill(self, side, amount, price):
        self.number += 1
        leg = Leg.ENTRY if side is Side.BUY else Leg.STOP
        unit = UnitOfWork()
        message = OrderFilled(
            id=f"fill:{self.number}", time=self.number, trade_id=str(self.number), client_order_id=leg.value,
            decision_id="d", pair="BTC/EUR", leg=leg, side=side, amount=D(amount), price=D(price), fee=D("0.1"),
            fee_currency="EUR", maker=False, remaining=D(0), position_id="entry",
            tag="trend" if side is Side.BUY else "stop_loss",
        )  # fmt: skip
        self.account.apply(message, lambda _pair: D("0.001"), unit)
        with self.engine.begin() as connection:
            execute(connection, unit.writes)
        kinds = (PositionOpened, PositionChanged, PositionClosed)
        return [type(one) for one in unit.messages if isinstance(one, kinds)]

    @property
    def trades(self):
        return [(trade.amount, trade.profit, trade.close_time) for trade in self.account.trades]


@pytest.mark.parametrize("restarts", [False, True])
def test_an_entry_that_goes_on_filling_after_its_stop_has_sold_is_one_position_and_one_trade(restarts):
    """Its rest is held, and shown; a portfolio that takes it for a second position can store neither."""
    books = Books()
    assert books.fill(Side.BUY, "1", "100") == [PositionOpened]
    assert books.fill(Side.SELL, "1", "95") == [PositionClosed]
    assert books.trades == [(D(1), D("-5.2"), 2)]
    if restarts:
        books.load()
    assert books.fill(Side.BUY, "2", "96") == [PositionOpened]
    if restarts:
        books.load()
    held = books.account.open["entry"]
    assert (held.amount, books.trades) == (D(2), [])
    assert books.fill(Side.SELL, "2", "98") == [PositionClosed]
    if restarts:
        books.load()
    assert (books.account.open, books.trades) == ({}, [(D(3), D("-1.4"), 4)])
    change = books.account.balances["EUR"] - BOT.spec.capital.starting_balance
    assert change == sum(profit for _, profit, _ in books.trades)
