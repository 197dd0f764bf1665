"""`manifests/install.yaml`: all that a cluster needs before the first bot, in one file.

It is rendered from the chart (`tests/charts/generated.py`); here it is read.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from tradewind import __version__

INSTALL = Path(__file__).parents[2] / "manifests" / "install.yaml"
IMAGE = f"tradewind:{__version__}"
"""The same that `tradewind render` assumes."""
RIGHTS = ("ServiceAccount", "ClusterRole", "RoleBinding", "Role")


def installation():
    """The objects of the file."""
    return list(yaml.load_all(INSTALL.read_text(), yaml.CSafeLoader))


def rights():
    """Those of them that give the operator its rights."""
    return [one for one in installation() if one["kind"] in RIGHTS]
