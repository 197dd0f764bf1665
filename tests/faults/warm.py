"""What a warm process becomes: `tradewind serve --services execution`, or the venue.

A process of the bot spends its first seconds importing. Two hundred runs that start several each would measure little
else, so a server of the standard library (`multiprocessing`, forkserver) imports once and forks. What a fork then runs
is the command line of the product with its own environment, as a program would.

Three things differ from the product, and nothing else does: waiting is shorter (`SHORTER`), the process ends with the
campaign, and `Fate` may strike it at the two calls of the venue by which an order can be lost or doubled.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

FATE = "TRADEWIND_TEST_FATE"
"""The variable with the file in which an execution finds its fate."""

PLANTED = "TRADEWIND_TEST_PLANTED"
"""The variable with the name of a defect that is planted in an execution (`tests.simulation.planted`)."""

CALL_TIMEOUT = RECEIVE_WINDOW = 0.5
POLL, POLL_BLIND = 3.0, 0.5
SHORTER = (
    f"a call of the venue may take {CALL_TIMEOUT:g} s (10), a request is valid for {RECEIVE_WINDOW:g} s (5), "
    f"the account is asked for every {POLL:g} s (60), and every {POLL_BLIND:g} s while its stream is away (5)"
)
"""What waits less than in the product, and how long it waits there, in words."""

_PRELOADED = (
    "asyncpg",
    "fastapi",
    "uvicorn",
    "tests.faults.campaign",
    "tests.faults.preloaded",
    "tradewind.cli.main",
    "tradewind.cli.serve",
    "tradewind.cli.session",
    "tradewind.cli.sim_exchange",
    "tradewind.execution.api",
    "tradewind.execution.service",
    "tradewind.kernel.http.server",
    "tradewind.kernel.store.postgres",
    "tradewind.sim_exchange.standalone",
    "tradewind.topology.embedded",
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to an execution, once, at a `call` of the venue (`create` or `cancel`).

    `moment` is `before` it is sent, `after` its answer was read, or `during`: `seconds` after it was sent. `how` is the
    signal that the process sends to itself.
    """

    call: str
    moment: str
    how: str = "SIGKILL"
    seconds: float = 0.0

    def write(self, path: Path) -> None:
        """Let it wait for the process that looks there."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(path)

    @staticmethod
    def struck(path: Path) -> list[str]:
        """The client order ids of the call at which it struck; empty before it has."""
        told = path.with_suffix(".struck")
        return list(json.loads(told.read_text())) if told.exists() else []

    @staticmethod
    def forget(path: Path) -> None:
        """Neither wait nor tell."""
        for one in (path, path.with_suffix(".struck")):
            one.unlink(missing_ok=True)


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Begin `tradewind ARGUMENTS` as a process of its own that has nothing but this environment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    process = context.Process(target=become, args=(list(arguments), dict(environment), str(log)))
    process.start()
    return process


def become(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """Be `tradewind ARGUMENTS` from now on."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with the campaign; Linux only
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tradewind", *arguments]
    from tradewind.cli.main import main  # noqa: PLC0415 - the forkserver has it already

    wait_less()
    if FATE in environment:
        strike_at(Path(environment[FATE]))
    with _planted(environment.get(PLANTED)):
        main()


def _planted(defect: str | None) -> contextlib.AbstractContextManager[Any]:
    if defect is None:
        return contextlib.nullcontext()
    from tests.simulation.planted import DEFECTS  # noqa: PLC0415 - a test alone wants it

    return DEFECTS[defect]()


def wait_less() -> None:
    """What is said in `SHORTER`."""
    from tradewind.execution import exchange_market, venues  # noqa: PLC0415
    from tradewind.execution.adapters.exchange import ExchangeVenue  # noqa: PLC0415

    ExchangeVenue.call_timeout = CALL_TIMEOUT
    venues.VENUES = {**venues.VENUES, "binance": replace(venues.BINANCE, receive_window=RECEIVE_WINDOW)}
    exchange_market.POLL, exchange_market.POLL_BLIND = POLL, POLL_BLIND


def strike_at(path: Path) -> None:
    """Have the fate that is found at `path` strike at the calls of the venue."""
    from tradewind.execution.adapters.remote_account import RemoteAccount  # noqa: PLC0415

    for call in ("create", "cancel"):
        setattr(RemoteAccount, call, _fated(path, call, getattr(RemoteAccount, call)))


def _fated(path: Path, call: str, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def fated(account: Any, asked: Any) -> Any:
        names = [order.client_order_id for order in (asked if isinstance(asked, Sequence) else [asked])]
        fate = _waiting(path, call)
        if fate is not None and fate.moment == "before":
            _strike(path, fate, names)
        if fate is not None and fate.moment == "during":
            asyncio.get_running_loop().call_later(fate.seconds, _strike, path, fate, names)
        answer = await original(account, asked)
        if fate is not None and fate.moment == "after":
            _strike(path, fate, names)
        return answer

    return fated


def _waiting(path: Path, call: str) -> Fate | None:
    try:
        fate = Fate(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    if fate.call != call:
        return None
    path.unlink()
    return fate


def _strike(path: Path, fate: Fate, names: list[str]) -> None:
    draft = path.with_suffix(".said")
    draft.write_text(json.dumps(names))
    draft.rename(path.with_suffix(".struck"))
    os.kill(os.getpid(), signal.Signals[fate.how])
