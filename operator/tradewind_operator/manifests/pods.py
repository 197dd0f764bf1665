"""The pod of a workload: one container that runs its services, and what it may see.

Nothing in a template changes with the operator's version, with `suspended` or with `emergencyStop`.

Several services share a container and a kubelet asks one address per probe: `/processz` of the first service answers
for the whole process (ready when every service in it is), and `/healthz` for its event loop, which all of them share.
"""

from __future__ import annotations

from typing import Any

from tradewind.contracts.api.v1alpha1 import Profile, TradingBot
from tradewind.contracts.labels import CONFIG_HASH, RESTART, RESTART_OF
from tradewind.plan import Workload
from tradewind_operator.manifests.hashes import config_hash
from tradewind_operator.manifests.names import (
    WHOLE,
    child_name,
    pod_labels,
    selector,
)
from tradewind_operator.manifests.options import WorkloadOptions, options_of
from tradewind_operator.manifests.secrets import API_KEY_FILE
from tradewind_operator.manifests.site import Manifest, Site
from tradewind_operator.manifests.storage import (
    STATE_DIRECTORY,
    storage_environment,
    storage_use,
)
from tradewind_operator.manifests.volumes import (
    KEY_DIRECTORY,
    MANIFEST_DIRECTORY,
    MANIFEST_FILE,
    STRATEGY_DIRECTORY,
    credentials_environment,
    strategies_of,
    volumes_of,
)

USER = 10_001
GRACE_SECONDS = 30
GRACE_SECONDS_OF_ORDERS = 60

_SPREAD_OVER = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
_DOWNWARD = (("POD_NAME", "metadata.name"), ("POD_NODE", "spec.nodeName"), ("POD_UID", "metadata.uid"))


def pod_template(bot: TradingBot, site: Site, workload: Workload) -> Manifest:
    """The template of the pods of `workload`; raises `ConfigErrors` where its services disagree about the pod."""
    options = options_of(bot, workload)
    volumes = volumes_of(bot, workload)
    annotations = {CONFIG_HASH: config_hash(bot)}
    for name in (RESTART, f"{RESTART_OF}{workload.name}"):
        if name in bot.metadata.annotations:
            annotations[name] = bot.metadata.annotations[name]
    spec: Manifest = {
        "serviceAccountName": child_name(bot, WHOLE),
        "automountServiceAccountToken": False,
        # A Service called `tradewind` would else set variables that look like our own.
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": (
            GRACE_SECONDS_OF_ORDERS if "execution" in workload.services else GRACE_SECONDS
        ),
        "containers": [container(bot, site, workload, options, [mount for _, mount in volumes])],
        "volumes": [volume for volume, _ in volumes],
        **_placement(bot, workload, options),
    }
    if site.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in site.image_pull_secrets]
    if storage_use(bot, workload).database:
        spec["initContainers"] = [_migration(bot, site, workload, [mount for _, mount in volumes])]
    return {
        "metadata": {
            "labels": {**options.labels, **pod_labels(bot, workload.name)},
            "annotations": {**options.annotations, **annotations},
        },
        "spec": spec,
    }


def container(
    bot: TradingBot, site: Site, workload: Workload, options: WorkloadOptions, mounts: list[Manifest]
) -> Manifest:
    """The container that runs the services of `workload`."""
    first = workload.services[0]
    return {
        "name": workload.name,
        **image_of(site),
        "args": _arguments(bot, workload),
        "env": [*environment(bot, site, workload), *_own(options)],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in workload.ports.items()],
        "resources": options.resources,
        "securityContext": container_security(),
        # The last line of a crash is what the condition `Degraded` shows.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "startupProbe": {**_probe("/healthz", first), "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {**_probe("/processz", first), "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**_probe("/healthz", first), "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": mounts,
    }


def environment(bot: TradingBot, site: Site, workload: Workload) -> list[Manifest]:
    """The variables that the operator sets, in a fixed order; a bot cannot set these (`contracts.api.cluster.OURS`)."""
    variables = {
        "TRADEWIND_ENVIRONMENT": "Production",
        "TRADEWIND_HOST": "0.0.0.0",  # noqa: S104  (who may come is the NetworkPolicy's matter)
        "TRADEWIND_KEY_DIRECTORY": KEY_DIRECTORY,
        "TRADEWIND_LOG_STYLE": "json",
        "TRADEWIND_STATE_DIRECTORY": STATE_DIRECTORY,
    }
    if bot.spec.profile is not Profile.MINIMAL:
        variables["TRADEWIND_PEER_ADDRESS"] = f"http://{bot.metadata.name}-{{service}}:{{port}}"
    if "gateway" in workload.services:
        variables["TRADEWIND_GATEWAY__API_KEY_FILE"] = f"{KEY_DIRECTORY}/{API_KEY_FILE}"
    if strategies_of(bot, workload):
        variables["TRADEWIND_STRATEGY_DIRECTORY"] = STRATEGY_DIRECTORY
    variables |= credentials_environment(bot, workload)
    variables |= storage_environment(storage_use(bot, workload))
    plain = [{"name": name, "value": value} for name, value in variables.items()]
    return [*plain, *_own_address(bot), *_tracing(bot, site, workload)]


