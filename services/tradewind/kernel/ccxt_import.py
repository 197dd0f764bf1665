"""ccxt without the hundred exchanges that a process does not talk to.

Importing `ccxt.pro` imports every exchange three times over (blocking, asynchronous, WebSocket): seconds of a core and
a hundred megabytes for each process of each bot. Here its packages are imported with the exchanges left out, and each
is imported by ccxt's own code when it is first asked for. Whoever imports ccxt elsewhere afterwards finds the same
packages, in which every exchange is still there by its name.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")

_EXCHANGE = re.compile(
    r"ccxt(?:\.async_support|\.pro)?\.(?!(?:async_support|pro|base|abstract|static_dependencies)$)(\w+)"
)
_LOCK = threading.Lock()


class _Placeholder(Loader):
    """Makes a module that holds nothing but the name that a package takes from it."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty module."""
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """The name, without a class behind it."""
        setattr(module, module.__name__.rpartition(".")[2], None)


class _WithoutExchanges(MetaPathFinder):
    """Finds a placeholder for every exchange; everything else is found as always."""

    def __init__(self) -> None:
        self.left_out: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The placeholder of an exchange."""
        del path, target
        if _EXCHANGE.fullmatch(name) is None:
            return None
        self.left_out.append(name)
        return ModuleSpec(name, _Placeholder())


def import_ccxt() -> tuple[Any, Any]:
    """`ccxt.async_support` and `ccxt.pro`. Safe to be called by several threads at once."""
    with _LOCK:
        if not any(name in sys.modules for name in PACKAGES):
            _import_without_exchanges()
        return importlib.import_module(PACKAGES[1]), importlib.import_module(PACKAGES[2])


def _import_without_exchanges() -> None:
    finder = _WithoutExchanges()
    sys.meta_path.insert(0, finder)
    try:
        packages = [importlib.import_module(name) for name in PACKAGES]
    finally:
        sys.meta_path.remove(finder)
        for name in finder.left_out:
            sys.modules.pop(name, None)
    for package in packages:
        for name in finder.left_out:
            above, _, exchange = name.rpartition(".")
            if above == package.__name__:
                package.__dict__.pop(exchange, None)
        package.__class__ = _Package


class _Package(ModuleType):
    """A package of ccxt, whose exchanges are imported when they are asked for: by its name each is a class."""

    def __getattr__(self, name: str) -> Any:
        """An exchange, imported now."""
        if name not in self.__dict__.get("exchanges", ()):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        importlib.import_module(f"{self.__name__}.{name}")
        return self.__dict__[name]

    def __setattr__(self, name: str, value: Any) -> None:
        """What Python notes of an imported submodule; ccxt's own import would have put the class in its place."""
        if isinstance(value, ModuleType) and name in self.__dict__.get("exchanges", ()):
            value = getattr(value, name)
        super().__setattr__(name, value)
