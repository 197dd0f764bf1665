"""The image: what was left out of it is not missed, and what is in it is compiled."""

from __future__ import annotations

from tests.node.bots import NAMESPACE

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


def test_every_module_that_the_image_runs_can_be_imported(node, churning):
    """Without the client of Kubernetes and the tests of packages, which the image leaves out."""
    assert int(run(node, churning, IMPORTS)) > 200


def test_everything_is_compiled_and_no_source_is_looked_at_for_it(node, churning):
    """A root that cannot be written could keep nothing that is compiled later; 1 means hash-based, unchecked."""
    assert run(node, churning, COMPILED) == "[1]"


def run(node, bot, program):
    name = bot.pod("execution")["metadata"]["name"]
    return node.kubectl("exec", "-n", NAMESPACE, name, "--", "python", "-c", program).strip().splitlines()[-1]
