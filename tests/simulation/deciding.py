"""Who decides in the simulation: in the engine's place, by a script that is drawn, through the engine's own door.

It publishes real commands through the kernel's unit of work, so that they stand in the outbox, and answers marks with
`TickDecided` as the engine does. What it knows of orders and positions it knows by messages and questions alone, and
so it is often behind, as the engine may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.exchange import INSTRUMENTS, PRICES

from tradewind import catalog
from tradewind.contracts.messages import (
    MESSAGES,
    AmendOrder,
    Bracket,
    CancelOrder,
    CandleClosed,
    Message,
    OrderStateChanged,
    PlaceOrder,
    PortfolioMarked,
    ProtectPosition,
    TickDecided,
)
from tradewind.domain.errors import TradewindError
from tradewind.domain.money import decimal_of
from tradewind.domain.order import TERMINAL, Leg, OrderType, Side, TimeInForce, client_order_id
from tradewind.kernel.service import Context, Service
from tradewind.kernel.unit import UnitOfWork

MINUTE = 60_000
_ACTIONS = {"enter": 10, "exit": 4, "cancel": 3, "amend": 3, "protect": 1}


@dataclass(frozen=True, slots=True)
class Step:
    """One decision of the script: at `time` (seconds), with a generator of its own for what it needs to draw."""

    number: int
    time: float
    action: str
    random: Random


def script(random: Random, seconds: float) -> list[Step]:
    """Some decisions within so many seconds; the first ones are entries."""
    times = sorted(random.uniform(2.0, seconds) for _ in range(random.randint(4, 12)))
    kinds, weights = list(_ACTIONS), list(_ACTIONS.values())
    actions = ["enter", *random.choices(kinds, weights, k=len(times) - 1)]
    return [
        Step(number, time, action, Random(random.getrandbits(32)))
        for number, (time, action) in enumerate(zip(times, actions, strict=True))
    ]


class Decider:
    """The engine's place in one process. `left` is the script, shared by every life of it."""

    def __init__(
        self, context: Context, left: list[Step], now: Callable[[], float], positions: Callable[[], Awaitable[Any]]
    ) -> None:
        self._context, self._left, self._now, self._positions = context, left, now, positions
        self._orders: dict[str, OrderStateChanged] = {}
        self._closes = {pair: decimal_of(price) for pair, price in PRICES.items()}
        self._tick = 0

    def service(self) -> Service:
        """As the catalog wants it."""
        known = {
            OrderStateChanged: self._on_order,
            CandleClosed: self._on_candle,
            PortfolioMarked: self._on_marked,
        }
        handlers = {MESSAGES[name]: known.get(MESSAGES[name], _ignore) for name in catalog.service("engine").handles}
        return Service(name="engine", handlers=handlers, tasks=(self._decide,))

    async def _on_order(self, message: OrderStateChanged, unit: UnitOfWork) -> None:
        self._orders[message.client_order_id] = message

    async def _on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:
        self._closes[message.pair] = decimal_of(message.candle.close)
        self._tick = message.time

    async def _on_marked(self, message: PortfolioMarked, unit: UnitOfWork) -> None:
        commands = self._context.published("orders.commands")
        unit.publish(TickDecided(id=f"decided:{message.time}", time=message.time, commands_sequence=commands))

    async def _decide(self) -> None:
        while self._left:
            step = self._left[0]
            await asyncio.sleep(max(0.0, step.time - self._now()))
            try:
                # From here on it is decided; what is not committed then is forgotten, as any decision would be.
                self._left.pop(0)
                command = await self._command(step)
                if command is not None:
                    async with self._context.unit() as unit:
                        unit.publish(command)
            except TradewindError as error:
                self._context.log.warning("not decided", error=str(error))

    # ------------------------------------------------------------------------------------------------------- commands

    async def _command(self, step: Step) -> Message | None:
        match step.action:
            case "enter":
                return self._entry(step)
            case "exit":
                return await self._exit(step)
            case "protect":
                return await self._protection(step)
            case "cancel":
                return self._cancel(step)
            case _:
                return self._amendment(step)

    def _entry(self, step: Step) -> PlaceOrder:
        draw, decision = step.random, f"decision-{step.number}"
        pair = draw.choice(list(PRICES))
        instrument, close = INSTRUMENTS[pair], self._closes[pair]
        kind = draw.choice([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT])
        limit = instrument.price(close * decimal_of(draw.uniform(0.995, 1.002))) if kind is OrderType.LIMIT else None
        name = client_order_id(self._context.key, decision, Leg.ENTRY)
        bracket = Bracket(
            decimal_of(round(draw.uniform(0.002, 0.01), 4)) if draw.random() < 0.9 else None,
            decimal_of(round(draw.uniform(0.002, 0.01), 4)) if draw.random() < 0.7 else None,
        )
        return PlaceOrder(
            id=f"place:{name}",
            time=self._tick,
            decision_id=decision,
            leg=Leg.ENTRY,
            client_order_id=name,
            pair=pair,
            side=Side.BUY,
            type=kind,
            amount=instrument.amount(decimal_of(draw.uniform(200.0, 900.0)) / close),
            price=limit,
            time_in_force=draw.choice([TimeInForce.GTC, TimeInForce.IOC]) if limit else TimeInForce.GTC,
            bracket=bracket if draw.random() < 0.9 else None,
            position_id=name,
            tag="simulated",
            expires_at=self._tick + draw.choice([1, 2, 5]) * MINUTE if draw.random() < 0.6 else None,
        )

    async def _exit(self, step: Step) -> PlaceOrder | None:
        position = await self._a_position(step)
        if position is None:
            return None
        decision = f"decision-{step.number}"
        name = client_order_id(self._context.key, decision, Leg.EXIT)
        return PlaceOrder(
            id=f"place:{name}",
            time=self._tick,
            decision_id=decision,
            leg=Leg.EXIT,
            client_order_id=name,
            pair=position.pair,
            side=Side.SELL,
            type=OrderType.MARKET,
            amount=position.amount,
            reduce_only=True,
            position_id=position.position_id,
            tag="exit_signal",
        )

    async def _protection(self, step: Step) -> ProtectPosition | None:
        position = await self._a_position(step)
        if position is None:
            return None
        name = f"protect:{step.number}:{position.position_id}"
        return ProtectPosition(id=name, time=self._tick, position_id=position.position_id, pair=position.pair)

    def _cancel(self, step: Step) -> CancelOrder | None:
        resting = [order for order in self._orders.values() if order.state not in TERMINAL]
        if not resting:
            return None
        order = step.random.choice(resting)
        return CancelOrder(
            id=f"cancel:{step.number}", time=self._tick, client_order_id=order.client_order_id, pair=order.pair
        )

    def _amendment(self, step: Step) -> AmendOrder | None:
        stops = [one for one in self._orders.values() if one.leg is Leg.STOP and one.state not in TERMINAL]
        if not stops:
            return None
        order = step.random.choice(stops)
        price = INSTRUMENTS[order.pair].price(self._closes[order.pair] * decimal_of(step.random.uniform(0.985, 0.9995)))
        return AmendOrder(
            id=f"amend:{step.number}",
            time=self._tick,
            decision_id=order.decision_id,
            client_order_id=order.client_order_id,
            pair=order.pair,
            stop_price=price,
        )

    async def _a_position(self, step: Step) -> Any:
        held = (await self._positions())["positions"]
        return step.random.choice(held) if held else None


async def _ignore(message: Message, unit: UnitOfWork) -> None:
    """What is not needed to decide by script."""
