"""Which images the node has, under which names, and of what each is made.

The names are those that the chart and the operator ask for, and stand here once for all tests. There is no registry to
take them from where these tests run, so each is made of what package sources give: Debian's packages for the base and
the stores, the Go module proxy for Prometheus and Jaeger, this checkout for Tradewind. What a stand-in does not promise
(the exact patch version, entry points that the chart does not use) stands in its Dockerfile below `images/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.pins import JAEGER as JAEGER_TOOL
from tests.cluster.pins import PROMETHEUS as PROMETHEUS_TOOL
from tests.cluster.pins import Tool

from tradewind import __version__

RECIPES = Path(__file__).parent / "images"
CHECKOUT = Path(__file__).parents[2]

BASE = "localhost/python:3.12-slim"
"""What `FROM python:3.12-slim` means to buildah here."""

PAUSE = "localhost/pause:1"
TRADEWIND = f"docker.io/library/tradewind:{__version__}"

REDIS = "docker.io/library/redis:7"
POSTGRES = "docker.io/library/postgres:15"
PROMETHEUS = "quay.io/prometheus/prometheus:v2.42.0"
JAEGER = "docker.io/jaegertracing/jaeger:2.13.0"
"""Version 2.13.0 of the program is version 1.76.0 of its Go module."""


@dataclass(frozen=True)
class Image:
    """One image.

    Attributes:
        name: as pods ask for it.
        context: the folder with its Dockerfile.
        sources: what of that folder decides its content, files and folders.
        tool: its program of the same name is put beside the Dockerfile.
        arguments: further ones for who builds it.
    """

    name: str
    context: Path
    sources: tuple[str, ...] = (".",)
    tool: Tool | None = None
    arguments: tuple[str, ...] = ()


_OF_TRADEWIND = (
    "Dockerfile",
    ".dockerignore",
    "LICENSE",
    "NOTICE",
    "README.md",
    "operator",
    "pyproject.toml",
    "requirements.lock",
    "services",
)

IMAGES = (
    Image(PAUSE, RECIPES / "pause"),
    Image(REDIS, RECIPES / "redis"),
    Image(POSTGRES, RECIPES / "postgres"),
    Image(TRADEWIND, CHECKOUT, _OF_TRADEWIND),
    Image(PROMETHEUS, RECIPES / "prometheus", tool=PROMETHEUS_TOOL),
    Image(JAEGER, RECIPES / "jaeger", tool=JAEGER_TOOL),
)
"""All that an installation asks for; each is made on the base."""

WITH_FREQTRADE = Image(
    f"{TRADEWIND}-freqtrade", CHECKOUT, _OF_TRADEWIND, arguments=("--build-arg", "EXTRAS=optimize,freqtrade")
)
"""What docs/freqtrade.md has people build who bring a class."""
