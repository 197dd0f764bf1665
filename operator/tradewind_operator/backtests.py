"""One look at one Backtest: its children are made, its Job is waited for, and what came of it becomes its status.

As with bots, nothing is remembered between two looks but what saves writes, and a look may be broken off anywhere. The
Job is created and never applied, under the one name that it can have, so that however often an operator is killed there
is one Job; it is not changed by a new version of the operator either. A Backtest whose status says that it is over is
not looked at any more, whatever becomes of its Job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog

from tradewind.contracts.api.backtest import Backtest, read_resource
from tradewind.contracts.labels import APPLIED_HASH
from tradewind.domain.errors import ConfigErrors, TemporaryError
from tradewind.plan import check
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.applying import Applying
from tradewind_operator.backtest_status import (
    Standing,
    finished,
    is_over,
    refused,
    running,
    status_of,
    told_by,
)
from tradewind_operator.bot_secrets import BotSecrets
from tradewind_operator.bots import Bot, Bots
from tradewind_operator.child_writes import ChildConflictError, check_owner, taken_over
from tradewind_operator.children import Children, JobFacts
from tradewind_operator.desired import marked
from tradewind_operator.events import Events
from tradewind_operator.fence import NotLeaderError
from tradewind_operator.kinds import BACKTEST, BY_KIND, JOB, POD
from tradewind_operator.manifests import Manifest, Site
from tradewind_operator.manifests.backtests import (
    child_of,
    copied_address,
    pod_selector,
    render_backtest,
    storage_missing,
)
from tradewind_operator.metrics import OperatorMetrics
from tradewind_operator.reconciler import STATUS_MANAGER, is_passing
from tradewind_operator.status import waits
from tradewind_operator.workqueue import WorkQueue

AGAIN = 10.0
"""Seconds after which what somebody else has to mend is looked at again."""


class Backtests:
    """Looks at Backtests; `site` gives what the installation says at the moment."""

    def __init__(
        self,
        *,
        client: ApiClient,
        known: Bots,
        children: Children,
        queue: WorkQueue,
        applying: Applying,
        secrets: BotSecrets,
        events: Events,
        metrics: OperatorMetrics,
        site: Callable[[], Site],
    ) -> None:
        self._client, self._known, self._children, self._queue = client, known, children, queue
        self._applying, self._secrets, self._events, self._metrics = applying, secrets, events, metrics
        self._site = site
        self._log = structlog.get_logger().bind(service="operator")

    def forget(self, gone: Bot) -> None:
        """The resource is gone."""
        self._applying.forget(gone.key)
        self._queue.forget(gone.key)

    async def look(self, key: str) -> None:
        """Look at a Backtest, and see to it that it is looked at again when that did not succeed; raises nothing."""
        clock, result = time.perf_counter(), "success"
        one = self._known.get(key)
        try:
            if one is not None and one.deleted_at is None and not one.disabled:
                await self._look(one)
            self._queue.succeeded(key)
        except NotLeaderError:
            result = "not_leader"
        except (ApiError, TemporaryError) as error:
            result = "retried"
            level = self._log.info if is_passing(error, self._queue.failures(key)) else self._log.error
            pause = self._queue.failed(key, error.retry_after)
            level("backtest is looked at again", backtest=key, error=str(error), pause=round(pause, 2))
        except Exception:  # noqa: BLE001
            # A defect of ours must cost one resource a pause, and not all of them their operator.
            result = "failed"
            pause = self._queue.failed(key)
            self._log.exception("look at a backtest failed", backtest=key, pause=round(pause, 2))
        finally:
            if one is not None and self._known.get(key) is None:
                self.forget(one)
        self._metrics.reconciles.labels(result).inc()
        self._metrics.reconcile_seconds.observe(time.perf_counter() - clock)

    async def _look(self, one: Bot) -> None:
        resource = one.resource
        if is_over(resource):
            return
        await self._report(one, resource, await self._standing(one, resource))

    async def _standing(self, one: Bot, resource: Mapping[str, Any]) -> Standing:
        try:
            backtest = read_resource(resource)
            check(backtest.bot)
        except ConfigErrors as error:
            return refused("InvalidSpec", str(error), failed=True)
        site = self._site()
        if storage_missing(backtest, site):
            told = (
                f"{backtest.pods} pods share a search by a PostgreSQL, and none is wired: install the chart with one,"
                " or set spec.storage, or make another Backtest with parallelism 1"
            )
            return refused("StorageMissing", told)
        try:
            job = await self._made(one, backtest, site)
        except ChildConflictError as error:
            self._queue.add_after(one.key, AGAIN)
            return refused("ChildConflict", str(error))
        except ApiError as error:
            if is_passing(error, self._queue.failures(one.key)):
                raise
            # A quota, or an admission that somebody has to change: worth a word to whoever made the Backtest.
            self._queue.add_after(one.key, AGAIN)
            return refused("ApplyFailed", str(error))
        if job is None or not (job.succeeded or job.failed):
            return running(job, waits(self._children.pods(one.key)))
        return finished(job, told_by(await self._pods(one, backtest)))

    async def _made(self, one: Bot, backtest: Backtest, site: Site) -> JobFacts | None:
        """The children are there; where the Job stands."""
        owner = owner_of(one)
        *others, job = (marked(manifest, owner) for manifest in render_backtest(backtest, site, one.uid))
        known = self._children.of(one.key).get((JOB.kind, job["metadata"]["name"]))
        if known is not None:
            check_owner(one, known)
            if isinstance(known.facts, JobFacts) and (known.facts.succeeded or known.facts.failed):
                return known.facts
        if (secret := copied_address(backtest, site)) is not None:
            await self._secrets.ensure_database(one, secret, owner)
        for manifest in others:
            content = manifest["metadata"]["annotations"][APPLIED_HASH]
            await self._applying.ensure(one, BY_KIND[manifest["kind"]], manifest, content)
        if known is None:
            await self._create(one, job)
            return None
        if known.deleting:
            raise TemporaryError(f"Job {known.name} is being deleted and will be made again", retry_after=0.5)
        return known.facts if isinstance(known.facts, JobFacts) else None

    async def _create(self, one: Bot, job: Manifest) -> None:
        try:
            answer: Mapping[str, Any] = await self._client.create(JOB, job)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            # The leader before has made it, which no watch has told yet; or it is somebody else's.
            found = await self._client.find(JOB, job["metadata"]["namespace"], job["metadata"]["name"])
            if found is None:
                raise
            taken_over(one, JOB, found)
            answer = found
        else:
            self._log.info("job of a backtest is made", backtest=one.key, job=job["metadata"]["name"])
        self._children.answered(JOB, answer)

    async def _pods(self, one: Bot, backtest: Backtest) -> list[Mapping[str, Any]]:
        """The pods of its Job. They are asked for once, at the end: nothing of them is wanted before."""
        namespace, name = backtest.metadata.namespace, backtest.metadata.name
        job = self._children.of(one.key)[JOB.kind, child_of(backtest)]
        selector = ",".join(f"{label}={value}" for label, value in pod_selector(name).items())
        page = await self._client.read(POD.collection(namespace), {"labelSelector": selector})
        owned = [
            pod
            for pod in page.get("items") or ()
            if any(owner["uid"] == job.uid for owner in pod["metadata"].get("ownerReferences", ()))
        ]
        return sorted(owned, key=lambda pod: str(pod["metadata"]["name"]))

    async def _report(self, one: Bot, resource: Mapping[str, Any], standing: Standing) -> None:
        found = status_of(standing, resource)
        if found == resource.get("status"):
            return
        namespace, name = resource["metadata"]["namespace"], resource["metadata"]["name"]
        document = {
            "apiVersion": BACKTEST.api_version,
            "kind": BACKTEST.kind,
            "metadata": {"name": name, "namespace": namespace, "uid": one.uid},
            "status": found,
        }
        if self._known.answered(await self._client.apply(BACKTEST, document, STATUS_MANAGER, status=True)):
            self._queue.add(one.key, changed=True)
        if standing.complete:
            await self._events.record(resource, "Complete", standing.message, action="Backtest")
        elif standing.failed or standing.reconciled.status == "False":
            await self._events.record(resource, standing.reason, standing.message, action="Backtest", kind="Warning")


def owner_of(one: Bot) -> dict[str, Any]:
    """The reference by which Kubernetes deletes a child after its Backtest."""
    name = one.key.rpartition("/")[2]
    reference = {"apiVersion": BACKTEST.api_version, "kind": BACKTEST.kind, "name": name, "uid": one.uid}
    return {**reference, "controller": True, "blockOwnerDeletion": True}
