"""How an account stands when something is decided: what is held, what is on its way, and what that leaves to spend.

Whoever decides keeps one and changes it as it decides, so that money and slots are given out once. The running bot's
follows messages, a backtest's follows its own account; what both mean by free, tied and exposed is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.decision import HeldPosition
from tradewind.domain.money import ONE, ZERO
from tradewind.domain.order import Leg
from tradewind.domain.risk import RiskView
from tradewind.domain.sizing import Funds


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry or exit on its way; `reserved` is the cash an entry holds.

    `over` marks an entry that has filled and whose position is not heard of yet.
    """

    client_order_id: str
    leg: Leg
    reserved: Decimal = ZERO
    over: bool = False


class Standing:
    """Positions and orders on their way by pair, balances by currency, the latest closes, and the last mark.

    Money in `currency`; `fee` is what an entry is charged, as a ratio.
    """

    def __init__(self) -> None:
        self.currency = ""
        self.fee = ZERO
        self.positions: dict[str, HeldPosition] = {}
        self.pending: dict[str, Pending] = {}
        self.balances: dict[str, Decimal] = {}
        self.closes: dict[str, Decimal] = {}
        self.closed_at: dict[str, int] = {}
        """When a pair's latest position closed, as the open time of the candle."""
        self.unprotected: set[str] = set()
        """Pairs whose position the venue refused to protect."""
        self.equity = self.equity_peak = self.day_start_equity = ZERO
        self.drift = ZERO

    def reserve(self, pair: str, amount: Decimal, price: Decimal | None) -> Decimal:
        """What cash an entry on its way holds: at `price` where it names one, else at the latest close."""
        return amount * (price or self.closes.get(pair, ZERO)) * (ONE + self.fee)

    def reserved(self) -> Decimal:
        """The cash that entries on their way hold."""
        return sum((pending.reserved for pending in self.pending.values()), ZERO)

    def exposure(self) -> Decimal:
        """Positions at their latest closes, and entries on their way."""
        positions = self.positions.items()
        return sum((p.amount * self.closes.get(pair, p.average_price) for pair, p in positions), self.reserved())

    def funds(self) -> Funds:
        """What sizing looks at."""
        reserved = self.reserved()
        return Funds(
            free=max(self.balances.get(self.currency, ZERO) - reserved, ZERO),
            tied=sum((p.amount * p.average_price for p in self.positions.values()), reserved),
            equity=self.equity,
            exposure=self.exposure(),
        )

    def slots(self) -> int:
        """Positions, and entries on their way to be some."""
        return len(self.positions) + sum(1 for pending in self.pending.values() if pending.leg is Leg.ENTRY)

    def risk(self, trading_state: str = "", score: Decimal = ZERO, *, named: bool = True) -> RiskView:
        """What the gates look at, as far as the account says it; the arguments are what it does not."""
        return RiskView(
            trading_state=trading_state,
            score=score,
            open_positions=self.slots(),
            exposure=self.exposure(),
            equity=self.equity,
            equity_peak=self.equity_peak,
            day_start_equity=self.day_start_equity,
            balance_drift=self.drift,
            named=named,
        )

    def busy(self, pair: str, time: int) -> bool:
        """Whether nothing may be decided for `pair` at the candle opened at `time`."""
        return pair in self.pending or self.closed_at.get(pair) == time
