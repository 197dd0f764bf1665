"""The image: what was left out of it is not missed, and what is in it is compiled."""

from __future__ import annotations

import os
import subprocess
import sys

import yaml
from tests.cluster.toolchain import say
from tests.node.bots import NAMESPACE, PATIENCE
from tests.node.image_building import built_images
from tests.node.images import CHECKOUT, WITH_FREQTRADE

IMPORTS = """
import importlib, pkgutil, sys
import tradewind, tradewind_operator
names = [one.name for package in (tradewind, tradewind_operator)
         for one in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
left_out = [name for name in names if name.startswith("tradewind.cli.kubectl") or name.endswith("__main__")]
for name in (one for one in names if one not in left_out):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Of the extras "freqtrade" and "compiled", which this image was not built with; what trades needs neither.
        assert error.name in ("pandas", "talib", "numba"), (name, error)
        assert name.startswith(("tradewind.research.", "tradewind.strategies.freqtrade.")), (name, error)
assert not [name for name in sys.modules if name.split(".")[0] == "kubernetes" and sys.modules[name]], "kubernetes"
print(len(names) - len(left_out))
"""
COMPILED = """
import pathlib, struct, sys, tradewind, numpy, ccxt
flags = {struct.unpack("<I", file.open("rb").read(8)[4:])[0]
         for package in (tradewind, numpy, ccxt) for file in pathlib.Path(package.__file__).parent.rglob("*.pyc")}
print(sorted(flags))
"""


SAMPLES = CHECKOUT / "manifests" / "samples"
TWO_WEEKS = ("--until-end", "--set", "spec.data.speed=max", "--set", "spec.data.span.end=2022-01-15")


def test_every_module_that_the_image_runs_can_be_imported(node, churning):
    """Without the client of Kubernetes and the tests of packages, which the image leaves out."""
    assert int(run(node, churning, IMPORTS)) > 200


def test_everything_is_compiled_and_no_source_is_looked_at_for_it(node, churning):
    """A root that cannot be written could keep nothing that is compiled later; 1 means hash-based, unchecked."""
    assert run(node, churning, COMPILED) == "[1]"


def test_with_pandas_and_talib_it_trades_a_class_out_of_a_config_map_as_this_machine_does(node, tmp_path):
    """As nobody, on a root that cannot be written: what it prints of two weeks is what it prints here."""
    ((name, archive),) = built_images(say, [WITH_FREQTRADE]).items()
    node.load(archive)
    files = (f"--from-file={SAMPLES / 'dip.py'}", f"--from-file=bot.yaml={SAMPLES / 'freqtrade.yaml'}")
    node.kubectl("create", "configmap", "dip", "-n", NAMESPACE, *files)
    node.kubectl("create", "-n", NAMESPACE, "-f", "-", stdin=yaml.safe_dump(_pod("dip", name)))
    try:
        node.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/dip", f"--timeout={PATIENCE:.0f}s")
        told = node.kubectl("logs", "dip", "-n", NAMESPACE)
    finally:
        node.kubectl("delete", "pod/dip", "configmap/dip", "-n", NAMESPACE, "--timeout=60s")

    command = [sys.executable, "-m", "tradewind", "run", str(SAMPLES / "freqtrade.yaml"), *TWO_WEEKS]
    environment = {**os.environ, "TRADEWIND_STATE_DIRECTORY": str(tmp_path)}
    here = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    figures = [line for line in here.splitlines() if not line.startswith("report:")]
    assert "trades" in here
    assert set(figures) <= set(told.splitlines())


def _pod(name, image):
    mounts = [{"name": "given", "mountPath": "/given"}, {"name": "tmp", "mountPath": "/tmp"}]
    container = {
        "name": name,
        "image": image,
        "args": ["run", "/given/bot.yaml", *TWO_WEEKS],
        "securityContext": {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": mounts,
    }
    volumes = [{"name": "given", "configMap": {"name": name}}, {"name": "tmp", "emptyDir": {}}]
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def run(node, bot, program):
    name = bot.pod("execution")["metadata"]["name"]
    return node.kubectl("exec", "-n", NAMESPACE, name, "--", "python", "-c", program).strip().splitlines()[-1]
