"""The end of a bot: what is open at its venue is canceled or sold, as `deletionPolicy` says, before its pods go.

A finalizer keeps the resource until that is done. The engine is asked first, then execution alone, and when neither
answers a Job with execution's image and mounts does it: at once where no pod of the bot is ready, else after a third
of `timeout`, because one question that was lost is no reason to have a second process at the venue. All of it together
is bounded: after `timeout` seconds an Event says what is still open, and the bot goes all the same, because a resource
that cannot be deleted helps nobody.

A bot on the paper venue has no finalizer: its orders exist in its own store alone, and end with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog

from tradewind.contracts.api.v1alpha1 import DeletionPolicy
from tradewind.contracts.labels import FINALIZER, OPERATOR
from tradewind.domain.errors import ConfigErrors, PermanentError, TemporaryError
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.bots import Bot
from tradewind_operator.children import Children, JobFacts, Name, PodFacts
from tradewind_operator.desired import model_of, owner_of
from tradewind_operator.events import Events
from tradewind_operator.kinds import JOB, TRADING_BOT
from tradewind_operator.manifests import Manifest, Site, release_job, wants_release
from tradewind_operator.running_bot import RunningBots

REASON = "the TradingBot is being deleted"
LOOK_AGAIN = 0.5
_OVERTAKEN = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
"""What an apply with a uid is answered when the object of that uid is not there any more."""
FIELD_MANAGER = f"{OPERATOR}-release"
"""The finalizer has a field manager of its own, so that nothing else of the resource is ever claimed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`done` ends the deletion; `trouble` says what is still open, empty where nothing is."""

    done: bool
    trouble: str = ""


class Release:
    """Ends bots."""

    def __init__(
        self,
        client: ApiClient,
        *,
        children: Children,
        running: RunningBots,
        events: Events,
        site: Callable[[], Site],
        timeout: float,
    ) -> None:
        self._client, self._children, self._running, self._events = client, children, running, events
        self._site, self._timeout = site, timeout
        self._began = datetime.now(UTC)
        self._asked: dict[str, str] = {}
        """By uid: what came of asking the running bot; it is asked until it has answered."""
        self._silent_since: dict[str, float] = {}
        """By uid: when (monotonic) the running bot first did not answer, where it has not answered since."""
        self._log = structlog.get_logger().bind(service="operator")

    async def hold(self, bot: Bot) -> Mapping[str, Any]:
        """Put the finalizer onto a bot; the resource as it then is."""
        return await self._write(bot, [FINALIZER])

    async def let_go(self, bot: Bot) -> Mapping[str, Any]:
        """Take the finalizer off."""
        return await self._write(bot, [])

    def forget(self, bot: Bot) -> None:
        """The bot is gone."""
        self._asked.pop(bot.uid, None)
        self._silent_since.pop(bot.uid, None)
        self._running.forget(bot.uid)

    async def finish(self, bot: Bot) -> float | None:
        """Go on with the deletion of `bot`; seconds until it should be gone on with, None when it is over."""
        if FINALIZER not in bot.finalizers:
            return None
        outcome = await self._outcome(bot)
        if not outcome.done and self._left(bot) > 0:
            return min(LOOK_AGAIN, self._left(bot))
        if outcome.trouble or not outcome.done:
            note = outcome.trouble or f"orders may still be open: nobody answered within {self._timeout:g} s"
            self._log.warning("bot is deleted with something open", bot=bot.key, trouble=note)
            await self._events.record(bot.resource, "ReleaseIncomplete", note, action="Release", kind="Warning")
        else:
            await self._events.record(bot.resource, "Released", "no order of the bot is open", action="Release")
        try:
            await self.let_go(bot)
        except ApiError as error:
            if error.status not in _OVERTAKEN or not await self._is_gone(bot):
                raise
        self.forget(bot)
        return None

    async def _is_gone(self, bot: Bot) -> bool:
        """Whether the bot went meanwhile: it is looked at once more when its end has not come by the watch yet."""
        namespace, _, name = bot.key.partition("/")
        found = await self._client.get(TRADING_BOT, namespace, name)
        return found is None or found["metadata"]["uid"] != bot.uid

    def _left(self, bot: Bot) -> float:
        """Seconds until the bound; an operator that was down meanwhile still tries for as long."""
        assert bot.deleted_at is not None
        since = max(bot.deleted_at, self._began)
        return self._timeout - (datetime.now(UTC) - since).total_seconds()

    async def _outcome(self, bot: Bot) -> Outcome:
        policy, model, unreadable = bot.resource["spec"].get("deletionPolicy"), None, ""
        try:
            model = model_of(bot)
        except ConfigErrors as error:
            # It may have traded while its spec could still be read.
            unreadable = str(error)
        if policy == DeletionPolicy.LEAVE.value or (model is not None and not wants_release(model)):
            return Outcome(done=True)
        try:
            outcome = await self._by_the_bot(bot, flatten=policy == DeletionPolicy.FLATTEN.value)
        except (TemporaryError, PermanentError) as error:
            self._log.info("bot does not answer at its end", bot=bot.key, error=str(error))
        else:
            self._silent_since.pop(bot.uid, None)
            return outcome
        if self._may_answer_yet(bot):
            return Outcome(done=False)
        if model is not None:
            try:
                return await self._by_a_job(bot, release_job(model, self._site()))
            except ConfigErrors as error:
                # What can be read need not be a plan: a kind of strategy that is not known any more.
                unreadable = str(error)
        return Outcome(done=False, trouble=f"nobody answers, and no Job can be made of this spec: {unreadable}")

    def _may_answer_yet(self, bot: Bot) -> bool:
        """Whether a bot that did not answer just now is asked again before a Job is made."""
        now = time.monotonic()
        silent = now - self._silent_since.setdefault(bot.uid, now)
        ready = any(isinstance(pod.facts, PodFacts) and pod.facts.ready for pod in self._children.pods(bot.key))
        return ready and silent < self._timeout / 3

    async def _by_the_bot(self, bot: Bot, *, flatten: bool) -> Outcome:
        resource = bot.resource
        if bot.uid not in self._asked:
            try:
                found = await self._running.emergency_stop(resource, REASON, flatten=flatten)
            except TemporaryError:
                found = await self._running.cancel_orders(resource)
                if flatten:
                    found = {"troubles": [*found["troubles"], "the engine is silent, so positions could not be sold"]}
            self._asked[bot.uid] = "; ".join(found["troubles"])
        trouble = self._asked[bot.uid]
        if trouble:
            del self._asked[bot.uid]  # ask again until the bound
            return Outcome(done=False, trouble=trouble)
        if flatten and (positions := await self._running.open_positions(resource)):
            return Outcome(done=False, trouble=f"{positions} positions are still being sold")
        return Outcome(done=True)

    async def _by_a_job(self, bot: Bot, manifest: Manifest) -> Outcome:
        name: Name = (JOB.kind, manifest["metadata"]["name"])
        child = self._children.of(bot.key).get(name)
        if child is None:
            metadata = {**manifest["metadata"], "ownerReferences": [owner_of(bot)]}
            try:
                self._children.answered(JOB, await self._client.create(JOB, {**manifest, "metadata": metadata}))
            except ApiError as error:
                if error.passing:
                    raise
                return Outcome(done=True, trouble=f"no pod answers, and the Job that would is refused: {error}")
            return Outcome(done=False)
        facts = child.facts
        if isinstance(facts, JobFacts) and facts.failed:
            return Outcome(done=True, trouble=f"no pod answers, and Job {child.name} failed: {facts.message}")
        return Outcome(done=isinstance(facts, JobFacts) and facts.succeeded)

    async def _write(self, bot: Bot, finalizers: list[str]) -> Mapping[str, Any]:
        namespace, _, name = bot.key.partition("/")
        manifest = {
            "apiVersion": TRADING_BOT.api_version,
            "kind": TRADING_BOT.kind,
            "metadata": {"name": name, "namespace": namespace, "uid": bot.uid, "finalizers": finalizers},
        }
        return await self._client.apply(TRADING_BOT, manifest, FIELD_MANAGER)
