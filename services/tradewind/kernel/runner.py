"""Keeps one service alive: gives it its messages, commits what it did with them, and says how it stands.

The runner gives a service its messages one batch at a time: a batch is one unit of work. When a batch fails, the caches
may be ahead of the tables, so the service loads again and takes its messages one by one, with growing pauses; a message
that fails to the end fails the service, loudly, with nothing lost. Every service answers one question more, `state`,
and tells each change of its state to the others.

States: New, Starting, Running, Stopping, then Terminated or Failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import force_setattr

from tradewind import catalog
from tradewind.contracts.messages import Message, ServiceStateChanged
from tradewind.domain.errors import TemporaryError, TradewindError
from tradewind.kernel.ask import Answer
from tradewind.kernel.bus.base import Bus
from tradewind.kernel.delivery import Delivery, NothingStored
from tradewind.kernel.resilience import vital
from tradewind.kernel.sequences import GapError, Place, Sequences
from tradewind.kernel.service import Build, Context, Service, ServiceState
from tradewind.kernel.store.base import DATABASE, FencedError
from tradewind.kernel.telemetry.tracing import stand_under
from tradewind.kernel.unit import UnitOfWork

BATCH = 512
OWED = 512
"""Inbox rows that wait for a transaction to ride along with; more are worth one, or nobody could let go of these."""
RETRY_PAUSES = (0.05, 0.2, 1.0, 3.0)
STOP_PATIENCE = 10.0
EARLY_PATIENCE = 2.0
"""Seconds for which a message waits for those before it, before the tables are asked whether they matter here."""
LACK_PATIENCE = 10.0
"""Seconds after which somebody has to be told that a message does not come: that it was put aside, for one."""


class ServiceRunner:
    """Runs one service: consumes its mailbox, commits its units, restarts it from its tables after a failure."""

    def __init__(self, context: Context, bus: Bus) -> None:
        self.context = context
        self.state = ServiceState.NEW
        self.failure: BaseException | None = None
        self.failures = 0
        self.stopped = asyncio.Event()
        self._spec = catalog.service(context.service)
        self._bus = bus
        self._mailbox = bus.subscribe(context.service, self._spec.subscribed_topics)
        bus.on_gap(self._missed)
        self._lock = asyncio.Lock()
        self._sequences = Sequences()
        self._published: dict[str, int] = {}
        self._sent: dict[str, int] | None = None
        self._owed: list[Message] = []
        self._unfinished: list[Message] = []
        self._twins: list[Message] = []
        self._stale = False
        self._gap = asyncio.Event()
        self._asking: asyncio.TimerHandle | None = None
        self._lacks: dict[str, tuple[int, float]] = {}
        """By topic the number of the message that others wait for, and since when by `time.monotonic`."""
        self._waits_for = ""
        self._inboxed: frozenset[str] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self._service = Service(context.service)
        self._traced = context.tracer.enabled
        self._delivery = _delivery(context, self._spec)
        labels = (context.key, context.service)
        self._messages_metric = context.metrics.messages.labels(*labels)
        self._transactions_metric = context.metrics.transactions.labels(*labels)
        self._seconds_metric = context.metrics.transaction_seconds.labels(*labels)
        self._failures_metric = context.metrics.failures.labels(*labels)
        context.metrics.mailbox.labels(*labels).set_function(self._mailbox.__len__)
        context.unit = self.unit
        context.seen = lambda topic: self._sequences.seen(topic)  # noqa: PLW0108 - they are replaced at each load
        context.published = lambda topic: self._published.get(topic, 0)

    @property
    def service(self) -> Service:
        """The composed service; before `compose` an empty one."""
        return self._service

    def compose(self, build: Build) -> None:
        """Build the service and check it against its catalog row."""
        self._service = build(self.context)
        handled = {kind.__name__ for kind in self._service.handlers}
        if handled != set(self._spec.handles):
            raise TradewindError(
                f"{self._spec.name} handles {sorted(handled)}, its catalog row says {self._spec.handles}"
            )
        self._inboxed = frozenset(self._spec.consumes) if self._spec.stores else frozenset()

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What the service answers, and what is answered for every service."""
        views = {name: self._between_units(view) for name, view in self._service.views.items()}
        return {**self._service.answers, **views, "state": self.describe}

    def _between_units(self, view: Answer) -> Answer:
        async def answer(**parameters: Any) -> Any:
            async with self.unit():
                return await view(**parameters)

        return answer

    def unready(self) -> Mapping[str, str]:
        """Why the service does not do its work now, by name of what is missing; empty when it does."""
        if self.state is not ServiceState.RUNNING:
            early = self.state in (ServiceState.NEW, ServiceState.STARTING)
            waiting = {"work": self._waits_for} if early and self._waits_for else {}
            return {"service": self.state.value, **waiting}
        # Who only answers needs no bus: an emergency stop has to find a door while Redis is away.
        # Who only reads caches for now would not notice a lost store, and could not keep what comes next.
        store = self.context.dependencies.trouble(DATABASE) if self._spec.stores else ""
        bus = self._bus.trouble() if self._spec.handles or self._spec.publishes else ""
        waits = {"bus": bus, "store": store, "work": self._waits_for, "messages": self._held_up()}
        return {name: reason for name, reason in waits.items() if reason} | dict(self._service.ready())

    def wait_for(self, reason: str) -> None:
        """Say what is waited for before the start; empty for nothing."""
        self._waits_for = reason

    def _held_up(self) -> str:
        now = time.monotonic()
        for topic, (number, since) in self._lacks.items():
            if self._sequences.seen(topic) < number and now - since >= LACK_PATIENCE:
                return f"{topic} {number} does not come, others wait for it: put aside (tradewind deadletters list)?"
        return ""

    async def describe(self) -> dict[str, Any]:
        """The state of the service, what it waits for, how many batches have failed, and what its process calls."""
        return {
            "state": self.state.value,
            "reasons": dict(self.unready()),
            "failures": self.failures,
            "dependencies": self.context.dependencies.describe(),
            "budgets": self.context.budgets.describe(),
        }

    async def start(self, *, patient: bool = False) -> None:
        """Load the caches and begin to consume; if `patient`, wait for who does not answer, however long."""
        await self._enter(ServiceState.STARTING)
        try:
            await self._recover_first(patient=patient)
        except BaseException as error:
            self.failure = error
            await self._enter(ServiceState.FAILED, str(error))
            raise
        await self._enter(ServiceState.RUNNING)
        for work in (self._consume, self._close_gaps, *self._delivery.tasks, *self._service.tasks):
            self._tasks.append(asyncio.create_task(self._guard(work), name=f"{self._spec.name}.{work.__name__}"))

    async def stop(self) -> None:
        """Stop taking messages, finish what was begun, write what is owed, whatever is known: there is no later."""
        with vital():
            await self._stop()

    async def _stop(self) -> None:
        if self.state is not ServiceState.RUNNING:
            await self._end()
            return
        await self._enter(ServiceState.STOPPING)
        try:
            await self._service.drain()
        except Exception as error:
            self.context.log.warning("drain failed", error=str(error), exc_info=error)
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.suppress(TimeoutError):
                # A transaction that is cut off half way may be true without anybody here knowing it.
                async with asyncio.timeout(STOP_PATIENCE):
                    await stack.enter_async_context(self._lock)
            await self._end()
        if self._owed:
            await self.context.store.commit(self._delivery.handled(self._owed))
            self._owed = []
            self._finish([])
        await self._enter(ServiceState.TERMINATED)

    def unit(self) -> _Unit:
        """A unit of work of its own, committed on leaving; nothing else of this service happens meanwhile."""
        return _Unit(self)

    # ------------------------------------------------------------------------------------------------------ internals

    async def enter(self) -> None:
        """Begin something beside which nothing else of this service happens, with caches that agree with the tables."""
        await self._lock.acquire()
        if self._stale:
            try:
                await self._recover()
            except BaseException:
                self._lock.release()
                raise

    async def leave(self, error: BaseException | None) -> None:
        """End it. After a failure the caches may be ahead of the tables, so they are loaded before others read them."""
        try:
            if error is not None:
                self._stale = True
                if isinstance(error, Exception) and not isinstance(error, FencedError):
                    try:
                        await self._recover()
                    except Exception as trouble:  # noqa: BLE001 - the first failure is the one to tell
                        self.context.log.warning("not loaded again", error=str(trouble), after=str(error))
        finally:
            self._lock.release()

    async def handle(self, batch: Sequence[Message]) -> None:
        """Handle messages as one unit of work."""
        await self.enter()
        try:
            await self._handle(batch)
        except BaseException as error:
            await self.leave(error)
            raise
        await self.leave(None)

    async def commit(self, unit: UnitOfWork) -> None:
        """Make a unit true that handled no message."""
        await self._commit(unit, [])

    async def _recover(self) -> None:
        """Stand where the tables say, and give to the bus what they say was never handled."""
        await self._load()
        await self._republish()
        self._stale = False

    async def _recover_first(self, *, patient: bool) -> None:
        for pause in itertools.chain(RETRY_PAUSES, itertools.repeat(RETRY_PAUSES[-1])):
            try:
                await self._recover()
                break
            except TemporaryError as error:
                if not patient:
                    raise
                if self._waits_for != str(error):
                    self.context.log.info("start waits", reason=str(error))
                self._waits_for = str(error)
                await asyncio.sleep(pause)
        self._waits_for = ""

    async def _load(self) -> None:
        progress = await self._delivery.progress(self._owed)
        self._published = progress.published
        self._mailbox.give_back(self._sequences.held())
        self._sequences = Sequences(progress.highest, progress.missing, known=self._spec.stores)
        self._owed = []
        self._finish([])
        await self._service.load()

    async def _republish(self) -> None:
        """Give what this service stored and somebody has not handled to the bus again."""
        await self._bus.publish(await self._delivery.undone())
        await self._send_unsent()

    async def _send_unsent(self) -> None:
        """Publish what a commit made true whose answer was lost: who only follows would never hear of it again."""
        if self._sent is None:
            # A fresh process: whoever follows asks the owner at its own start.
            self._sent = dict(self._published)
        if self._sent != self._published:
            await self._bus.publish(await self._delivery.unsent(self._sent))
            self._sent = dict(self._published)
        self._delivery.sent(self._sent)

    async def _enter(self, state: ServiceState, reason: str = "") -> None:
        """Go to another state and tell it; a fact of the moment, so it is not stored and has no market time."""
        self.state = state
        key, name, now = self.context.key, self._spec.name, self.context.clock.now()
        self.context.metrics.service_up.labels(key, name).set(int(state is ServiceState.RUNNING))
        message = ServiceStateChanged(
            id=f"state:{name}:{now}", time=0, bot=key, occurred_at=now, service=name, state=state.value, reason=reason
        )
        await self._bus.publish([message])

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._patiently(work)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever it is, the service is dead and must say so
            self.context.log.exception("service failed", error=str(error), exc_info=error)
            self.failure = error
            await self._enter(ServiceState.FAILED, str(error))
            self.stopped.set()

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`, from its beginning again for as long as something that it needs is away."""
        while True:
            try:
                await work()
                break
            except TemporaryError as error:
                self._failed()
                self.context.log.warning("begun again", task=work.__name__, error=str(error))
                await asyncio.sleep(max(error.retry_after, RETRY_PAUSES[1]))

    async def _end(self) -> None:
        await self._cancel()
        try:
            await self._service.close()
        except Exception as error:
            self.context.log.warning("close failed", error=str(error), exc_info=error)

    async def _cancel(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _consume(self) -> None:
        while True:
            batch = await self._mailbox.take(BATCH)
            try:
                await self.handle(batch)
            except FencedError:
                raise
            except Exception as error:
                self._failed()
                self.context.log.warning("batch failed", messages=len(batch), error=str(error), exc_info=error)
                await self._retry(batch)

    async def _retry(self, batch: list[Message]) -> None:
        """The same messages one by one, from freshly loaded caches; the last failure is the service's.

        What may pass is waited for, however long: whoever gave up would only be started again, to wait again.
        """
        for message in batch:
            for pause in itertools.chain(RETRY_PAUSES, itertools.repeat(None)):
                try:
                    await self.handle([message])
                    self._waits_for = ""
                    break
                except FencedError:
                    raise
                except Exception as error:
                    if pause is None and not isinstance(error, TemporaryError):
                        await self._bus.failed(self._spec.name, message)
                        raise
                    self._waits_for = str(error)
                    self._failed()
                    self.context.log.warning("message failed", id=message.id, error=str(error))
                    await asyncio.sleep(RETRY_PAUSES[-1] if pause is None else pause)

    def _failed(self) -> None:
        self.failures += 1
        self._failures_metric.inc()

    async def _handle(self, batch: Sequence[Message]) -> None:
        released: list[Message] = []
        try:
            await self._handle_in_turn(batch, released)
        except BaseException:
            # Those of the batch come again; what was held for them would not.
            for message in released:
                self._sequences.hold(message)
            raise

    async def _handle_in_turn(self, batch: Sequence[Message], released: list[Message]) -> None:
        """Handle each message when it is its turn, and those after it that waited: these are added to `released`."""
        unit = UnitOfWork()
        fresh: list[Message] = []
        finished: list[Message] = []
        advanced = False
        for arrived in batch:
            message: Message | None = arrived
            while message is not None:
                if not self._is_next(message):
                    break
                finished.append(message)
                advanced |= not await self._handle_one(message, unit, fresh)
                message = self._sequences.released(message.topic) if message.stored else None
                if message is not None:
                    released.append(message)
        if advanced and self._service.advanced is not None:
            await self._service.advanced(unit)
        self._messages_metric.inc(len(batch))
        unit.traceparent = None
        if self._traced:
            stand_under(None)
        await self._commit(unit, fresh)
        self._finish(finished)

    def _is_next(self, message: Message) -> bool:
        """Whether it is the turn of a message; what comes too early waits, or shows that a view is behind."""
        if not message.stored or self._sequences.place(message) is not Place.EARLY:
            return True
        if message.topic not in self._spec.shared_topics:
            raise GapError(f"{message.topic} {message.sequence} came after {self._sequences.seen(message.topic)}")
        lacked = self._sequences.seen(message.topic) + 1
        if self._lacks.get(message.topic, (0, 0.0))[0] != lacked:
            self._lacks[message.topic] = lacked, time.monotonic()
        if not self._sequences.hold(message):
            # Not done before the one that is held is: an emptied broker may have forgotten that one.
            self._twins.append(message)
        elif self._asking is None:
            self._asking = asyncio.get_running_loop().call_later(EARLY_PATIENCE, self._ask_for_early)
        return False

    def _ask_for_early(self) -> None:
        """What comes too early may wait for what nobody will send again.

        A publisher that died gives to the bus again what somebody must handle, and not what only stands between.
        """
        self._asking = None
        if self._sequences.held():
            self._gap.set()

    async def _handle_one(self, message: Message, unit: UnitOfWork, fresh: list[Message]) -> bool:
        """Give a message to its handler; False when there is none that wants it."""
        handler = self._service.handlers.get(type(message))
        if message.stored:
            if handler is not None and type(message).__name__ in self._inboxed:
                if self._sequences.place(message) is Place.AGAIN:
                    handler = None
                else:
                    fresh.append(message)
            self._sequences.see(message)
        if handler is not None:
            unit.traceparent = message.traceparent
            if self._traced:
                stand_under(message.traceparent)
            await handler(message, unit)
        return handler is not None

    def _finish(self, messages: Sequence[Message]) -> None:
        """Tell the bus what will not be wanted again: when no inbox row of it is owed any more."""
        if self._twins:
            again = [twin for twin in self._twins if self._sequences.place(twin) is Place.AGAIN]
            self._twins = [twin for twin in self._twins if twin not in again]
            self._unfinished.extend(again)
        self._unfinished.extend(messages)
        if self._unfinished and not self._owed:
            self._mailbox.done(self._unfinished)
            self._unfinished = []

    def _missed(self) -> None:
        self._gap.set()

    async def _close_gaps(self) -> None:
        """Load again, and publish what nobody has handled, whenever the bus may have lost something."""
        while True:
            await self._gap.wait()
            self._gap.clear()
            async with self._lock:
                self._stale = True
            try:
                async with self.unit():
                    """To enter is to load again."""
            except TemporaryError as error:
                self.context.log.warning("gap not closed", error=str(error))
                self._gap.set()
                await asyncio.sleep(error.retry_after)

    async def _commit(self, unit: UnitOfWork, handled: list[Message]) -> None:
        owed = [*self._owed, *handled]
        now = self.context.clock.now() if unit.messages else 0.0
        first: set[str] = set()
        for message in unit.messages:
            force_setattr(message, "bot", self.context.key)
            force_setattr(message, "occurred_at", now)
            if message.stored:
                sequence = self._published[message.topic] = self._published.get(message.topic, 0) + 1
                force_setattr(message, "sequence", sequence)
                unit.writes.append(self._delivery.outgoing(message, newest=message.topic not in first))
                first.add(message.topic)
        if unit.writes or len(owed) >= OWED:
            started = time.perf_counter()
            await self.context.store.commit([*unit.writes, *self._delivery.handled(owed)])
            owed = []
            self._transactions_metric.inc()
            self._seconds_metric.observe(time.perf_counter() - started)
        self._owed = owed
        self._finish([])
        for callback in unit.after_commit:
            callback()
        if unit.messages:
            await self._bus.publish(unit.messages)
            if unit.writes:
                self._sent = dict(self._published)
                self._delivery.sent(self._sent)


def _delivery(context: Context, spec: catalog.ServiceSpec) -> Delivery:
    """The books of a service; only of one that stores are they in a database, which only such a process loads."""
    if not spec.stores:
        return NothingStored(spec.name)
    from tradewind.kernel.store.delivery import StoredDelivery  # noqa: PLC0415

    return StoredDelivery(context.store, context.key, spec, context.log)


class _Unit:
    """The context of `ServiceRunner.unit`; a class, because a generator's costs more than what most units do."""

    __slots__ = ("_runner", "_unit")

    def __init__(self, runner: ServiceRunner) -> None:
        self._runner = runner
        self._unit = UnitOfWork()

    async def __aenter__(self) -> UnitOfWork:
        await self._runner.enter()
        return self._unit

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            try:
                await self._runner.commit(self._unit)
            except BaseException as failure:
                await self._runner.leave(failure)
                raise
        await self._runner.leave(error)
