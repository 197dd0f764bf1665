"""The programs of the control plane and how each is called.

All listen on loopback ports that were reserved for them, identify themselves by certificates of one authority made for
this run, and keep everything below one directory. Where a flag differs from what a cluster has, it is for the sake of
tests: faster, smaller, and without what needs a network.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Authority, signing_key
from tests.cluster.processes import LOOPBACK

from tradewind.catalog import CATALOG

HERE = Path(__file__).parent

API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
ETCD = "etcd"
KWOK = "kwok"
METRICS_SERVER = "metrics-server"

PORTS = ("etcd", "etcd-peer", API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK, METRICS_SERVER)
"""What a port is needed for, in the order in which ports are given out."""

CONTAINERS = ("bot", *sorted({spec.name for spec in CATALOG} | {spec.group.value for spec in CATALOG}))
"""Whose logs can be read: those of every workload of every profile."""

ADMINISTRATORS = "system:masters"
SERVICE_ADDRESSES = "10.96.0.0/16"
POD_ADDRESSES = "10.244.0.0/16"
_IN_A_HURRY = ("--kube-api-qps=300", "--kube-api-burst=600")
"""At the defaults the controllers start 4 s later and are slower than what they are meant to serve."""


@dataclass(frozen=True)
class Layout:
    """Where everything of one control plane is: its directory, its programs, its ports.

    `node` is the address of a real node in whose network the control plane runs, at which pods reach the API server;
    None where the nodes are played.
    """

    directory: Path
    programs: Mapping[str, Path]
    ports: Mapping[str, int]
    node: str | None = None

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://{LOOPBACK}:{self.ports[API_SERVER]}"

    @property
    def certificates(self) -> Path:
        """The directory of keys and certificates."""
        return self.directory / "certificates"

    @property
    def audit_log(self) -> Path:
        """Where the API server writes down who changed what."""
        return self.directory / "logs" / "audit.log"

    def container_log(self, container: str, *, previous: bool = False) -> Path:
        """What containers of this name say, in every pod: kwok reads it out where a kubelet would ask the runtime."""
        return self.directory / "containers" / f"{container}{'.previous' if previous else ''}.log"

    def kubeconfig(self, name: str) -> Path:
        """The file by which the holder of the certificate `name` reaches the API server."""
        return self.directory / f"{name}.kubeconfig"


def prepare(layout: Layout, users: Mapping[str, tuple[str, str | None]] | None = None) -> None:
    """Writes certificates and kubeconfigs for everybody: `admin` is the one for the tests.

    `users` are further ones: name of the file -> name of the user and group.
    """
    layout.certificates.mkdir(parents=True)
    (layout.directory / "logs").mkdir()
    names = (LOOPBACK, "10.96.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    names = (*names, layout.node) if layout.node else names
    authority = Authority("authority", layout.certificates)
    authority.issue(API_SERVER, API_SERVER, hosts=names)
    authority.issue("proxy", "proxy", hosts=names)
    authority.issue("admin", "admin", ADMINISTRATORS)
    for name in (CONTROLLER_MANAGER, SCHEDULER):
        authority.issue(name, f"system:{name}")
    for name in (KWOK, METRICS_SERVER):
        authority.issue(name, name, ADMINISTRATORS, hosts=(LOOPBACK,))
    for name, (user, group) in (users or {}).items():
        authority.issue(name, user, group)
    # Aggregated APIs (metrics-server) trust the API server by an authority of its own.
    Authority("aggregator-authority", layout.certificates).issue("aggregator", "aggregator")
    signing_key("service-accounts", layout.certificates)
    for name in ("admin", CONTROLLER_MANAGER, SCHEDULER, KWOK, METRICS_SERVER, *(users or ())):
        user = {
            "client-certificate-data": _encoded(layout.certificates / f"{name}.crt"),
            "client-key-data": _encoded(layout.certificates / f"{name}.key"),
        }
        write_kubeconfig(layout, layout.kubeconfig(name), user)

    _prepare_container_logs(layout)


def _prepare_container_logs(layout: Layout) -> None:
    (layout.directory / "containers").mkdir()
    logs = []
    for name in CONTAINERS:
        files = [layout.container_log(name), layout.container_log(name, previous=True)]
        for file in files:
            file.touch()
        logs.append(
            {"containers": [name], "logsFile": str(files[0]), "previousLogsFile": str(files[1]), "follow": True}
        )
    content = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "containers"},
        "spec": {"logs": logs},
    }
    (layout.directory / "kwok-logs.yaml").write_text(json.dumps(content, indent=1))


def write_kubeconfig(
    layout: Layout, file: Path, user: Mapping[str, str], namespace: str = "default", server: str | None = None
) -> None:
    """A kubeconfig for `user` (the content of `users[].user`); `server` is a proxy."""
    authority = _encoded(layout.certificates / "authority.crt")
    cluster = {"server": server or layout.url, "certificate-authority-data": authority}
    # JSON is YAML, and is written without a library.
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tests", "user": dict(user)}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": namespace}}],
        "current-context": "tests",
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=1))


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def commands(layout: Layout) -> dict[str, list[str]]:
    """Component -> command line."""
    arguments = {
        ETCD: _etcd(layout),
        API_SERVER: _api_server(layout),
        CONTROLLER_MANAGER: _controller_manager(layout),
        SCHEDULER: [*_controller(layout, SCHEDULER), *_IN_A_HURRY],
        KWOK: _kwok(layout),
        METRICS_SERVER: _metrics_server(layout),
    }
    # kwok has no place beside a real node.
    return {
        name: [str(layout.programs[name]), *each]
        for name, each in arguments.items()
        if layout.node is None or name != KWOK
    }


def _etcd(layout: Layout) -> list[str]:
    client, peer = (f"http://{LOOPBACK}:{layout.ports[name]}" for name in ("etcd", "etcd-peer"))
    return [
        f"--data-dir={layout.directory / 'etcd'}",
        "--unsafe-no-fsync",  # what is in it is thrown away
        "--auto-compaction-retention=5m",
        "--log-level=warn",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _api_server(layout: Layout) -> list[str]:
    keys = layout.certificates
    return [
        f"--etcd-servers=http://{LOOPBACK}:{layout.ports['etcd']}",
        *_reached_at(layout),
        f"--secure-port={layout.ports[API_SERVER]}",
        f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
        f"--tls-cert-file={keys}/{API_SERVER}.crt",
        f"--tls-private-key-file={keys}/{API_SERVER}.key",
        f"--client-ca-file={keys}/authority.crt",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys}/service-accounts.pub",
        f"--service-account-signing-key-file={keys}/service-accounts.key",
        "--authorization-mode=Node,RBAC",
        # Some distributions have it on: who sets an owner must be allowed to hold that owner up.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        f"--kubelet-client-certificate={keys}/admin.crt",
        f"--kubelet-client-key={keys}/admin.key",
        f"--requestheader-client-ca-file={keys}/aggregator-authority.crt",
        "--requestheader-allowed-names=aggregator",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys}/aggregator.crt",
        f"--proxy-client-key-file={keys}/aggregator.key",
        f"--audit-policy-file={HERE / 'audit-policy.yaml'}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=2000",  # megabytes; a rotated log would be an incomplete one
    ]


def _reached_at(layout: Layout) -> list[str]:
    if layout.node is None:
        # Endpoints must not be loopback addresses.
        return [f"--bind-address={LOOPBACK}", f"--advertise-address={LOOPBACK}", "--endpoint-reconciler-type=none"]
    return [
        "--bind-address=0.0.0.0",
        f"--advertise-address={layout.node}",
        "--enable-aggregator-routing=true",  # the address of metrics-server's Service leads nowhere from the host
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _controller(layout: Layout, name: str) -> list[str]:
    kubeconfig = layout.kubeconfig(name)
    return [
        f"--bind-address={LOOPBACK}",
        f"--secure-port={layout.ports[name]}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
    ]


def _controller_manager(layout: Layout) -> list[str]:
    keys = layout.certificates
    return [
        *_controller(layout, CONTROLLER_MANAGER),
        *_IN_A_HURRY,
        "--use-service-account-credentials",
        f"--root-ca-file={keys}/authority.crt",
        f"--service-account-private-key-file={keys}/service-accounts.key",
        f"--cluster-signing-cert-file={keys}/authority.crt",
        f"--cluster-signing-key-file={keys}/authority.key",
        "--horizontal-pod-autoscaler-sync-period=5s",
        # By default the CPU of a pod says nothing for its first five minutes.
        "--horizontal-pod-autoscaler-cpu-initialization-period=20s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
    ]


def _kwok(layout: Layout) -> list[str]:
    keys, port = layout.certificates, layout.ports[KWOK]
    return [
        f"--config={HERE / 'kwok.yaml'}",
        f"--config={layout.directory / 'kwok-logs.yaml'}",
        f"--kubeconfig={layout.kubeconfig(KWOK)}",
        "--manage-all-nodes=true",
        f"--node-ip={LOOPBACK}",
        f"--cidr={POD_ADDRESSES}",
        "--node-lease-duration-seconds=40",
        f"--server-address={LOOPBACK}:{port}",
        f"--node-port={port}",
        f"--tls-cert-file={keys}/{KWOK}.crt",
        f"--tls-private-key-file={keys}/{KWOK}.key",
    ]


def _metrics_server(layout: Layout) -> list[str]:
    keys = layout.certificates
    where = f"--bind-address={LOOPBACK}"
    return [
        *(flag for flag in _controller(layout, METRICS_SERVER) if flag not in ("--leader-elect=false", where)),
        f"--bind-address={layout.node or LOOPBACK}",
        f"--cert-dir={layout.directory / 'metrics-server'}",
        f"--tls-cert-file={keys}/{METRICS_SERVER}.crt",
        f"--tls-private-key-file={keys}/{METRICS_SERVER}.key",
        "--kubelet-insecure-tls",
        "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=5s",
    ]
