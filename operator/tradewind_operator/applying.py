"""Applying the children of one bot: what is missing, what differs, what is too many; and nothing else.

A child is as it should be when it was applied from the present manifest and nobody has changed it since. Whether
somebody has is known by its digest, which is remembered from the answer to our own write; after a restart nothing is
remembered, and each child is applied once more, which the API server does not count as a change where there is none.

How one child is written, and how an object of somebody else is told from it, stands in `child_writes`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import structlog

from tradewind.contracts.labels import TEMPLATE_HASH
from tradewind.domain.errors import TemporaryError
from tradewind_operator.apiclient import ApiClient
from tradewind_operator.bots import Bot
from tradewind_operator.child_writes import ChildWrites
from tradewind_operator.children import Child, Children, Name, PodFacts, Rollout, read_child
from tradewind_operator.desired import Desired
from tradewind_operator.kinds import BY_KIND, CLAIM, DEPLOYMENT, JOB, POD, SECRET, Resource
from tradewind_operator.manifests import Manifest
from tradewind_operator.manifests.names import RELEASE
from tradewind_operator.metrics import OperatorMetrics

KEPT = frozenset({POD.kind, SECRET.kind, CLAIM.kind, JOB.kind})
"""Kinds that are never deleted for being too many: they hold keys and money's record, or end by themselves."""


