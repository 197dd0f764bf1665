"""The children of a `Backtest`: what its pods read, what they may reach, and the Job that runs them once.

A Job is made once and never changed, as its Backtest. A pod whose work is refused (an exit code of the command that
says so) ends the Job at once, because it would be refused again; a pod that was killed or lost its database is made
again a few times, and goes on with what its share of a search has left.
"""

from __future__ import annotations

import json
from typing import Any

from tradewind.contracts.api.backtest import Backtest, pod_document
from tradewind.contracts.labels import (
    BACKTEST,
    COMPONENT,
    INSTANCE,
    MADE_BY,
    MANAGED_BY,
    NAME,
    OPERATOR,
    PART_OF,
    PRODUCT,
    VERSION,
)
from tradewind_operator.manifests.names import label_value
from tradewind_operator.manifests.network import DNS
from tradewind_operator.manifests.pods import container_security, image_of, migration, pod_security
from tradewind_operator.manifests.secrets import DATABASE_URL_FILE, STORAGE
from tradewind_operator.manifests.site import Manifest, Site
from tradewind_operator.manifests.storage import STORAGE_DIRECTORY
from tradewind_operator.manifests.volumes import FILE_MODE, MANIFEST, MANIFEST_DIRECTORY

MANIFEST_FILE = "backtest.yaml"
MESSAGE_FILE = "/dev/termination-log"
REFUSED = (2, 3, 4)
"""Exit codes of a command that would say the same again: usage, an invalid manifest, an object that is not there."""
RETRIES = 4
KEPT_SECONDS = 3600
"""For so long a Job that is over, with its pods and their logs, is there to be looked at."""
_GRACE_SECONDS = 10
_REQUESTS = {"cpu": "250m", "memory": "256Mi"}
_LIMITS = {"memory": "1Gi"}


def child_of(backtest: Backtest) -> str:
    """The name of every child: no child of a bot ends like it."""
    return f"{backtest.metadata.name}-{BACKTEST}"


def pod_selector(name: str) -> dict[str, str]:
    """The labels that select the pods of the Backtest of a name, and of no bot."""
    return {NAME: BACKTEST, INSTANCE: name}


def uses_database(backtest: Backtest, site: Site) -> bool:
    """Whether whole results are kept: in a database of its own, or in that of the installation."""
    return backtest.options.storage.postgres_secret_ref is not None or site.storage_wired


def storage_missing(backtest: Backtest, site: Site) -> bool:
    """Whether several pods would share a search and have nothing to share it by."""
    return backtest.shares and not uses_database(backtest, site)


def copied_address(backtest: Backtest, site: Site) -> Manifest | None:
    """The Secret for the address of the installation's database, without it; None where none is needed."""
    if not site.storage_wired or backtest.options.storage.postgres_secret_ref is not None:
        return None
    metadata = {"name": child_of(backtest), "namespace": backtest.metadata.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**metadata, "labels": _labels(backtest), "annotations": {MADE_BY: OPERATOR}},
        "type": "Opaque",
    }


