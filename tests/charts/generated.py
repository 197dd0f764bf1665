"""Everything about the chart that is made and not written: `make generate` writes it, a test holds it fresh."""

from __future__ import annotations

from pathlib import Path

from tests.charts.dashboards import dashboards
from tests.charts.objectives import objectives
from tests.charts.reference import reference
from tests.charts.rendering import chart_programs, template
from tests.charts.schema import schema
from tests.charts.services import services
from tests.charts.values import CHART, ROOT, values

INSTALL = ROOT / "manifests" / "install.yaml"
HEADER = """# All that a cluster needs before the first bot, for `kubectl apply --server-side`: the chart without stores
# and without anything that watches. Made by `make generate` from charts/tradewind; change that instead.
"""
WITHOUT = ("redis", "postgresql", "prometheus")


def install(helm: Path) -> str:
    """The text of `manifests/install.yaml`."""
    options = [f"{name}.enabled=false" for name in WITHOUT]
    options += ["createNamespace=true", "crds.keep=false", "dashboards.enabled=false"]
    return HEADER + template(helm, *options, hooks=False)


def chart_files() -> dict[Path, str]:
    """Files of the chart, and about it, by path."""
    described = values()
    return {
        **{CHART / "files" / one.name: one.read_text() for one in sorted((ROOT / "manifests" / "crds").glob("*.yaml"))},
        CHART / "files" / "services.yaml": services(),
        CHART / "rules" / "objectives.yaml": objectives(),
        CHART / "values.schema.json": schema(described),
        ROOT / "docs" / "reference" / "chart-values.md": reference(described),
        **dashboards(),
    }


def generated() -> dict[Path, str]:
    """All of them; the installation is rendered from what the others say now."""
    files = chart_files()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {**files, INSTALL: install(chart_programs()["helm"])}
