"""`tradewind operator run`: puts the parts together and runs them until SIGTERM, or until one of them fails.

Every instance watches everything, so a standby knows what is there when it takes over; only the holder of the Lease
looks at bots, asks them and writes.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import structlog

from tradewind import __version__
from tradewind.contracts.labels import OPERATOR
from tradewind.kernel.telemetry.tracing import Tracing, exporter_from_environment
from tradewind_operator.apiclient import ApiClient
from tradewind_operator.applying import Applying
from tradewind_operator.backtest_watch import BacktestSink
from tradewind_operator.backtests import Backtests
from tradewind_operator.bot_list import BotList
from tradewind_operator.bot_secrets import BotSecrets
from tradewind_operator.bot_watch import BotWatch
from tradewind_operator.bots import Bot, Bots, key_of
from tradewind_operator.children import Children
from tradewind_operator.events import Events
from tradewind_operator.health import HealthServer
from tradewind_operator.kinds import BACKTEST, SELECTOR, TRADING_BOT, WATCHED, Resource, is_backtest
from tradewind_operator.leader import Leadership
from tradewind_operator.manifests import Site
from tradewind_operator.metrics import OperatorMetrics
from tradewind_operator.reconciler import Reconciler
from tradewind_operator.reflector import Reflector
from tradewind_operator.release import Release
from tradewind_operator.running_bot import RunningBots
from tradewind_operator.settings import OperatorSettings
from tradewind_operator.told import Told
from tradewind_operator.workqueue import WorkQueue

DEAF_AFTER = 240.0
"""Seconds without a word of the API server, while it answers others, after which a watch will not mend itself."""
SETTLE = 0.5
"""Seconds for which a watch of bots that begins again is let go on before it is compared with a list."""


class Operator:
    """One operator process. `run` returns after a signal or `stop`; it raises what failed."""

    def __init__(self, settings: OperatorSettings, client: ApiClient | None = None) -> None:
        self.settings = settings
        self.metrics = OperatorMetrics()
        self.bots, self.children, self.queue = Bots(), Children(), WorkQueue(patient=is_backtest)
        self._log = structlog.get_logger().bind(service="operator", identity=settings.identity)
        self._tracing = Tracing(exporter_from_environment(), __version__, settings.namespace)
        self.client = client or ApiClient()
        self.leadership = Leadership(
            self.client,
            namespace=settings.namespace,
            name=settings.lease_name,
            identity=settings.identity,
            duration=settings.lease_duration,
        )
        self.client.fence = self.leadership
        self.running = RunningBots(self.client, settings.service_address)
        self.events = Events(self.client, settings.identity)
        applying = Applying(self.client, self.children, self.metrics, settings.rollout_timeout)
        self._secrets = BotSecrets(self.client, applying, settings.storage_directory)
        self.told = Told(
            self.bots,
            children=self.children,
            running=self.running,
            events=self.events,
            interval=settings.conditions_interval,
            may_ask=lambda: self.leadership.leads,
        )
        self.told.on_change = self.queue.add
        namespaces: tuple[str | None, ...] = settings.namespaces or (None,)
        self.list = BotList(self.client, self.bots, namespaces, on_found=self._on_found, on_gone=self._on_gone)
        release = Release(
            self.client,
            children=self.children,
            running=self.running,
            events=self.events,
            site=self.site,
            timeout=settings.release_timeout,
        )
        self.reconciler = Reconciler(
            client=self.client,
            bots=self.bots,
            children=self.children,
            queue=self.queue,
            applying=applying,
            secrets=self._secrets,
            release=release,
            told=self.told,
            events=self.events,
            metrics=self.metrics,
            tracer=self._tracing.tracer(OPERATOR),
            site=self.site,
            confirm=self.list.confirm,
        )
        self.known_backtests = Bots()
        self.backtests = Backtests(
            client=self.client,
            known=self.known_backtests,
            children=self.children,
            queue=self.queue,
            applying=applying,
            secrets=self._secrets,
            events=self.events,
            metrics=self.metrics,
            site=self.site,
        )
        sink = BacktestSink(self.known_backtests, self.queue, self.backtests.forget)
        self.backtest_reflectors = [
            Reflector(self.client, BACKTEST, namespace=namespace, selector="", sink=sink) for namespace in namespaces
        ]
        self.queue.on_wait = self.metrics.queue_seconds.observe
        self.reflectors = [
            Reflector(self.client, resource, namespace=namespace, selector=SELECTOR, sink=self)
            for resource in WATCHED
            for namespace in namespaces
        ]
        self.health = HealthServer(
            settings.host,
            settings.port,
            metrics=self.metrics,
            refresh=self._refresh,
            unhealthy=self._unhealthy,
            unready=self._unready,
        )
        self._stop = asyncio.Event()
        self._bots_listed = asyncio.Event()
        self._watch_began = asyncio.Event()

    # ------------------------------------------------------------------------------------------------------- the loop

    async def run(self) -> None:
        """Run until SIGTERM, SIGINT or `stop`."""
        await self.health.start()
        self._log.info("operator starts", version=__version__, port=self.health.port)
        self.leadership.on_change = self._on_leadership
        parts: list[Coroutine[Any, Any, Any]] = [
            BotWatch(self.settings.namespaces, self._on_bot, before=self._list_bots).run(),
            *(reflector.run() for reflector in (*self.reflectors, *self.backtest_reflectors)),
            self._synchronize(),
            self._resync(),
            self.told.run(),
        ]
        tasks = [asyncio.create_task(part) for part in (self._stop.wait(), *parts)]
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if not self._stop.is_set():
                raise RuntimeError("a part of the operator has ended by itself")
        finally:
            await self._end(tasks)

    def stop(self) -> None:
        """End as after a signal."""
        self._stop.set()

    async def _synchronize(self) -> None:
        """Lead, or wait to, as soon as everything that is there is known."""
        await self._bots_listed.wait()
        for reflector in self.reflectors:
            await reflector.synchronized.wait()
        self._log.info("operator knows what is there", bots=len(self.bots), children=self.children.count())
        workers = [self.queue.run(self._look) for _ in range(self.settings.workers)]
        await asyncio.gather(self.leadership.run(), *workers)

    async def _list_bots(self) -> None:
        await self.list.compare()
        self._bots_listed.set()

    async def _look(self, key: str) -> None:
        if self.leadership.leads:
            await (self.backtests if is_backtest(key) else self.reconciler).look(key)

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        # Nothing is lost by cancelling a look at a bot: whoever leads next goes on with what it began.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.told.close()
        self.queue.close()
        await self.leadership.release()
        await self.running.close()
        await self.client.close()
        await self.health.stop()
        await asyncio.to_thread(self._tracing.shutdown)
        self._log.info("operator has ended")

    def _on_leadership(self, leads: bool) -> None:
        self.metrics.leads.set(leads)
        if leads:
            for key in self.bots:
                bot = self.bots.get(key)
                # What has changed while nobody led goes first.
                self.queue.add(key, urgent=bot is not None and _unseen(bot))
            for key in self.known_backtests:
                self.queue.add(key, urgent=False)

    # ------------------------------------------------------------------------------------------- what the watches bring

    def _on_bot(self, kind: str | None, resource: dict[str, Any]) -> None:
        """A bot is new, different or gone; `kind` None is one that was there when the watch began."""
        key = key_of(resource)
        known = self.bots.get(key)
        self.list.watched(key, int(resource["metadata"]["resourceVersion"]))
        if kind == "DELETED":
            if (gone := self.bots.remove(resource)) is not None:
                self._on_gone(gone)
        elif self.bots.put(resource):
            bot = self.bots.get(key)
            changed = known is None or bot is None or bot.wish != known.wish
            self.queue.add(key, urgent=kind is not None, changed=changed)
        if kind is None:
            self._watch_began.set()

    def _on_gone(self, bot: Bot) -> None:
        self.reconciler.forget(bot)

    def _on_found(self, key: str) -> None:
        self.queue.add(key, changed=True)

    def listed(self, resource: Resource, namespace: str | None, objects: list[dict[str, Any]], version: int) -> None:
        """These were all children of a kind that there were at `version`."""
        for key in self.children.keep_only(resource, namespace, objects, version):
            self.queue.add(key)
        for found in objects:
            self.changed(resource, found)

    def changed(self, resource: Resource, found: dict[str, Any]) -> None:
        """A child is new or different."""
        for key in self.children.put(resource, found):
            self.queue.add(key)

    def removed(self, resource: Resource, found: dict[str, Any]) -> None:
        """A child is gone."""
        for key in self.children.remove(resource, found):
            self.queue.add(key)

    # --------------------------------------------------------------------------------------------------------- resync

    async def _resync(self) -> None:
        """Look at every bot without a cause now and then, and at what the watch of bots has missed."""
        while True:
            again = self.settings.resync_interval * random.uniform(0.8, 1.2)  # noqa: S311 - a jitter
            try:
                async with asyncio.timeout(again):
                    await self._watch_began.wait()
            except TimeoutError:
                for key in (*self.bots, *self.known_backtests):
                    self.queue.add(key, urgent=False)
            else:
                await asyncio.sleep(SETTLE)
                self._watch_began.clear()
            await self.list.compare()

    # --------------------------------------------------------------------------------------------------------- health

    def _refresh(self) -> None:
        self.metrics.bots.set(len(self.bots))
        self.metrics.children.set(self.children.count())
        self.metrics.queue_depth.set(len(self.queue))
        now = monotonic()
        self.metrics.watch_age.set(max((now - one.heard for one in self.reflectors), default=0.0))

    def _unhealthy(self) -> list[str]:
        watches = (*self.reflectors, *(one for one in self.backtest_reflectors if one.synchronized.is_set()))
        deaf = [one.name for one in watches if self.client.reach.unheard(one.heard) > DEAF_AFTER]
        reasons = [f"the watch of {name} has heard nothing for {DEAF_AFTER:g} s" for name in deaf]
        if missed := self.list.deaf():
            reasons.append(f"the watch of {TRADING_BOT.plural} has not told of {missed}, which is there")
        looked_at = self.leadership.looked_at
        if looked_at is not None and monotonic() - looked_at > DEAF_AFTER:
            reasons.append(f"the Lease was not looked at for {DEAF_AFTER:g} s")
        return reasons

    def _unready(self) -> list[str]:
        waiting = [one.name for one in self.reflectors if not one.synchronized.is_set()]
        if not self._bots_listed.is_set():
            waiting.insert(0, TRADING_BOT.plural)
        return [f"{name} are not listed yet" for name in waiting]

    def site(self) -> Site:
        """What the installation says at the moment."""
        settings = self.settings
        return Site(
            image=settings.image,
            image_pull_policy=settings.image_pull_policy,
            image_pull_secrets=settings.image_pull_secrets,
            operator_namespace=settings.namespace,
            storage_wired=self._secrets.wired(),
            storage_class=settings.storage_class,
            postgres_port=settings.postgres_port,
            redis_port=settings.redis_port,
            otlp_endpoint=settings.otlp_endpoint,
            allow_live=settings.allow_live,
            version=__version__,
        )


def _unseen(bot: Bot) -> bool:
    status = bot.resource.get("status") or {}
    return bot.deleted_at is not None or status.get("observedGeneration") != bot.generation


async def run(settings: OperatorSettings) -> None:
    """Run an operator until it is told to stop."""
    await Operator(settings).run()
