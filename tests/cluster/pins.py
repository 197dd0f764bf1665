"""Which programs a control plane consists of, in which versions, and where built ones are kept.

`toolchain/NAME/go.mod` and `go.sum` beside this module are the pins: the version of a tool stands in its go.mod and
nowhere else, and go.sum holds a hash of every source that goes into it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

PINS = Path(__file__).parent / "toolchain"

Progress = Callable[[str], object]
"""Takes one line about something that takes long."""


class ToolchainError(Exception):
    """A program of the control plane can neither be found nor built; the message says how to get it."""


@dataclass(frozen=True)
class Tool:
    """One pinned Go module and the programs built from it.

    Attributes:
        name: its folder below `toolchain/`.
        module: the Go module whose version is the tool's.
        packages: program name -> Go package.
        stamps: the Go variables that hold the version, which a build from a module does not know by itself.
        minutes: how long a build takes on two cores with empty caches.
        needs_c: whether parts of it are in C, so that a C compiler is needed as well.
        placeholder: a file that the build embeds and the module lacks (its path below `vendor/`), and what it holds.
    """

    name: str
    module: str
    packages: dict[str, str]
    stamps: tuple[str, ...]
    minutes: int
    needs_c: bool = False
    placeholder: tuple[str, str] | None = None

    @property
    def pins(self) -> Path:
        """The folder with go.mod and go.sum."""
        return PINS / self.name

    @property
    def version(self) -> str:
        """The pinned version, as `v1.35.8`."""
        pinned = re.search(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)", self._go_mod, re.MULTILINE)
        assert pinned is not None, f"{self.pins}/go.mod does not require {self.module}"
        return pinned[1]

    @property
    def needs_go(self) -> tuple[int, ...]:
        """The lowest version of Go that builds it, as `(1, 26, 4)`."""
        line = re.search(r"^go (\S+)$", self._go_mod, re.MULTILINE)
        assert line is not None, f"{self.pins}/go.mod has no line `go VERSION`"
        return tuple(int(part) for part in line[1].split("."))

    @property
    def _go_mod(self) -> str:
        return (self.pins / "go.mod").read_text()


_VERSIONS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_KUBE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")

KUBE = Tool(
    name="kube",
    module="k8s.io/kubernetes",
    packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in _KUBE},
    stamps=tuple(f"{package}.gitVersion" for package in _VERSIONS),
    minutes=6,
)
ETCD = Tool("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}, (), 1)
KWOK = Tool(
    name="kwok",
    module="sigs.k8s.io/kwok",
    packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    stamps=("sigs.k8s.io/kwok/pkg/consts.Version",),
    minutes=1,
)
METRICS_SERVER = Tool(
    name="metrics-server",
    module="sigs.k8s.io/metrics-server",
    packages={"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
    stamps=tuple(f"{package}.gitVersion" for package in _VERSIONS),
    minutes=2,
)
TOOLS = (KUBE, ETCD, KWOK, METRICS_SERVER)
"""What a control plane consists of."""

HELM = Tool(
    name="helm",
    module="helm.sh/helm/v3",
    packages={"helm": "helm.sh/helm/v3/cmd/helm"},
    stamps=("helm.sh/helm/v3/internal/version.version",),
    minutes=1,
)
HELM4 = Tool(
    name="helm4",
    module="helm.sh/helm/v4",
    packages={"helm4": "helm.sh/helm/v4/cmd/helm"},
    stamps=("helm.sh/helm/v4/internal/version.version",),
    minutes=1,
)
KUBECONFORM = Tool(
    name="kubeconform",
    module="github.com/yannh/kubeconform",
    packages={"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
    stamps=("main.version",),
    minutes=1,
)
# Debian's package will not do: it is built without the discovery of pods.
PROMETHEUS = Tool(
    name="prometheus",
    module="github.com/prometheus/prometheus",
    packages={name: f"github.com/prometheus/prometheus/cmd/{name}" for name in ("prometheus", "promtool")},
    stamps=("github.com/prometheus/common/version.Version",),
    minutes=3,
)
CHART_TOOLS = (HELM, HELM4, KUBECONFORM, PROMETHEUS)
"""What the tests of the chart need."""

KUBE_NODE = replace(KUBE, packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kubelet", "kube-proxy")})
COREDNS = Tool("coredns", "github.com/coredns/coredns", {"coredns": "github.com/coredns/coredns"}, (), 2)
JAEGER = Tool(
    name="jaeger",
    module="github.com/jaegertracing/jaeger",
    packages={"jaeger": "github.com/jaegertracing/jaeger/cmd/jaeger"},
    stamps=("github.com/jaegertracing/jaeger/internal/version.latestVersion",),
    minutes=5,
)
NODE_TOOLS = (KUBE_NODE, COREDNS, JAEGER)
"""What a real node (`tests/node`) needs besides."""

TILT = Tool(
    name="tilt",
    module="github.com/tilt-dev/tilt",
    packages={"tilt": "github.com/tilt-dev/tilt/cmd/tilt"},
    stamps=("main.version",),
    minutes=4,
    needs_c=True,  # parsers of several languages, of which each is a C library
    # Its web pages are not in the module, and it does not start without one.
    placeholder=(
        "github.com/tilt-dev/tilt/pkg/assets/build/index.html",
        "<!doctype html><title>Tilt</title>This build has no web interface: use the command line.\n",
    ),
)
DEVELOPMENT_TOOLS = (TILT,)
"""What checks the set-up for development."""


def cache_directory() -> Path:
    """Where built programs are kept, outside of any checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tradewind" / "tools"