def render_backtest(backtest: Backtest, site: Site, uid: str) -> tuple[Manifest, ...]:
    """The children but the Secret, the Job last; `uid` is of the resource."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(backtest, site),
        "automountServiceAccountToken": False,
    }
    text = json.dumps(pod_document(backtest), indent=2, ensure_ascii=False) + "\n"
    file = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(backtest, site),
        "data": {MANIFEST_FILE: text},
    }
    return account, file, _policy(backtest, site), _job(backtest, site, uid)


def _policy(backtest: Backtest, site: Site) -> Manifest:
    """Nobody comes in; out goes who has a database, to that."""
    stored = uses_database(backtest, site)
    rules = [{"ports": DNS}, {"ports": [{"protocol": "TCP", "port": site.postgres_port}]}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(backtest, site),
        "spec": {
            "podSelector": {"matchLabels": pod_selector(backtest.metadata.name)},
            **({"egress": rules} if stored else {}),
            "policyTypes": ["Ingress", "Egress"],
        },
    }


def _job(backtest: Backtest, site: Site, uid: str) -> Manifest:
    refused = {"containerName": BACKTEST, "operator": "In", "values": list(REFUSED)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(backtest, site),
        "spec": {
            "completionMode": "Indexed",
            "completions": backtest.pods,
            "parallelism": backtest.pods,
            "backoffLimit": RETRIES,
            "podFailurePolicy": {
                "rules": [
                    {"action": "FailJob", "onExitCodes": refused},
                    # A node that is drained is not the fault of what ran there.
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": _labels(backtest)}, "spec": _pod(backtest, site, uid)},
        },
    }


def _pod(backtest: Backtest, site: Site, uid: str) -> Manifest:
    stored = uses_database(backtest, site)
    volumes = _volumes(backtest, stored=stored)
    mounts = [mount for _, mount in volumes]
    variables = {"TRADEWIND_LOG_STYLE": "json"}
    if stored:
        variables["TRADEWIND_DATABASE_URL_FILE"] = f"{STORAGE_DIRECTORY}/{DATABASE_URL_FILE}"
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    spec: dict[str, Any] = {
        "serviceAccountName": child_of(backtest),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "containers": [
            {
                "name": BACKTEST,
                **image_of(site),
                "args": [
                    "backtest-job",
                    f"{MANIFEST_DIRECTORY}/{MANIFEST_FILE}",
                    "--uid",
                    uid,
                    "--message",
                    MESSAGE_FILE,
                ],
                "env": environment,
                "resources": _resources(backtest),
                "securityContext": container_security(),
                "terminationMessagePath": MESSAGE_FILE,
                # Of a pod that was killed the last lines of its log are what is left to read.
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": mounts,
            }
        ],
        "volumes": [volume for volume, _ in volumes],
    }
    if stored:
        spec["initContainers"] = [migration(site, environment, mounts)]
    if site.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in site.image_pull_secrets]
    return spec


def _resources(backtest: Backtest) -> Manifest:
    asked = backtest.options.resources
    own = asked.model_dump(mode="json", by_alias=True, exclude_none=True) if asked is not None else {}
    return {"requests": _REQUESTS | own.get("requests", {}), "limits": _LIMITS | own.get("limits", {})}


def _volumes(backtest: Backtest, *, stored: bool) -> list[tuple[Manifest, Manifest]]:
    """Each volume with its mount."""
    found: list[tuple[Manifest, Manifest]] = [
        (
            {"name": MANIFEST, "configMap": {"name": child_of(backtest), "defaultMode": 0o444}},
            {"name": MANIFEST, "mountPath": MANIFEST_DIRECTORY, "readOnly": True},
        ),
        ({"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}, {"name": "tmp", "mountPath": "/tmp"}),  # noqa: S108
    ]
    if stored:
        own = backtest.options.storage.postgres_secret_ref
        secret = {
            "secretName": own.name if own is not None else child_of(backtest),
            "defaultMode": FILE_MODE,
            "items": [{"key": DATABASE_URL_FILE, "path": DATABASE_URL_FILE}],
        }
        mount = {"name": STORAGE, "mountPath": STORAGE_DIRECTORY, "readOnly": True}
        found.append(({"name": STORAGE, "secret": secret}, mount))
    return found


def _labels(backtest: Backtest) -> dict[str, str]:
    names = pod_selector(backtest.metadata.name)
    return {**names, COMPONENT: BACKTEST, PART_OF: PRODUCT, MANAGED_BY: OPERATOR}


def _metadata(backtest: Backtest, site: Site) -> Manifest:
    return {
        "name": child_of(backtest),
        "namespace": backtest.metadata.namespace,
        "labels": {**_labels(backtest), VERSION: label_value(site.version)},
    }
