"""Applying the children of one bot: what is missing, what differs, what is too many; and nothing else.

A child is as it should be when it was applied from the present manifest and nobody has changed it since. Whether
somebody has is known by its digest, which is remembered from the answer to our own write; after a restart nothing is
remembered, and each child is applied once more, which the API server does not count as a change where there is none.

A child that is not known to be ours is applied without force: an object of somebody else that bears its name is left
as it is, and named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from time import monotonic
from typing import Any

import structlog

from tradewind.domain.errors import TemporaryError, TradewindError
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.bots import Bot
from tradewind_operator.children import TEMPLATE_HASH, Child, Children, Name, PodFacts, Rollout
from tradewind_operator.desired import Desired
from tradewind_operator.kinds import BY_KIND, CLAIM, DEPLOYMENT, JOB, OPERATOR, POD, SECRET, Resource
from tradewind_operator.manifests import Manifest
from tradewind_operator.manifests.names import RELEASE
from tradewind_operator.metrics import OperatorMetrics

KEPT = frozenset({POD.kind, SECRET.kind, CLAIM.kind, JOB.kind})
"""Kinds that are never deleted for being too many: they hold keys and money's record, or end by themselves."""


class ChildConflictError(TradewindError):
    """An object of somebody else has the name of a child."""


class Applying:
    """Brings the children of bots to what is desired."""

    def __init__(self, client: ApiClient, children: Children, metrics: OperatorMetrics, rollout_timeout: float) -> None:
        self._client, self._children, self._metrics = client, children, metrics
        self._rollout_timeout = rollout_timeout
        self._applied: dict[tuple[str, Name], tuple[str, bytes]] = {}
        """For each child that was applied by this process: from what, and what it was then."""
        self._rolled: dict[tuple[str, str], float] = {}
        """When each Deployment was last given another pod template, by bot key and name."""
        self._log = structlog.get_logger().bind(service="operator")

    def forget(self, key: str) -> None:
        """Nothing is known of this bot any more."""
        self._applied = {name: value for name, value in self._applied.items() if name[0] != key}
        self._rolled = {name: value for name, value in self._rolled.items() if name[0] != key}

    def differing(self, bot: Bot, wanted: Desired) -> list[Name]:
        """The children that are to be applied, in their order."""
        return [name for name, content in wanted.hashes.items() if self.differs(bot, name, content)]

    def differs(self, bot: Bot, name: Name, content: str) -> bool:
        """Whether a child is not as the manifest of hash `content` says."""
        child = self._children.of(bot.key).get(name)
        if child is not None and name[0] == CLAIM.kind and child.owner == bot.uid:
            return False  # what a claim asks for cannot be changed, and one that is being deleted holds data still
        return not self.remembers(bot, name, content) or (child is not None and child.applied_hash != content)

    def surplus(self, bot: Bot, wanted: Desired) -> list[Child]:
        """The children of the bot that it should not have (any more)."""
        return [
            child
            for name, child in self._children.of(bot.key).items()
            if name not in wanted.hashes and name[0] not in KEPT and child.owner == bot.uid
        ]

    @staticmethod
    def check_owner(bot: Bot, known: Child) -> None:
        """Raise where a child is somebody else's: `TemporaryError` while a predecessor of the same name is ending."""
        if known.owner in ("", bot.uid):
            return
        if known.deleting:
            raise TemporaryError(f"{known.kind} {known.name} of the bot's predecessor is still ending", retry_after=0.5)
        raise ChildConflictError(
            f"{known.kind} {known.name} belongs to another owner (uid {known.owner}); fix: delete it, or rename the bot"
        )

    async def apply(self, bot: Bot, wanted: Desired, manifests: Mapping[Name, Manifest]) -> list[str]:
        """Make it so. Returns the workloads that wait; raises `ApiError`, `ChildConflictError`, `TemporaryError`."""
        await self._remove_surplus(bot, wanted)
        names = self.differing(bot, wanted)
        await self._together(bot, wanted, manifests, [name for name in names if name[0] != DEPLOYMENT.kind])
        self._wait_for_former_pods(bot, wanted)
        return await self._deployments(bot, wanted, manifests)

    def remember(self, bot: Bot, resource: Resource, content: str, answer: Mapping[str, Any]) -> None:
        """Take over what the API server says of a child that is as `content` wants it."""
        self._children.put(resource, answer)
        name = (resource.kind, answer["metadata"]["name"])
        child = self._children.of(bot.key).get(name)
        if child is not None:
            self._applied[(bot.key, name)] = (content, child.digest)

    def remembers(self, bot: Bot, name: Name, content: str) -> bool:
        """Whether a child is known to be as `content` wants it, by this process."""
        child = self._children.of(bot.key).get(name)
        if child is None or child.deleting or child.owner != bot.uid:
            return False
        return self._applied.get((bot.key, name)) == (content, child.digest)

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
        if known is not None:
            self.check_owner(bot, known)
        ours = known is not None and not known.deleting
        if ours and (bot.key, name) in self._applied and known is not None and known.applied_hash == content:
            self._metrics.drift.labels(name[0]).inc()
            self._log.info("drift is put right", bot=bot.key, kind=name[0], name=name[1])
        try:
            answer = await self._client.apply(resource, manifest, OPERATOR, force=ours)
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT and not ours:
                raise ChildConflictError(
                    f"there is a {name[0]} {name[1]} already that is not of this bot; fix: delete it, or rename the bot"
                ) from error
            raise
        self.remember(bot, resource, content, answer)

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
                    self._rolled[(bot.key, deployment)] = monotonic()
                    rolling = True
                    continue
                at_once.append(name)
            rolling = rolling or self._is_rolling(bot, deployment, child)
        await self._together(bot, wanted, manifests, at_once)
        return waiting

    def _is_rolling(self, bot: Bot, deployment: str, child: Child | None) -> bool:
        """Whether a change of this Deployment by this process is not through yet, and may still be waited for."""
        since = self._rolled.get((bot.key, deployment))
        if since is None:
            return False
        done = child is not None and isinstance(child.facts, Rollout) and child.facts.done
        if done or monotonic() - since > self._rollout_timeout:
            del self._rolled[(bot.key, deployment)]
            return False
        return True


def _namespace(bot: Bot) -> str:
    return bot.key.partition("/")[0]
