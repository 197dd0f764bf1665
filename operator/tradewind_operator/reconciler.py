"""One look at one bot: from what is there to what should be, whatever happened before.

Nothing is remembered from one look to the next but what saves writes. A look that fails half way leaves what it did,
and the next one goes on from there; so an operator may be killed at any point of it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog

from tradewind.catalog import by_name
from tradewind.contracts.labels import FINALIZER, OPERATOR, RECONCILE
from tradewind.domain.errors import ConfigErrors, TemporaryError
from tradewind.kernel.telemetry.tracing import Tracer
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.applying import Applying
from tradewind_operator.bot_secrets import BotSecrets
from tradewind_operator.bots import Bot, Bots
from tradewind_operator.child_writes import ChildConflictError
from tradewind_operator.children import Children
from tradewind_operator.desired import Desired, desired, manifests, model_of, owner_of
from tradewind_operator.events import Events
from tradewind_operator.fence import NotLeaderError
from tradewind_operator.kinds import TRADING_BOT
from tradewind_operator.manifests import Site
from tradewind_operator.metrics import OperatorMetrics
from tradewind_operator.release import Release
from tradewind_operator.status import Condition, Seen, crashes, status, waits, workloads
from tradewind_operator.told import Told
from tradewind_operator.workqueue import WorkQueue

STATUS_MANAGER = f"{OPERATOR}-status"
APPLIED = Condition("Reconciled", "True", "Applied", "all children are as the spec says")
EARLY = 3
"""How often a look may be refused, over about three seconds, before it is told to anybody."""
NAMESPACE_ENDING = "because it is being terminated"


def is_passing(error: ApiError | TemporaryError, failures: int) -> bool:
    """Whether a look that failed, after so many `failures` before, is to be tried again without anybody's doing."""
    if isinstance(error, TemporaryError) or error.passing or NAMESPACE_ENDING in str(error):
        return True
    return _may_be_early(error, failures)


def _may_be_early(error: ApiError, failures: int) -> bool:
    """Whether an API server may have refused what it allows, because it has just started and knows no roles yet."""
    return error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and failures < EARLY


