"""Every message on the bus.

A message is a frozen struct, named `<Noun><PastTense>` (an event) or `<Verb><Noun>` (a command). Its `id` is its
natural key: the same fact always has the same id, so a message seen twice is recognised without help. `time` is
market time (the open time of the candle it belongs to, milliseconds UTC), `occurred_at` the wall clock.

Messages with `stored = True` go through the outbox in the transaction that made them true; the others are views of
a moment, made again when they are needed again. The JSON schema of each is a golden file
(`tests/contract/messages.json`): a change may only add optional fields.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from tradewind.domain.candle import Candle
from tradewind.domain.order import Leg, OrderState, OrderType, Side, TimeInForce


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The envelope. `bot`, `occurred_at`, `traceparent` and `sequence` are stamped by the kernel at publication.

    `sequence` counts the stored messages of one publishing service on one topic, from 1 without holes, so that a
    consumer can tell by a number that it has seen everything up to a moment.
    """

    topic: ClassVar[str] = ""
    stored: ClassVar[bool] = False

    id: str
    time: int
    bot: str = ""
    occurred_at: float = 0.0
    traceparent: str | None = None
    sequence: int = 0
    schema_version: int = 1


# ---------------------------------------------------------------------------------------------------- market.candles


class CandleClosed(Message, frozen=True, kw_only=True):
    """A candle is complete. `time` is the tick (the base candle's open time); `tick_size` candles make the tick.

    `venue_events` is how many events of the account a venue, whose clock this feed moves, had told by then. `missed` is
    whether the market has gone on since: the candle is told late, of an exchange that was away or by a bot that was.
    """

    topic: ClassVar[str] = "market.candles"

    pair: str
    timeframe: str
    candle: Candle
    tick_size: int
    venue_events: int = 0
    missed: bool = False


class VenueOpened(Message, frozen=True, kw_only=True):
    """A simulated venue stands just after the opening of the candles of tick `time`, which gave the account events.

    It waits there until they are dealt with: `venue_events` of them in all.
    """

    topic: ClassVar[str] = "market.candles"

    venue_events: int


class FeedStateChanged(Message, frozen=True, kw_only=True):
    """The feed of this bot changed: `Ended` means that the recorded data is used up and every tick is settled.

    Of an exchange, how the candles of one `pair` come, and for people why. They never end: a feed that fails for good
    fails its service.
    """

    topic: ClassVar[str] = "market.candles"

    state: Literal["Started", "Ended", "Silent", "Starting", "Connected", "Disconnected", "Resynced"]
    pair: str = ""
    reason: str = ""


# ------------------------------------------------------------------------------------------------------- evaluations


class StrategyEvaluated(Message, frozen=True, kw_only=True):
    """A strategy's stance on a pair after a closed candle of one timeframe; holds until the next one.

    `candle_time` is the open time of the candle evaluated; `since` the open time of the candle at which this stance
    began. `confidence` is 0 to 1. `reasons` are short facts (`fast 101.2 above slow 99.8`).
    """

    topic: ClassVar[str] = "evaluations"

    strategy: str
    pair: str
    timeframe: str
    candle_time: int
    stance: Literal["Long", "Short", "Flat"]
    confidence: float
    since: int
    reasons: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------------- decisions


class GateVerdict(msgspec.Struct, frozen=True):
    """One gate's answer: `value` against `limit`, as text, and whether it lets the entry pass."""

    gate: str
    verdict: Literal["GO", "NO-GO", "NotApplicable"]
    value: str
    limit: str


class DecisionMade(Message, frozen=True, kw_only=True):
    """The engine decided: an entry (GO or NO-GO, with every gate) or an exit (always GO)."""

    topic: ClassVar[str] = "decisions"
    stored: ClassVar[bool] = True

    pair: str
    action: Literal["Enter", "Exit"]
    verdict: Literal["GO", "NO-GO"]
    reason: str
    score: float = 0.0
    gates: tuple[GateVerdict, ...] = ()
    amount: Decimal | None = None
    expires_at: int | None = None


# ---------------------------------------------------------------------------------------------------- orders.commands


class Bracket(msgspec.Struct, frozen=True):
    """Protective legs that execution places on the first fill of an entry; ratios of the average fill price."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class PlaceOrder(Message, frozen=True, kw_only=True):
    """Send one order. An `exit` leg first cancels the protective legs of `position_id`, then sells what is left.

    A position is known by the client order id of the entry that opened it.
    """

    topic: ClassVar[str] = "orders.commands"
    stored: ClassVar[bool] = True

    decision_id: str
    leg: Leg
    client_order_id: str
    pair: str
    side: Side
    type: OrderType
    amount: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    bracket: Bracket | None = None
    position_id: str = ""
    tag: str = ""
    expires_at: int | None = None


class CancelOrder(Message, frozen=True, kw_only=True):
    """Cancel one order, whatever is left of it."""

    topic: ClassVar[str] = "orders.commands"
    stored: ClassVar[bool] = True

    client_order_id: str
    pair: str


class AmendOrder(Message, frozen=True, kw_only=True):
    """Move the stop price of a resting stop; the amendment acts from the next candle on."""

    topic: ClassVar[str] = "orders.commands"
    stored: ClassVar[bool] = True

    decision_id: str
    client_order_id: str
    pair: str
    stop_price: Decimal


class ProtectPosition(Message, frozen=True, kw_only=True):
    """Place the protective legs of a position again, at the levels they had; where they rest nothing happens."""

    topic: ClassVar[str] = "orders.commands"
    stored: ClassVar[bool] = True

    position_id: str
    pair: str


# ------------------------------------------------------------------------------------------------------ orders.events


class OrderStateChanged(Message, frozen=True, kw_only=True):
    """An order reached a state that others may act on (Accepted and later; Intended and Submitted stay inside)."""

    topic: ClassVar[str] = "orders.events"
    stored: ClassVar[bool] = True

    client_order_id: str
    decision_id: str
    pair: str
    leg: Leg
    side: Side
    state: OrderState
    amount: Decimal
    filled: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    position_id: str = ""
    reason: str = ""


class OrderFilled(Message, frozen=True, kw_only=True):
    """One fill, from the venue's own trades. `remaining` is what the order still waits for."""

    topic: ClassVar[str] = "orders.events"
    stored: ClassVar[bool] = True

    trade_id: str
    client_order_id: str
    decision_id: str
    pair: str
    leg: Leg
    side: Side
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    remaining: Decimal
    position_id: str = ""
    tag: str = ""