class Applying:
    """Brings the children of bots to what is desired."""

    def __init__(self, client: ApiClient, children: Children, metrics: OperatorMetrics, rollout_timeout: float) -> None:
        self._client, self._children, self._metrics = client, children, metrics
        self._writes = ChildWrites(client)
        self._rollout_timeout = rollout_timeout
        self._applied: dict[str, dict[Name, tuple[str, bytes]]] = defaultdict(dict)
        """By bot, for each child that was applied by this process: from what, and what it was then."""
        self._rolled: dict[str, dict[str, float]] = defaultdict(dict)
        """By bot: since when each Deployment is waited for that was given another pod template."""
        self._log = structlog.get_logger().bind(service="operator")

    def forget(self, key: str) -> None:
        """Nothing is known of this bot any more."""
        self._applied.pop(key, None)
        self._rolled.pop(key, None)

    def lost(self, bot: Bot, wanted: Desired) -> bool:
        """Whether a child that was there is not there any more."""
        there = self._children.of(bot.key)
        return any(name in wanted.hashes and name not in there for name in self._applied.get(bot.key, {}))

    def differing(self, bot: Bot, wanted: Desired) -> list[Name]:
        """The children that are to be applied, in their order."""
        return [name for name, content in wanted.hashes.items() if self.differs(bot, name, content)]

    def differs(self, bot: Bot, name: Name, content: str) -> bool:
        """Whether a child is not as the manifest of hash `content` says."""
        child = self._children.of(bot.key).get(name)
        if child is not None and name[0] == CLAIM.kind and child.owner == bot.uid and child.deleting:
            return False  # it holds data still
        return not self.remembers(bot, name, content) or (child is not None and child.applied_hash != content)

    def surplus(self, bot: Bot, wanted: Desired) -> list[Child]:
        """The children of the bot that it should not have (any more)."""
        return [
            child
            for name, child in self._children.of(bot.key).items()
            if name not in wanted.hashes and name[0] not in KEPT and child.owner == bot.uid
        ]

    async def apply(self, bot: Bot, wanted: Desired, manifests: Mapping[Name, Manifest]) -> list[str]:
        """Make it so. Returns the workloads that wait; raises `ApiError`, `ChildConflictError`, `TemporaryError`."""
        await self._remove_surplus(bot, wanted)
        names = self.differing(bot, wanted)
        await self._together(bot, wanted, manifests, [name for name in names if name[0] != DEPLOYMENT.kind])
        self._wait_for_former_pods(bot, wanted)
        return await self._deployments(bot, wanted, manifests)

    def remember(self, bot: Bot, resource: Resource, content: str, answer: Mapping[str, Any]) -> None:
        """Take over what the API server says of a child that is as `content` wants it."""
        child = read_child(resource, answer)
        if not self._children.answered(resource, answer):
            raise TemporaryError(f"{child.kind} {child.name} was deleted as soon as it was applied", retry_after=0.1)
        # Of the answer and not of what is known by now: somebody may have changed the child since.
        self._applied[bot.key][(child.kind, child.name)] = (content, child.digest)

    def remembers(self, bot: Bot, name: Name, content: str) -> bool:
        """Whether a child is known to be as `content` wants it, by this process."""
        child = self._children.of(bot.key).get(name)
        if child is None or child.deleting or child.owner != bot.uid:
            return False
        return self._applied.get(bot.key, {}).get(name) == (content, child.digest)

    async def ensure(self, bot: Bot, resource: Resource, manifest: Manifest, content: str) -> None:
        """Apply one child, unless it is known to be as `content` wants it."""
        name = (resource.kind, manifest["metadata"]["name"])
        if not self.remembers(bot, name, content):
            await self._one(bot, name, manifest, content)

    # ------------------------------------------------------------------------------------------------------- children

    async def _remove_surplus(self, bot: Bot, wanted: Desired) -> None:
        """Deployments that are too many go first: two that trade in one account would be worse than none."""
        surplus = self.surplus(bot, wanted)
        surplus.sort(key=lambda child: child.kind != DEPLOYMENT.kind)
        for child in surplus:
            if not child.deleting:
                self._log.info("child is removed", bot=bot.key, kind=child.kind, name=child.name)
                await self._client.delete(BY_KIND[child.kind], _namespace(bot), child.name, child.uid)
                self._applied[bot.key].pop((child.kind, child.name), None)
        if any(child.kind == DEPLOYMENT.kind for child in surplus):
            raise TemporaryError("the former workloads are still ending", retry_after=0.5)

    def _wait_for_former_pods(self, bot: Bot, wanted: Desired) -> None:
        present = set(wanted.workloads.values())
        former = [
            child.name
            for child in self._children.of(bot.key).values()
            if isinstance(child.facts, PodFacts) and child.facts.component not in (*present, RELEASE)
        ]
        if former:
            raise TemporaryError(f"pods of former workloads are still there: {', '.join(former)}", retry_after=0.5)

    async def _together(
        self, bot: Bot, wanted: Desired, manifests: Mapping[Name, Manifest], names: Sequence[Name]
    ) -> None:
        results = await asyncio.gather(
            *(self._one(bot, name, manifests[name], wanted.hashes[name]) for name in names), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _one(self, bot: Bot, name: Name, manifest: Manifest, content: str) -> None:
        resource = BY_KIND[name[0]]
        known = self._children.of(bot.key).get(name)
        before, _ = self._applied.get(bot.key, {}).get(name, ("", b""))
        if before == content and (known is None or known.applied_hash in ("", content)):
            self._metrics.drift.labels(name[0]).inc()
            self._log.info("drift is put right", bot=bot.key, kind=name[0], name=name[1])
        self.remember(bot, resource, content, await self._writes.make_so(bot, resource, manifest, known))

    # ---------------------------------------------------------------------------------------------------- deployments

    async def _deployments(self, bot: Bot, wanted: Desired, manifests: Mapping[Name, Manifest]) -> list[str]:
        """What is new comes at once; what changes its pods waits until those that it depends on are ready."""
        at_once: list[Name] = []
        waiting: list[str] = []
        rolling = False
        for deployment, workload in wanted.workloads.items():
            name = (DEPLOYMENT.kind, deployment)
            child = self._children.of(bot.key).get(name)
            manifest, content = manifests.get(name), wanted.hashes[name]
            replaces = (
                child is not None
                and manifest is not None
                and child.template_hash != manifest["metadata"]["annotations"][TEMPLATE_HASH]
                and isinstance(child.facts, Rollout)
                and child.facts.desired > 0
            )
            if replaces and rolling:
                waiting.append(workload)
                continue
            if self.differs(bot, name, content) and manifest is not None:
                if replaces:
                    await self._one(bot, name, manifest, content)
                    self._rolled[bot.key][deployment] = monotonic()
                    rolling = True
                    continue
                at_once.append(name)
                self._take_over_rollout(bot, deployment, child)
            rolling = rolling or self._is_rolling(bot, deployment, child)
        await self._together(bot, wanted, manifests, at_once)
        return waiting

    def _take_over_rollout(self, bot: Bot, deployment: str, child: Child | None) -> None:
        """What is not ready and was not changed by this process may be so by the leader before: it is waited for."""
        facts = child.facts if child is not None else None
        under_way = isinstance(facts, Rollout) and facts.desired > 0 and not facts.done
        if under_way and not self._is_rolling(bot, deployment, child):
            self._rolled[bot.key][deployment] = monotonic()

    def _is_rolling(self, bot: Bot, deployment: str, child: Child | None) -> bool:
        """Whether a change of this Deployment is not through yet, and may still be waited for."""
        since = self._rolled.get(bot.key, {}).get(deployment)
        if since is None:
            return False
        done = child is not None and isinstance(child.facts, Rollout) and child.facts.done
        if done or monotonic() - since > self._rollout_timeout:
            del self._rolled[bot.key][deployment]
            return False
        return True


def _namespace(bot: Bot) -> str:
    return bot.key.partition("/")[0]