def otlp_endpoint(bot: TradingBot, site: Site) -> str | None:
    """Where traces go: the bot's own word before the installation's."""
    return bot.spec.telemetry.otlp_endpoint or site.otlp_endpoint


def container_security() -> Manifest:
    """What PodSecurity `restricted` asks of a container, and a root file system that cannot be written."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def pod_security() -> Manifest:
    """What PodSecurity `restricted` asks of a pod, and a user of its own."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _arguments(bot: TradingBot, workload: Workload) -> list[str]:
    whole = [] if bot.spec.profile is Profile.MINIMAL else ["--services", ",".join(workload.services)]
    # The installation has allowed it, or this bot would not have been rendered.
    live = ["--live"] if str(bot.spec.mode) == "Live" else []
    return ["serve", f"{MANIFEST_DIRECTORY}/{MANIFEST_FILE}", *whole, *live]


def image_of(site: Site) -> Manifest:
    """The image of a container, and its one command."""
    return {"image": site.image, "imagePullPolicy": site.image_pull_policy, "command": ["tradewind"]}


def _probe(path: str, service: str) -> Manifest:
    return {"httpGet": {"path": path, "port": service, "scheme": "HTTP"}, "timeoutSeconds": 3}


def _own(options: WorkloadOptions) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in options.environment.items()]


def _own_address(bot: TradingBot) -> list[Manifest]:
    """What a pod tells the others of the bot: it listens on every address, which is none that one could go to."""
    if bot.spec.profile is Profile.MINIMAL:
        return []
    return [{"name": "TRADEWIND_ADVERTISED_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]


def _tracing(bot: TradingBot, site: Site, workload: Workload) -> list[Manifest]:
    endpoint = otlp_endpoint(bot, site)
    if endpoint is None:
        return []
    downward = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in _DOWNWARD]
    attributes = {
        "k8s.namespace.name": bot.metadata.namespace,
        "k8s.deployment.name": child_name(bot, workload.name),
        "k8s.pod.name": "$(POD_NAME)",
        "k8s.pod.uid": "$(POD_UID)",
        "k8s.node.name": "$(POD_NODE)",
        "tradewind.bot": bot.key,
    }
    from_bot = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{name}={value}" for name, value in attributes.items()),
        "OTEL_SERVICE_NAME": workload.name,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": format(bot.spec.telemetry.sampling_ratio, "f"),
    }
    return [*downward, *({"name": name, "value": value} for name, value in from_bot.items())]


def _migration(bot: TradingBot, site: Site, workload: Workload, mounts: list[Manifest]) -> Manifest:
    """Brings the database to the newest revision before any service loads; a lock in it lets one at a time."""
    return migration(site, environment(bot, site, workload), mounts)


def migration(site: Site, variables: list[Manifest], mounts: list[Manifest]) -> Manifest:
    """The container that brings a database to the newest revision."""
    return {
        "name": "migrate",
        **image_of(site),
        "args": ["migrate"],
        "env": variables,
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": container_security(),
        "volumeMounts": mounts,
    }


def _placement(bot: TradingBot, workload: Workload, options: WorkloadOptions) -> Manifest:
    found: dict[str, Any] = {}
    if options.node_selector:
        found["nodeSelector"] = options.node_selector
    if options.tolerations:
        found["tolerations"] = list(options.tolerations)
    if options.priority_class_name is not None:
        found["priorityClassName"] = options.priority_class_name
    # One pod cannot be spread, so a singleton has no such constraint unless it is asked for.
    even = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
    spread = {key: {"topologyKey": key, **even} for key in _SPREAD_OVER if workload.scalable} | options.topology_spread
    if spread:
        labels = {"labelSelector": {"matchLabels": selector(bot, workload.name)}}
        found["topologySpreadConstraints"] = [{**one, **labels} for _, one in sorted(spread.items())]
    return found
