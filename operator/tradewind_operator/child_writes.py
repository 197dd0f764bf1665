"""How one child of a bot is written: only ever as what it is known to be.

A child that is not known is made where nothing is, and never laid over what is there; a known one is changed as the
very object that it was. So neither what the watch has not told yet nor what another has put into the place of a child
can be overwritten: an object of somebody else that bears its name is left as it is, and named.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from tradewind.contracts.labels import OPERATOR
from tradewind.domain.errors import TemporaryError, TradewindError
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.bots import Bot
from tradewind_operator.children import Child, Rollout, bot_key, container_names, read_child
from tradewind_operator.kinds import CLAIM, Resource
from tradewind_operator.manifests import Manifest

NEVER = "1"
"""A resourceVersion that no object has: server-side apply then makes the object, or refuses where there is one."""


class ChildConflictError(TradewindError):
    """An object of somebody else has the name of a child."""


class ChildWrites:
    """Writes children through `client`."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def make_so(self, bot: Bot, resource: Resource, manifest: Manifest, known: Child | None) -> Mapping[str, Any]:
        """Make one child as its manifest says; the object as it then is.

        Raises `ChildConflictError`, `TemporaryError` while something ends, `ApiError`.
        """
        if known is not None:
            _check(bot, known)
        answer = await self._under_condition(resource, manifest, known)
        return answer if answer is not None else await self._after_a_second_look(bot, resource, manifest)

    async def _under_condition(
        self, resource: Resource, manifest: Manifest, known: Child | None
    ) -> Mapping[str, Any] | None:
        """Change the very object that is known, or make one where none is; None where that is not how things are."""
        condition = {"uid": known.uid} if known is not None else {"resourceVersion": NEVER}
        metadata = {**manifest["metadata"], **condition}
        try:
            if known is not None and resource is CLAIM:
                # What a claim asks for cannot be changed by us, and a person may have enlarged it.
                return await self._client.merge(CLAIM, metadata["namespace"], known.name, {"metadata": metadata})
            return await self._written(resource, {**manifest, "metadata": metadata}, known)
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT or _is_another(error):
                return None
            raise

    async def _written(self, resource: Resource, manifest: Manifest, known: Child | None) -> Mapping[str, Any]:
        """Apply it; whole lists are replaced first where what is applied cannot lie beside theirs.

        What is applied is laid beside the items that somebody else has put into a list, and may be refused for that
        (two ports of one name), or would trade beside ours (a container that somebody has renamed).
        """
        metadata = manifest["metadata"]
        try:
            if known is None or not _runs_others(manifest, known):
                answer = await self._applied(resource, manifest)
                # It may have been changed a moment before, which no watch has told yet.
                if known is None or not _runs_others(manifest, read_child(resource, answer)):
                    return answer
        except ApiError as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY or known is None or _is_another(error):
                raise
        await self._client.merge(resource, metadata["namespace"], metadata["name"], manifest)
        return await self._applied(resource, manifest)

    async def _applied(self, resource: Resource, manifest: Manifest) -> Mapping[str, Any]:
        """Apply it, as the only way in which its fields are ours.

        What was merged is ours a second time, and no apply could take a field of it away. So it is looked for in the
        answer to every apply: whoever merged may have been killed, or somebody else may have written in between.
        """
        metadata = manifest["metadata"]
        answer = await self._client.apply(resource, manifest, OPERATOR)
        owners = owned_once(answer["metadata"].get("managedFields", ()))
        if owners is None:
            return answer
        # Only of the object as it was answered: who owns what may have changed since.
        condition = {key: answer["metadata"][key] for key in ("uid", "resourceVersion")}
        await self._client.merge(
            resource, metadata["namespace"], metadata["name"], {"metadata": {**condition, "managedFields": owners}}
        )
        return await self._client.apply(resource, manifest, OPERATOR)

    async def _after_a_second_look(self, bot: Bot, resource: Resource, manifest: Manifest) -> Mapping[str, Any]:
        """What the watch has not told yet is asked for, and taken over where it is the bot's."""
        name = manifest["metadata"]["name"]
        found = await self._client.find(resource, manifest["metadata"]["namespace"], name)
        known = taken_over(bot, resource, found) if found is not None else None
        if known is not None:
            _check(bot, known)
        answer = await self._under_condition(resource, manifest, known)
        if answer is None:
            raise TemporaryError(f"{resource.kind} {name} is being changed by others", retry_after=0.5)
        return answer


def taken_over(bot: Bot, resource: Resource, found: Mapping[str, Any]) -> Child:
    """The record of an object that was found under the name of a child; raises where it is not the bot's."""
    known = read_child(resource, found)
    if not known.owner and not known.applied_hash and bot_key(found) != bot.key:
        raise ChildConflictError(
            f"there is a {known.kind} {known.name} already that is not of this bot; fix: delete it, or rename the bot"
        )
    check_owner(bot, known)
    return known


def _runs_others(manifest: Manifest, known: Child) -> bool:
    """Whether a Deployment has containers that its manifest does not have."""
    return isinstance(known.facts, Rollout) and not set(known.facts.containers) <= set(container_names(manifest))


def owned_once(managed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]] | None:
    """`managedFields` with all that is ours as what we applied; None where it is so already."""
    # By its type an entry may be without a name.
    ours = [one for one in managed if one.get("manager") == OPERATOR and not one.get("subresource")]
    applied = next((one for one in ours if one["operation"] == "Apply"), None)
    if applied is None:
        return None
    # Fields have other names in other versions of a kind.
    merged = [one for one in ours if one["operation"] == "Update" and one["apiVersion"] == applied["apiVersion"]]
    if not merged:
        return None
    fields = functools.reduce(_united, (one.get("fieldsV1", {}) for one in (applied, *merged)))
    both = {**applied, "fieldsV1": fields}
    return [both if one is applied else one for one in managed if one not in merged]


def _united(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every field that is in one of two sets, each a tree as `fieldsV1` has it."""
    if not one or not other:
        # A leaf is a field itself; beside what is in it, it is a dot.
        children = one or other
        return {".": {}, **children} if children else {}
    return {**one, **other, **{name: _united(one[name], other[name]) for name in one.keys() & other.keys()}}


def _is_another(error: ApiError) -> bool:
    """Whether what was to be changed is another object by now."""
    return error.status == HTTPStatus.UNPROCESSABLE_ENTITY and "metadata.uid" in str(error)


def _check(bot: Bot, known: Child) -> None:
    check_owner(bot, known)
    if known.deleting:
        raise TemporaryError(f"{known.kind} {known.name} is being deleted and will be made again", retry_after=0.5)


def check_owner(bot: Bot, known: Child) -> None:
    """Raise where a child is somebody else's: `TemporaryError` while a predecessor of the same name is ending."""
    if known.owner in ("", bot.uid):
        return
    if known.deleting or known.owner_bot == bot.key.rpartition("/")[2]:
        raise TemporaryError(f"{known.kind} {known.name} of the bot's predecessor is still ending", retry_after=0.5)
    raise ChildConflictError(
        f"{known.kind} {known.name} belongs to another owner (uid {known.owner}); fix: delete it, or rename the bot"
    )
