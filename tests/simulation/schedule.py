"""One schedule: a bot lives, and is disturbed, for some minutes of virtual time; then it is calm, and all must agree.

Everything that is drawn comes from the seed. While it is disturbed each life of a process may be given a *fate*: to be
killed at some step (between two awaits), or before or after one of its commits, or to stand still right after one.
A dead process is started again after some seconds. A second instance of execution may come up while the first still
believes that it leads, the broker may be emptied, a person may press the emergency stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from tests.simulation.broker import Broker
from tests.simulation.candles import tell_candles
from tests.simulation.deciding import Step, script
from tests.simulation.disturbances import Disturbances
from tests.simulation.exchange import Exchange
from tests.simulation.fates import Fate, draw_fate
from tests.simulation.invariants import Invariants
from tests.simulation.processes import BotProcess, Fixed, compose_execution, compose_trading, on_simulated_lines
from tests.simulation.trace import Outcome, Trace
from tests.simulation.transport import Line
from tests.simulation.virtual_loop import Process, StalledError, VirtualLoop

from tradewind.contracts.messages import CandleClosed
from tradewind.kernel.telemetry.logging import configure_logging

DECIDING = 100.0
"""Seconds in which decisions are made, and disturbed."""

DISTURBED = 140.0
"""Seconds in which there are disturbances."""

PATIENCE = 300.0
"""Seconds after which a bot that nothing disturbs must agree with its venue."""

MOST_CRASHES = 5
MOST_TURNS = 400_000
SKEW = 0.4
"""Seconds by which the clock of a machine may differ from the venue's: `DRIFT` allows for a second between two."""


