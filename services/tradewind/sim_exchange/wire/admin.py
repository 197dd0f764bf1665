"""What only a simulation has: moving its clock, asking for faults, and seeing how it stands.

These calls are no part of Binance's API and stand under `/sim`. They want the API key and no signature. A mistake in
them is the user's of this project, so it is told with the field, what is allowed and the fix.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from tradewind.domain.errors import ConfigError
from tradewind.sim_exchange.faults import FAULT, Fault, parse_fault
from tradewind.sim_exchange.models import ClockAnswer, RefusalError
from tradewind.sim_exchange.wire import answers, fields
from tradewind.sim_exchange.wire.call import Desk
from tradewind.sim_exchange.wire.fields import LARGEST_INTEGER, Schema
from tradewind.sim_exchange.wire.hub import Hub
from tradewind.sim_exchange.wire.market_shapes import kline_json
from tradewind.sim_exchange.wire.numbers import written


class Admin:
    """The calls of the simulation; each gets the body of the request."""

    def __init__(self, desk: Desk, hub: Hub) -> None:
        self._desk, self._hub = desk, hub

    async def clock(self, _body: bytes) -> Any:
        """Where the clock stands."""
        exchange = self._desk.exchange
        await exchange.settled()
        return {
            "time": exchange.time,
            "events": exchange.events,
            "paused": False,
            "ended": exchange.time >= exchange.end_time,
        }

    async def move_clock(self, body: bytes) -> Any:
        """Let time pass until `to`; a time that has passed does nothing."""
        document = _document(body)
        to, pause = document.get("to"), document.get("pauseOnOpen", False)
        if not isinstance(to, int) or isinstance(to, bool) or not 0 <= to <= LARGEST_INTEGER:
            raise ConfigError("to", to, "milliseconds UTC as an integer", 'send {"to": 1700000000000}')
        if not isinstance(pause, bool):
            raise ConfigError("pauseOnOpen", pause, "true or false", "leave it out")
        wanted = self._wanted(document.get("klines", []))
        moved = await self._desk.exchange.move_clock(to, pause_on_open=pause)
        told = _clock_json(moved)
        if "klines" in document:
            told["klines"] = [] if moved.paused else [self._closed(*one) for one in wanted]
        return told

    def _wanted(self, asked: Any) -> list[tuple[str, str, int]]:
        """What `klines` names; a mistake in it is told before time passes."""
        if not isinstance(asked, list):
            raise ConfigError("klines", asked, "a list", f"send [{_KLINE_EXAMPLE}]")
        return [self._kline_of(f"klines[{index}]", one) for index, one in enumerate(asked)]

    def _kline_of(self, field: str, asked: Any) -> tuple[str, str, int]:
        exchange = self._desk.exchange
        match asked:
            case [str(symbol), str(interval), int(opened)] if not isinstance(opened, bool):
                for word, allowed in ((symbol, exchange.symbols), (interval, exchange.intervals)):
                    if word not in allowed:
                        raise ConfigError(field, word, f"one of {', '.join(allowed)}", f"send {_KLINE_EXAMPLE}")
                if 0 <= opened <= LARGEST_INTEGER:
                    return symbol, interval, opened
        raise ConfigError(field, asked, "symbol, interval and open time in milliseconds UTC", f"send {_KLINE_EXAMPLE}")

    def _closed(self, symbol: str, interval: str, opened: int) -> Any:
        exchange = self._desk.exchange
        found = exchange.klines(symbol, interval, start_time=opened, end_time=opened, limit=1)
        return kline_json(found[0]) if found and found[0].close_time < exchange.time else None

    async def faults(self, _body: bytes) -> Any:
        """The faults that wait."""
        return [_fault_json(number, fault) for number, fault in self._desk.faults.waiting().items()]

    async def add_faults(self, body: bytes) -> Any:
        """Let one fault wait, or several; all or none."""
        sent = _json(body)
        documents = sent if isinstance(sent, list) else [sent]
        faults = [parse_fault(_object(document), "faults") for document in documents]
        numbers = [self._desk.faults.add(fault) for fault in faults]
        self._hub.disconnect()
        waiting = self._desk.faults.waiting()
        return [_fault_json(number, fault) for number, fault in waiting.items() if number in numbers]

    async def clear_faults(self, _body: bytes) -> Any:
        """Have no fault any more."""
        self._desk.faults.clear()
        return []

    async def status(self, _body: bytes) -> Any:
        """How the venue stands: its clock, its account, what waits."""
        await self._desk.exchange.settled()
        exchange, account = self._desk.exchange, self._desk.exchange.account()
        return {
            "time": exchange.time,
            "endTime": exchange.end_time,
            "events": exchange.events,
            "timeframe": exchange.timeframe,
            "speed": self._desk.settings.speed or "max",
            "symbols": list(exchange.symbols),
            "openOrders": len(exchange.open_orders()),
            "balances": {
                balance.currency: {"free": written(balance.free), "locked": written(balance.locked)}
                for balance in account.balances
            },
            "faults": len(self._desk.faults.waiting()),
        }


def refusal_of(error: ConfigError) -> RefusalError:
    """A mistake of the user in the form of every refusal here."""
    return RefusalError(-1130, str(error))


def _clock_json(answer: ClockAnswer) -> dict[str, Any]:
    return {"time": answer.time, "events": answer.events, "paused": answer.paused, "ended": answer.ended}


def _fault_json(number: int, fault: Fault) -> dict[str, Any]:
    told = {word: value for word, value in msgspec.to_builtins(fault).items() if value is not None}
    return {"number": number, **told}


def _document(body: bytes) -> dict[str, Any]:
    return _object(_json(body))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ConfigError("body", body[:60].decode(errors="replace"), "JSON", "send a JSON object") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError("body", value, "a JSON object", 'send an object such as {"kind": "Reject"}')
    return value


@dataclass(frozen=True, slots=True)
class AdminRoute:
    """A call of the simulation: `body` and `answer` are the schemas of what is sent, where something is, and told."""

    handler: Callable[[Admin, bytes], Awaitable[Any]]
    answer: Schema
    body: Schema | None = None


_KLINE_EXAMPLE = '["BTCEUR", "1h", 1646089200000]'
_MOVE = {
    "type": "object",
    "properties": {
        "to": {**fields.integer("to").schema, "description": "Milliseconds UTC of the simulated clock."},
        "pauseOnOpen": {"type": "boolean", "description": "Stop right after an opening that gave events."},
        "klines": answers.list_of(
            {
                "type": "array",
                "description": "Symbol, interval and open time of a candle to tell once it has closed.",
                "items": answers.either(answers.TEXT, answers.INTEGER),
                "minItems": 3,
                "maxItems": 3,
            }
        ),
    },
    "required": ["to"],
}
_NEW_FAULTS = answers.either(FAULT, answers.list_of(FAULT))
_WAITING = answers.list_of(answers.FAULT)

ADMIN_ROUTES: dict[tuple[str, str], AdminRoute] = {
    ("GET", "/sim/clock"): AdminRoute(Admin.clock, answers.CLOCK),
    ("POST", "/sim/clock"): AdminRoute(Admin.move_clock, answers.CLOCK_MOVED, _MOVE),
    ("GET", "/sim/faults"): AdminRoute(Admin.faults, _WAITING),
    ("POST", "/sim/faults"): AdminRoute(Admin.add_faults, _WAITING, _NEW_FAULTS),
    ("DELETE", "/sim/faults"): AdminRoute(Admin.clear_faults, _WAITING),
    ("GET", "/sim/status"): AdminRoute(Admin.status, answers.STATUS),
}
