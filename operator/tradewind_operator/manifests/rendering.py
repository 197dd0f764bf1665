"""All children of a bot but its Secrets, in the order in which they are applied.

What pods need comes before them, and Deployments come such that whoever may be asked starts before whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath

from tradewind import catalog
from tradewind.contracts.api.document import brief_document
from tradewind.contracts.api.v1alpha1 import Profile, TradingBot
from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.errors import ConfigError, ConfigErrors
from tradewind.plan import Workload, has_class, plan
from tradewind_operator.manifests.names import WHOLE, metadata, selector
from tradewind_operator.manifests.network import ASKED_BY_OPERATOR, network_policies
from tradewind_operator.manifests.site import Manifest, Site
from tradewind_operator.manifests.storage import state_claim, storage_use
from tradewind_operator.manifests.volumes import MANIFEST, MANIFEST_FILE
from tradewind_operator.manifests.workloads import autoscaler, deployment, disruption_budget, is_autoscaled

_NOT_FOR_PODS = ("services", "suspended")


def render(bot: TradingBot, site: Site) -> tuple[Manifest, ...]:
    """The children of `bot` on `site`; raises `ConfigErrors` for what only the whole can tell is wrong."""
    _check_live(bot, site)
    order, planned = catalog.start_order(), plan(bot)
    _check_services(bot, planned)
    _check_classes(bot)
    workloads = sorted(planned, key=lambda one: max(order.index(name) for name in one.services))
    children = [_account(bot, site), _bot_file(bot, site)]
    if any(storage_use(bot, one).volume for one in workloads):
        children.append(state_claim(bot, site))
    children += network_policies(bot, site, workloads)
    children += _services(bot, site, workloads)
    children += [disruption_budget(bot, site, one) for one in workloads if one.scalable]
    children += [autoscaler(bot, site, one) for one in workloads if is_autoscaled(bot, one)]
    return (*children, *(deployment(bot, site, one) for one in workloads))


def _check_live(bot: TradingBot, site: Site) -> None:
    if str(bot.spec.mode) == "Live" and not site.allow_live:
        allowed = "Paper: this installation does not trade with real money"
        fix = "leave it at Paper, or let whoever installed the operator set allowLive"
        raise ConfigErrors([ConfigError("spec.mode", "Live", allowed, fix)])


def _check_classes(bot: TradingBot) -> None:
    """A class of the user's comes out of a ConfigMap, and never into a pod that holds the keys of an account."""
    errors, keyed = [], dict[tuple[object, str], object]()
    for row, one in enumerate(bot.spec.strategies):
        if one.kind != FREQTRADE:
            continue
        name, file = one.parameters.get("configMap"), one.parameters["file"]
        first = keyed.setdefault((name, PurePath(file).name), file)
        if name is not None and first != file:
            told = f"{file}, which is the key {PurePath(file).name} of {name} as {first} is"
            fix = "rename one, or name another configMap"
            allowed = "a key for each file: a ConfigMap has no folders"
            errors.append(ConfigError(f"spec.strategies[{row}].parameters.file", told, allowed, fix))
        if name is None:
            fix = f"kubectl create configmap {one.name} --from-file={one.parameters['file']}, and name it here"
            allowed = "on a cluster, the ConfigMap that has the file"
            errors.append(ConfigError(f"spec.strategies[{row}].parameters.configMap", "nothing", allowed, fix))
    keys = [one.name for one in bot.spec.exchanges if one.credentials_secret_ref is not None]
    if has_class(bot) and keys and bot.spec.profile is Profile.MINIMAL:
        allowed = f"Standard or Full beside kind {FREQTRADE}: the one pod of Minimal has the keys of {', '.join(keys)}"
        errors.append(ConfigError("spec.profile", bot.spec.profile.value, allowed, "write Standard or Full"))
    if errors:
        raise ConfigErrors(errors)


def _check_services(bot: TradingBot, workloads: Sequence[Workload]) -> None:
    """What is said of a service that does not run for this bot would silently do nothing."""
    running = [name for workload in workloads for name in workload.services]
    errors = [
        ConfigError(
            f"spec.services[{index}].name",
            one.name.value,
            f"services that this bot uses: {', '.join(running)}",
            "remove it",
        )
        for index, one in enumerate(bot.spec.services)
        if one.name.value not in running
    ]
    if errors:
        raise ConfigErrors(errors)


def _account(bot: TradingBot, site: Site) -> Manifest:
    """Pods have an identity of their own, and no token: they ask nothing of the API server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(bot, site, WHOLE, WHOLE),
        "automountServiceAccountToken": False,
    }


def _bot_file(bot: TradingBot, site: Site) -> Manifest:
    """What pods read as `bot.yaml`, as JSON, which is YAML and is written fast.

    Without what is as by default: the pods may be of an older image, which refuses a file with fields that it does not
    know. Without what is the operator's matter: a pod that starts when a bot is resumed may still read the old file.
    """
    identity = {"name": bot.metadata.name, "namespace": bot.metadata.namespace}
    document = brief_document(bot)
    spec = {name: value for name, value in document["spec"].items() if name not in _NOT_FOR_PODS}
    document |= {"metadata": identity, "spec": spec}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(bot, site, MANIFEST, WHOLE),
        "data": {MANIFEST_FILE: json.dumps(document, indent=2, ensure_ascii=False) + "\n"},
    }


def _services(bot: TradingBot, site: Site, workloads: Sequence[Workload]) -> list[Manifest]:
    reached = set(ASKED_BY_OPERATOR)
    for workload in workloads:
        own = set(workload.services)
        reached |= {called for name in own for called in catalog.service(name).calls if called not in own}
    return [
        _service(bot, site, workload, name)
        for workload in workloads
        for name in workload.services
        if name in reached or catalog.service(name).public
    ]


def _service(bot: TradingBot, site: Site, workload: Workload, name: str) -> Manifest:
    # Nothing is balanced over a singleton: its name leads to its pod directly. An address of the cluster costs the API
    # server more than all the rest of a bot (it gives out some fifty a second), so only those have one that need it.
    # It cannot be changed, so the profile must not decide about it.
    singleton = catalog.service(name).scaling is catalog.Scaling.SINGLETON
    headless = {"clusterIP": "None"} if singleton else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(bot, site, name, name),
        "spec": {
            "type": "ClusterIP",
            **headless,
            "selector": selector(bot, workload.name),
            # An emergency stop must reach the one engine also when it says that it is not ready.
            "publishNotReadyAddresses": not workload.scalable,
            "ports": [
                {"name": "http", "port": workload.ports[name], "targetPort": name, "protocol": "TCP"},
            ],
        },
    }
