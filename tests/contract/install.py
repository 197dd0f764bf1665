"""`manifests/install.yaml`: all that a cluster needs before the first bot, in one file; `make generate` makes it.

Put together from `manifests/operator` and the resource definition, in the order in which one needs the other.
"""

from __future__ import annotations

from pathlib import Path

from tradewind import __version__

MANIFESTS = Path(__file__).parents[2] / "manifests"
PARTS = ("operator/namespace.yaml", "crds/tradingbots.yaml", "operator/rbac.yaml", "operator/deployment.yaml")
IMAGE = f"tradewind:{__version__}"
"""The same that `tradewind render` assumes."""
HEADER = "# Made by `make generate` from manifests/operator and manifests/crds; change those instead.\n"


def install():
    """The text of the file."""
    parts = [(MANIFESTS / part).read_text() for part in PARTS]
    return HEADER + "".join(f"---\n{part}" for part in parts).replace(": IMAGE", f": {IMAGE}")


if __name__ == "__main__":
    (MANIFESTS / "install.yaml").write_text(install())