class BalancesReported(Message, frozen=True, kw_only=True):
    """What the venue says is in the account: free plus in orders, by currency."""

    topic: ClassVar[str] = "orders.events"
    stored: ClassVar[bool] = True

    balances: dict[str, Decimal]


# --------------------------------------------------------------------------------------------------- portfolio.events


class PositionOpened(Message, frozen=True, kw_only=True):
    """The first fill of an entry made a position."""

    topic: ClassVar[str] = "portfolio.events"
    stored: ClassVar[bool] = True

    position_id: str
    pair: str
    amount: Decimal
    average_price: Decimal
    fees: Decimal
    entry_tag: str = ""


class PositionChanged(Message, frozen=True, kw_only=True):
    """A further fill grew or shrank a position."""

    topic: ClassVar[str] = "portfolio.events"
    stored: ClassVar[bool] = True

    position_id: str
    pair: str
    amount: Decimal
    average_price: Decimal
    fees: Decimal


class PositionClosed(Message, frozen=True, kw_only=True):
    """A position is gone; this is the trade. Rates are averages, `fees` in quote, `profit` net of fees."""

    topic: ClassVar[str] = "portfolio.events"
    stored: ClassVar[bool] = True

    position_id: str
    pair: str
    open_time: int
    open_rate: Decimal
    close_rate: Decimal
    amount: Decimal
    fees: Decimal
    profit: Decimal
    profit_ratio: Decimal
    exit_reason: str
    entry_tag: str = ""


class BalanceChanged(Message, frozen=True, kw_only=True):
    """The total of one currency after a fill."""

    topic: ClassVar[str] = "portfolio.events"
    stored: ClassVar[bool] = True

    currency: str
    total: Decimal


class PortfolioMarked(Message, frozen=True, kw_only=True):
    """The account at the closes of a tick, once every order event up to `orders_sequence` was applied.

    Money in the bot's currency. `final` marks the tick after the forced exits at the end of recorded data.
    """

    topic: ClassVar[str] = "portfolio.events"

    orders_sequence: int
    equity: Decimal
    equity_peak: Decimal
    day_start_equity: Decimal
    balance_drift: Decimal = Decimal(0)
    final: bool = False


# ------------------------------------------------------------------------------------------------------------- cycles


class OpeningSettled(Message, frozen=True, kw_only=True):
    """Execution has dealt with the opening of a tick at a simulated venue: its candles may be walked."""

    topic: ClassVar[str] = "cycles"


class TickMatched(Message, frozen=True, kw_only=True):
    """The venue has walked the candles of a tick; its events are those up to `orders_sequence`."""

    topic: ClassVar[str] = "cycles"

    orders_sequence: int
    final: bool = False


class TickDecided(Message, frozen=True, kw_only=True):
    """The engine has decided a tick; its commands are those up to `commands_sequence`."""

    topic: ClassVar[str] = "cycles"

    commands_sequence: int
    final: bool = False


class TickSettled(Message, frozen=True, kw_only=True):
    """Execution has carried out every command of the tick as far as it can: the next tick may go out."""

    topic: ClassVar[str] = "cycles"


class CycleCompleted(Message, frozen=True, kw_only=True):
    """One trading cycle, for people: counts and seconds. `occurred_at` is its end."""

    topic: ClassVar[str] = "cycles"

    cycle_id: str
    symbols_processed: int
    signals: int
    decisions: int
    orders: int
    seconds: float


# ------------------------------------------------------------------------------------------------------------ control


class TradingStateChanged(Message, frozen=True, kw_only=True):
    """Trading was started, paused, stopped, or stopped by emergency; with who asked and why."""

    topic: ClassVar[str] = "control"
    stored: ClassVar[bool] = True

    state: Literal["Running", "Paused", "Stopped", "EmergencyStopped"]
    reason: str
    actor: str


# ------------------------------------------------------------------------------------------------------------- health


class ServiceStateChanged(Message, frozen=True, kw_only=True):
    """A service moved through its lifecycle."""

    topic: ClassVar[str] = "health"

    service: str
    state: str
    reason: str = ""


def _concrete(root: type[Message]) -> dict[str, type[Message]]:
    return {kind.__name__: kind for kind in root.__subclasses__()}


MESSAGES: dict[str, type[Message]] = _concrete(Message)
"""Every message by name, as it stands in the outbox and on a stream."""

_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
    name: msgspec.msgpack.Decoder(kind) for name, kind in MESSAGES.items()
}


def encode(message: Message) -> bytes:
    """MessagePack; decimals as strings."""
    return _encoder.encode(message)


def decode(name: str, payload: bytes) -> Message:
    """The message of kind `name`; raises `msgspec.ValidationError` on anything else."""
    message: Message = _decoders[name].decode(payload)
    return message
