"""The programs of a node beside those of the control plane, and what each reads.

containerd and the kubelet run in the node's process namespace, where the containers are; the others only in its
network. Everything that they keep is below the node's directory. Where a setting differs from what a cluster has, it is
because the node is a guest on this machine: it must not touch the machine's logs, memory limits or swap.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cluster.components import API_SERVER, METRICS_SERVER, Layout
from tests.node.images import PAUSE
from tests.node.machine import NETWORK_PLUGINS
from tests.node.sandbox import ADDRESS, Sandbox

CONTAINERD = "containerd"
KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"
COREDNS = "coredns"
FORWARDER_INSIDE = "forwarder-inside"
FORWARDER = "forwarder"

NODE = "node-1"
POD_ADDRESSES = "10.244.0.0/16"
NAME_SERVER = "10.96.0.10"
DISKS = 12
"""How many volume claims can be bound."""

USERS: dict[str, tuple[str, str | None]] = {
    KUBELET: (f"system:node:{NODE}", "system:nodes"),
    KUBE_PROXY: ("system:kube-proxy", None),
    COREDNS: (COREDNS, "system:masters"),
}


def socket_of_containerd(layout: Layout) -> Path:
    """Where containerd is asked."""
    return layout.directory / "containerd" / "containerd.sock"


def prepare(layout: Layout, sandbox: Sandbox) -> None:
    """Writes what the programs of the node read."""
    for folder in ("containerd", "network", "machine/logs/pods", "kubelet-plugins"):
        (layout.directory / folder).mkdir(parents=True, exist_ok=True)
    for number in range(DISKS):
        disk = layout.directory / "disks" / str(number)
        disk.mkdir(parents=True)
        disk.chmod(0o777)
    (layout.directory / "no-names.conf").touch()
    (layout.directory / "containerd" / "config.toml").write_text(_containerd_settings(layout))
    for name, content in (("network/10-pods.conflist", _pod_network()), ("kubelet.json", _kubelet(layout, sandbox))):
        (layout.directory / name).write_text(json.dumps(content, indent=1))
    (layout.directory / "Corefile").write_text(_names(layout))


def commands(layout: Layout, sandbox: Sandbox) -> dict[str, list[str]]:
    """Component -> command line."""
    socket, port = layout.directory / "api.sock", layout.ports[API_SERVER]
    in_its_network = {
        KUBE_PROXY: [
            str(layout.programs[KUBE_PROXY]),
            f"--kubeconfig={layout.kubeconfig(KUBE_PROXY)}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={POD_ADDRESSES}",
            f"--hostname-override={NODE}",
            "--conntrack-max-per-core=0",
            "--oom-score-adj=0",
        ],
        COREDNS: [str(layout.programs[COREDNS]), "-conf", str(layout.directory / "Corefile")],
        # A socket in the file system is reached from every network.
        FORWARDER_INSIDE: [_socat(), f"UNIX-LISTEN:{socket},fork", f"TCP:127.0.0.1:{port}"],
    }
    in_its_processes = {
        CONTAINERD: ["/usr/bin/containerd", "--config", str(layout.directory / "containerd" / "config.toml")],
        KUBELET: [
            str(layout.programs[KUBELET]),
            f"--config={layout.directory / 'kubelet.json'}",
            f"--kubeconfig={layout.kubeconfig(KUBELET)}",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
            f"--root-dir={layout.directory / 'kubelet'}",
            f"--cert-dir={layout.directory / 'kubelet-certificates'}",
            # Without it the usage of single containers is missing from /metrics/cadvisor.
            f"--containerd={socket_of_containerd(layout)}",
        ],
    }
    return {
        **{name: sandbox.within(*command) for name, command in in_its_network.items()},
        **{name: sandbox.within(*command, processes=True) for name, command in in_its_processes.items()},
        FORWARDER: [_socat(), f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", f"UNIX-CONNECT:{socket}"],
    }


def _socat() -> str:
    return "/usr/bin/socat"


def _containerd_settings(layout: Layout) -> str:
    here = layout.directory / "containerd"
    useless = ("btrfs", "zfs", "aufs", "devmapper")
    disabled = [
        *(f"io.containerd.snapshotter.v1.{name}" for name in useless),
        "io.containerd.tracing.processor.v1.otlp",
    ]
    return f"""\
version = 2
root = "{here}/root"
state = "{here}/state"
oom_score = 0
disabled_plugins = {json.dumps(disabled)}
[grpc]
  address = "{here}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{here}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{NETWORK_PLUGINS}"
    conf_dir = "{layout.directory / "network"}"
"""


def _pod_network() -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_ADDRESSES}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipMasq": False}
    plugins = [{**bridge, "ipam": addresses}, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}


def _kubelet(layout: Layout, sandbox: Sandbox) -> dict[str, Any]:
    authority = str(layout.certificates / "authority.crt")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{sandbox.cgroup}",
        "enforceNodeAllocatable": ["none"],
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "containerRuntimeEndpoint": f"unix://{socket_of_containerd(layout)}",
        "podLogsDir": str(layout.directory / "machine" / "logs" / "pods"),
        "volumePluginDir": str(layout.directory / "kubelet-plugins"),
        "resolvConf": str(layout.directory / "no-names.conf"),
        "clusterDNS": [NAME_SERVER],
        "clusterDomain": "cluster.local",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": authority},
        },
        "authorization": {"mode": "Webhook"},
        "serializeImagePulls": False,
        "podPidsLimit": 512,
        "maxPods": 110,
        "syncFrequency": "10s",
        "fileCheckFrequency": "0s",
    }


def _names(layout: Layout) -> str:
    return f"""\
.:53 {{
  bind {ADDRESS}
  errors
  ready {ADDRESS}:8181
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {layout.kubeconfig(COREDNS)}
    pods insecure
  }}
  cache 5
}}
"""


def objects(layout: Layout) -> list[tuple[str, dict[str, Any]]]:
    """What a cluster has besides a node: names, usage, volumes. Each with the path that it is created at."""
    metrics = layout.ports[METRICS_SERVER]
    system = "/api/v1/namespaces/kube-system/services"
    slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    names = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    storage_class = {
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return [
        (system, {"metadata": {"name": "kube-dns"}, "spec": {"clusterIP": NAME_SERVER, "ports": names}}),
        (slices, _endpoint("kube-dns", names)),
        (system, {"metadata": {"name": METRICS_SERVER}, "spec": {"ports": [{"name": "https", "port": 443}]}}),
        (slices, _endpoint(METRICS_SERVER, [{"name": "https", "port": metrics, "protocol": "TCP"}])),
        ("/apis/apiregistration.k8s.io/v1/apiservices", _usage()),
        ("/apis/storage.k8s.io/v1/storageclasses", storage_class),
        *(("/api/v1/persistentvolumes", _disk(layout, number)) for number in range(DISKS)),
    ]


def _endpoint(service: str, ports: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "metadata": {"name": f"{service}-node", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
    }


def _usage() -> dict[str, Any]:
    service = {"name": METRICS_SERVER, "namespace": "kube-system", "port": 443}
    spec = {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100}
    return {
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {**spec, "insecureSkipTLSVerify": True, "service": service},
    }


def _disk(layout: Layout, number: int) -> dict[str, Any]:
    on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "metadata": {"name": f"disk-{number}"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "standard",
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(layout.directory / "disks" / str(number))},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
        },
    }
