"""What the children of a bot should be: rendered from its spec, owned by it, marked with the hash of what was applied.

Only hashes are kept; the manifests are rendered again when one is to be written, which is seldom.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tradewind.contracts.api.document import read_resource
from tradewind.contracts.api.v1alpha1 import API_VERSION, KIND, TradingBot
from tradewind.contracts.labels import APPLIED_HASH, COMPONENT, TEMPLATE_HASH
from tradewind.plan import plan
from tradewind_operator.bots import Bot
from tradewind_operator.children import Name
from tradewind_operator.kinds import DEPLOYMENT
from tradewind_operator.manifests import Manifest, Site, render, template_hash, uses_site_storage, wants_release


@dataclass(frozen=True, slots=True)
class Desired:
    """What was rendered for `intent` on `site`, as hashes, and what is asked of the model later, which is not kept."""

    intent: tuple[Any, ...]
    site: Site
    hashes: Mapping[Name, str]
    """Of all children by kind and name, in the order in which they are applied."""
    workloads: Mapping[str, str]
    """The name of the workload of each Deployment, in the order of dependencies."""
    services: Mapping[str, tuple[str, ...]]
    """The services of each workload."""
    released: bool
    """Whether something of the bot would outlive it, so that its deletion has to wait."""
    site_storage: bool
    """Whether it rests on the storage of the installation."""

    @property
    def storage_missing(self) -> bool:
        """Whether it rests on storage that the installation does not have."""
        return self.site_storage and not self.site.storage_wired


def manifests(model: TradingBot, bot: Bot, site: Site) -> dict[Name, Manifest]:
    """Every child but the Secrets, ready to be applied."""
    owner = owner_of(bot)
    return {(one["kind"], one["metadata"]["name"]): marked(one, owner) for one in render(model, site)}


def owner_of(bot: Bot) -> dict[str, Any]:
    """The reference by which Kubernetes deletes a child after its bot."""
    name = bot.key.partition("/")[2]
    reference = {"apiVersion": API_VERSION, "kind": KIND, "name": name, "uid": bot.uid}
    return {**reference, "controller": True, "blockOwnerDeletion": True}


def desired(bot: Bot, model: TradingBot, site: Site, found: Mapping[Name, Manifest]) -> Desired:
    """The record of the manifests that were rendered from `model` on `site`."""
    return Desired(
        intent=bot.intent,
        site=site,
        hashes={name: one["metadata"]["annotations"][APPLIED_HASH] for name, one in found.items()},
        workloads={name: _component_of(one) for (kind, name), one in found.items() if kind == DEPLOYMENT.kind},
        services={workload.name: workload.services for workload in plan(model)},
        released=wants_release(model),
        site_storage=uses_site_storage(model),
    )


def model_of(bot: Bot) -> TradingBot:
    """The resource as our model; raises `ConfigErrors` for what the API server could not see."""
    return read_resource(bot.resource)


def _component_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"][COMPONENT])


def marked(manifest: Manifest, owner: Mapping[str, Any]) -> Manifest:
    """A manifest that is ready to be applied: owned, and with the hash of what it says."""
    metadata = {**manifest["metadata"], "ownerReferences": [dict(owner)]}
    annotations = dict(metadata.get("annotations", {}))
    if manifest["kind"] == DEPLOYMENT.kind:
        annotations[TEMPLATE_HASH] = template_hash(manifest)
    owned = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    annotations[APPLIED_HASH] = hash_of(owned)
    return owned


def hash_of(content: Any) -> str:
    """Thirty-two hexadecimal digits that are the same for the same content."""
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