class Reconciler:
    """Looks at bots.

    `site` gives what the installation says at the moment; `confirm` asks the API server whether a bot is still there.
    """

    def __init__(
        self,
        *,
        client: ApiClient,
        bots: Bots,
        children: Children,
        queue: WorkQueue,
        applying: Applying,
        secrets: BotSecrets,
        release: Release,
        told: Told,
        events: Events,
        metrics: OperatorMetrics,
        tracer: Tracer,
        site: Callable[[], Site],
        confirm: Callable[[Bot], Awaitable[bool]],
    ) -> None:
        self._confirm = confirm
        self._client, self._bots, self._children, self._queue = client, bots, children, queue
        self._applying, self._secrets, self._release, self._told = applying, secrets, release, told
        self._events, self._metrics, self._tracer, self._site = events, metrics, tracer, site
        self._desired: dict[str, Desired] = {}
        self._log = structlog.get_logger().bind(service="operator")

    def forget(self, bot: Bot) -> None:
        """The resource is gone."""
        self._desired.pop(bot.key, None)
        self._applying.forget(bot.key)
        self._told.forget(bot.key)
        self._release.forget(bot)
        self._metrics.forget(bot.key)
        self._queue.forget(bot.key)

    async def look(self, key: str) -> None:
        """Look at a bot, and see to it that it is looked at again when that did not succeed; raises nothing."""
        began, clock = time.time(), time.perf_counter()
        result = "success"
        bot = self._bots.get(key)
        try:
            if bot is not None:
                result = await self._look(bot)
            if result not in ("refused", "conflict"):
                self._queue.succeeded(key)
        except NotLeaderError:
            result = "not_leader"
        except (ApiError, TemporaryError) as error:
            result = "retried"
            await self._retry(key, bot, error)
        except Exception:  # noqa: BLE001
            # A defect of ours must cost one bot a pause, and not all bots their operator.
            result = "failed"
            pause = self._queue.failed(key)
            self._log.exception("look at a bot failed", bot=key, pause=round(pause, 2))
        finally:
            # A bot may end while it is looked at, and its memory would begin anew.
            if bot is not None and self._bots.get(key) is None:
                self.forget(bot)
        self._metrics.reconciles.labels(result).inc()
        self._metrics.reconcile_seconds.observe(time.perf_counter() - clock)
        self._tracer.span("reconcile", None, {"tradewind.bot": key, "tradewind.result": result}, start=began)

    async def _retry(self, key: str, bot: Bot | None, error: ApiError | TemporaryError) -> None:
        passing = is_passing(error, self._queue.failures(key))
        if not passing and bot is not None and await self._is_gone(bot):
            return
        pause = self._queue.failed(key, error.retry_after)
        level = self._log.info if passing else self._log.error
        level("bot is looked at again", bot=key, error=str(error), pause=round(pause, 2))

    async def _is_gone(self, bot: Bot) -> bool:
        try:
            return not await self._confirm(bot)
        except ApiError:
            return False

    async def _look(self, bot: Bot) -> str:
        if bot.deleted_at is not None:
            again = await self._release.finish(bot)
            if again is not None:
                self._queue.add_after(bot.key, again)
            return "success"
        if bot.disabled:
            await self._report(bot, APPLIED, disabled=True)
            return "success"
        reconciled, result = await self._try_to_apply(bot, self._site())
        if self._bots.get(bot.key) is None:
            return "gone"
        await self._report(bot, reconciled)
        return result

    async def _try_to_apply(self, bot: Bot, site: Site) -> tuple[Condition, str]:
        """What came of it, for the status of the bot and for the metrics."""
        try:
            return await self._apply(bot, site), "success"
        except ConfigErrors as error:
            return _refused("InvalidSpec", str(error)), "invalid"
        except ChildConflictError as error:
            self._queue.failed(bot.key)
            return _refused("ChildConflict", str(error)), "conflict"
        except TemporaryError as error:
            self._queue.add_after(bot.key, error.retry_after)
            return _refused("Waiting", str(error)), "waiting"
        except ApiError as error:
            if error.passing or _may_be_early(error, self._queue.failures(bot.key)):
                raise
            if await self._confirm(bot):
                self._queue.failed(bot.key, error.retry_after)
            return _refused("ApplyFailed", str(error)), "refused"

    async def _apply(self, bot: Bot, site: Site) -> Condition:
        """Bring the children to what the spec says."""
        known = self._desired.get(bot.key)
        fresh = known is None or known.site != site or known.intent != bot.intent
        if known is not None and not fresh and self._unchanged(bot, known):
            return APPLIED
        # Where children have gone the bot may have gone before them, and the watch have missed it: what is made for
        # it then is deleted by Kubernetes, and made again, for ever.
        if known is not None and self._applying.lost(bot, known) and not await self._confirm(bot):
            return APPLIED
        model = model_of(bot)
        bodies = manifests(model, bot, site)
        wanted = desired(bot, model, site, bodies)
        if wanted.released and FINALIZER not in bot.finalizers:
            self._answered(bot, await self._release.hold(bot))
        elif not wanted.released and FINALIZER in bot.finalizers:
            self._answered(bot, await self._release.let_go(bot))
        self._desired[bot.key] = wanted
        await self._secrets.ensure(bot, model, owner_of(bot))
        waiting = await self._applying.apply(bot, wanted, bodies)
        if waiting:
            self._queue.add_after(bot.key, 1.0)
            names = ", ".join(waiting)
            return Condition(
                "Reconciled", "False", "RollingOut", f"changed in the order of dependencies; next: {names}"
            )
        return APPLIED

    def _unchanged(self, bot: Bot, wanted: Desired) -> bool:
        return (
            not self._applying.differing(bot, wanted)
            and not self._applying.surplus(bot, wanted)
            and self._secrets.complete(bot, site_storage=wanted.site_storage)
            and wanted.released == (FINALIZER in bot.finalizers)
        )

    async def _report(self, bot: Bot, reconciled: Condition, *, disabled: bool = False) -> None:
        """Write the status where it says something new, and Events where something happened."""
        wanted = self._desired.get(bot.key)
        resource = bot.resource
        before: Mapping[str, Any] = resource.get("status") or {}
        if disabled:
            reconciled = _standing(before, "Reconciled") or Condition(
                "Reconciled", "Unknown", "ReconcileDisabled", f"nothing was applied: annotation {RECONCILE}"
            )
        pods = self._children.pods(bot.key)
        deployments = wanted.workloads if wanted else self._running_workloads(bot)
        spec = resource["spec"]
        seen = Seen(
            generation=bot.generation,
            reconciled=reconciled,
            workloads=workloads(deployments, self._children.of(bot.key).values(), pods),
            crashes=crashes(pods),
            waits=waits(pods),
            told=self._told.of(bot),
            suspended=bool(spec.get("suspended")),
            reconcile_disabled=disabled,
            storage_missing=wanted is not None and wanted.storage_missing,
            services=wanted.services
            if wanted
            else {name: (name,) for name in deployments.values() if name in by_name()},
            strategies=",".join(str(one.get("name", "")) for one in spec.get("strategies", ()))[:1024],
        )
        found = status(seen, before)
        self._metrics.show(bot.key, {one["type"]: one["status"] for one in found["conditions"]})
        if spec.get("emergencyStop"):
            self._told.stop_now(bot)
        if _is_up(seen) and seen.told is None:
            self._told.ask_soon(bot.key)
        if found == before:
            return
        namespace, _, name = bot.key.partition("/")
        metadata = {"name": name, "namespace": namespace, "uid": bot.uid}
        document = {
            "apiVersion": TRADING_BOT.api_version,
            "kind": TRADING_BOT.kind,
            "metadata": metadata,
            "status": found,
        }
        self._answered(bot, await self._client.apply(TRADING_BOT, document, STATUS_MANAGER, status=True))
        await self._tell(resource, before, found)

    def _answered(self, bot: Bot, answer: Mapping[str, Any]) -> None:
        if self._bots.answered(answer):
            self._queue.add(bot.key, changed=True)

    async def _tell(self, resource: Mapping[str, Any], before: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """An Event for each condition that flipped and that a person would want to know of."""
        former = {one["type"]: one for one in before.get("conditions", ())}
        for one in found["conditions"]:
            old = former.get(one["type"], {})
            if (old.get("status"), old.get("reason")) == (one["status"], one["reason"]):
                continue
            bad = {"Reconciled": "False", "Degraded": "True"}.get(one["type"])
            if bad is None and one["type"] != "Ready":
                continue
            if one["type"] == "Reconciled" and one["reason"] in ("Waiting", "RollingOut"):
                continue
            if one["status"] == bad:
                await self._events.record(resource, one["reason"], one["message"], action="Reconcile", kind="Warning")
            elif one["type"] == "Ready" and one["status"] == "True":
                await self._events.record(resource, "Ready", one["message"], action="Reconcile")

    def _running_workloads(self, bot: Bot) -> dict[str, str]:
        """The Deployments that are there, for a bot whose present spec cannot be read."""
        prefix = bot.key.partition("/")[2] + "-"
        return {name: name.removeprefix(prefix) for kind, name in self._children.of(bot.key) if kind == "Deployment"}


def _refused(reason: str, message: str) -> Condition:
    return Condition("Reconciled", "False", reason, message)


def _is_up(seen: Seen) -> bool:
    return bool(seen.workloads) and all(one.done and one.desired for one in seen.workloads)


def _standing(before: Mapping[str, Any], kind: str) -> Condition | None:
    found = next((one for one in before.get("conditions", ()) if one["type"] == kind), None)
    return Condition(kind, found["status"], found["reason"], found["message"]) if found else None