class Schedule:
    """One run of one seed. `run` once."""

    def __init__(self, seed: int, fixed: Fixed) -> None:
        self.seed, self.fixed = seed, fixed
        self.random = Random(seed)
        self.loop = VirtualLoop(self.random)
        self.trace = Trace(self.loop.time)
        self.disturbances = Disturbances(self.random)
        self.exchange = Exchange(self.loop, seed, self.disturbances, self.trace, self._report)
        self.broker = Broker(self.loop, self.disturbances)
        self.invariants = Invariants(fixed.bot.key, fixed.database, self.exchange, self._handled)
        self.script: list[Step] = script(self.random, DECIDING)
        self.processes: list[BotProcess] = []
        self.begun: list[BotProcess] = []
        self.crashes = 0
        self.lives = 0
        self._killed = False
        self._closes: dict[str, float] = {}

    def run(self) -> Outcome:
        """From the first start to the last comparison."""
        self.fixed.database.empty()
        with on_simulated_lines(self.loop, self.seed):
            try:
                self.loop.run_until_complete(self.loop.create_task(self._play(), context=self.loop.outside))
            except StalledError as error:
                self.invariants.violations.append(f"stalled: {error}")
            finally:
                outcome = Outcome(
                    self.seed,
                    self.crashes,
                    list(self.invariants.violations),
                    self.trace.digest,
                    list(self.trace.lines),
                    orders=len(self.invariants.taken),
                    struck={str(kind): count for kind, count in self.disturbances.struck.items()},
                )
                self.loop.close()
                for process in self.begun:
                    process.line.close()
        return outcome

    # ---------------------------------------------------------------------------------------------------------- acts

    async def _play(self) -> None:
        await self.exchange.open()
        candles = tell_candles(self.exchange, self.loop, self.fixed.bot.key, self._told)
        self.loop.create_task(candles, context=self.loop.outside)
        self._begin("trading")
        self._begin("execution")
        for happens, act in self._plan():
            self.loop.call_later(happens, act, context=self.loop.outside)
        while self.loop.time() < DISTURBED:
            await asyncio.sleep(10.0)
            self.invariants.always()
        await self._calm_down()
        await self._agree()

    def _plan(self) -> list[tuple[float, Callable[[], None]]]:
        draw = self.random
        plan: list[tuple[float, Callable[[], None]]] = []
        if draw.random() < 0.35:
            plan.append((draw.uniform(5, DISTURBED), lambda: self._begin("execution")))
        plan += [(draw.uniform(3, DISTURBED), self._empty_broker) for _ in range(draw.choice([0, 0, 1, 2]))]
        if draw.random() < 0.15:
            plan.append((draw.uniform(5, DISTURBED), self._stop_by_emergency))
        if draw.random() < 0.3:
            plan.append((draw.uniform(5, DISTURBED), self._pause))
        if draw.random() < 0.2:
            plan.append((draw.uniform(5, DISTURBED), self._order_by_hand))
        return plan

    async def _calm_down(self) -> None:
        self.disturbances.calm = True
        self.exchange.calm_down()
        for process in self.processes:
            process.dies_at = None
            process.store.fate = None
            process.go_on()
        until = self.loop.time() + 200.0
        await asyncio.sleep(20.0)
        while self.exchange.still_trades() and self.loop.time() < until:  # noqa: ASYNC110 - this is virtual time
            await asyncio.sleep(5.0)
        self.exchange.frozen = True

    async def _agree(self) -> None:
        """Everything agrees, within `PATIENCE`."""
        until, found = self.loop.time() + PATIENCE, ["it never came to rest"]
        while self.loop.time() < until and self.loop.turns < MOST_TURNS:
            await asyncio.sleep(5.0)
            self.invariants.always()
            found = self.invariants.disagreements()
            if self.script:
                found.append(f"{len(self.script)} decisions were never made")
            if not found:
                return
        self.invariants.violations += [f"in the end: {one}" for one in found]

    # ------------------------------------------------------------------------------------------------------ processes

    def _begin(self, kind: str) -> None:
        self.lives += 1
        fate, dies_at = self._fate(kind)
        process = BotProcess(
            f"{kind}-{self.lives}",
            self.loop,
            self._ended,
            fixed=self.fixed,
            broker=self.broker,
            disturbances=self.disturbances,
            trace=self.trace,
            line=lambda one: Line(
                one, self.exchange, self.disturbances, self.trace, self.disturbances.seconds(-SKEW, SKEW)
            ),
            fate=fate,
            on_pause=lambda: self._take_over(kind),
        )
        process.dies_at = dies_at
        self.processes.append(process)
        self.begun.append(process)
        self.trace.note(process.name, "starts")
        if kind == "execution":
            compose_execution(process)
        else:
            compose_trading(process, self.script, self._closes)
        process.start(process.live())

    def _fate(self, kind: str) -> tuple[Fate | None, int | None]:
        if self.disturbances.calm or self.crashes >= MOST_CRASHES:
            return None, None
        return draw_fate(self.random, kind)

    def _take_over(self, kind: str) -> None:
        """Whoever stands still is taken for dead, and another one is started beside it."""
        self.trace.note(kind, "stands still after a commit")
        if kind == "execution" and self.random.random() < 0.8:
            wait = self.random.uniform(0.2, 8.0)
            self.loop.call_later(wait, lambda: self._begin(kind), context=self.loop.outside)

    def _ended(self, process: Process) -> None:
        """A process is gone; the platform starts another one, unless there is one."""
        self.trace.note(process.name, "is dead")
        self.crashes += 1
        self.processes = [one for one in self.processes if one is not process]
        self.broker.leave(process)
        kind = process.name.partition("-")[0]
        wait = self.disturbances.seconds(0.2, 8.0)
        self.loop.call_later(wait, lambda: self._begin_again(kind), context=self.loop.outside)

    def _begin_again(self, kind: str) -> None:
        if not any(one.name.startswith(kind) for one in self.processes):
            self._begin(kind)

    # --------------------------------------------------------------------------------------------------------- events

    def _told(self, message: CandleClosed) -> None:
        self._closes[message.pair] = message.candle.close
        self.broker.take(message)

    def _empty_broker(self) -> None:
        self.trace.note("broker", "is emptied")
        self.broker.empty()

    def _pause(self) -> None:
        process = self.random.choice(self.processes) if self.processes else None
        if process is not None:
            self.trace.note(process.name, "stands still")
            process.pause(self.random.uniform(1.0, 60.0))

    def _order_by_hand(self) -> None:
        self.loop.create_task(self.exchange.order_by_hand(), context=self.loop.outside)

    def _stop_by_emergency(self) -> None:
        for process in self.processes:
            runner = process.runners.get("execution")
            if runner is not None:
                self.trace.note(process.name, "emergency stop")
                self.invariants.emergency = True
                process.start(_quietly(runner.answers["cancel_everything"]))
                return

    def _handled(self, service: str) -> set[str]:
        runners = [one.runners[service] for one in self.processes if service in one.runners]
        return {message.id for runner in runners for message in runner._owed}

    def _report(self, report: object) -> None:
        self.invariants.on_report(report)  # type: ignore[arg-type]


async def _quietly(answer: Callable[[], object]) -> None:
    """A request whose failure its caller is told."""
    try:
        await answer()  # type: ignore[misc]
    except Exception:  # noqa: BLE001 - the person who asked sees it
        return


_FIXED: list[Fixed] = []


def play(seed: int) -> Outcome:
    """One schedule, in a process of the operating system that makes once what all schedules share."""
    if not _FIXED:
        configure_logging("critical", "text")
        _FIXED.append(Fixed())
    return Schedule(seed, _FIXED[0]).run()
