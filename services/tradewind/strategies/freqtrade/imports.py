"""Lets `import freqtrade.strategy` and its kin find the interface of this package.

The modules exist by name alone: a finder answers for `freqtrade` and all below it, while a strategy is loaded and in
the process that loads it. Nothing named `freqtrade` is installed, so other processes, freqtrade's own among them, see
whatever they have. Where freqtrade itself is loaded in this process already, it keeps its modules, and strategies are
refused with the reason: two classes `IStrategy` under one name would mix without a word.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tradewind.domain.errors import ConfigError

ROOT = "freqtrade"
_OWN = "tradewind.strategies.freqtrade."

MODULES: dict[str, tuple[str, ...]] = {
    "freqtrade": (),
    "freqtrade.strategy": (
        "interface",
        "parameters",
        "informative",
        "stoploss",
        "timeframes",
        "persistence",
        "pair_locks",
    ),
    "freqtrade.strategy.interface": ("interface",),
    "freqtrade.strategy.hyper": ("parameters",),
    "freqtrade.strategy.parameters": ("parameters",),
    "freqtrade.strategy.informative_decorator": ("informative",),
    "freqtrade.strategy.strategy_helper": ("informative", "stoploss"),
    "freqtrade.optimize": (),
    "freqtrade.optimize.space": ("spaces",),
    "freqtrade.persistence": ("persistence", "pair_locks"),
    "freqtrade.persistence.trade_model": ("persistence",),
    "freqtrade.persistence.pairlock_middleware": ("pair_locks",),
    "freqtrade.vendor": (),
    "freqtrade.vendor.qtpylib": (),
    "freqtrade.vendor.qtpylib.indicators": ("qtpylib",),
    "freqtrade.exchange": ("timeframes",),
    "freqtrade.data": (),
    "freqtrade.data.dataprovider": ("data_provider",),
    "freqtrade.enums": ("enums",),
    "freqtrade.constants": ("constants",),
    "freqtrade.exceptions": ("exceptions",),
    "freqtrade.wallets": ("wallets",),
}
"""What strategies may import, and which modules here answer for it."""


class _Loader(Loader):
    """Fills a module with the names of those that answer for it."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        for source in MODULES[module.__name__]:
            own = importlib.import_module(_OWN + source)
            for name, value in vars(own).items():
                if not name.startswith("_"):
                    setattr(module, name, value)


class _Finder(MetaPathFinder):
    """Answers for `freqtrade` and all below it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] != ROOT:
            return None
        if name not in MODULES:
            offered = ", ".join(sorted(MODULES))
            raise ModuleNotFoundError(f"Tradewind has no {name}; strategies may import {offered}", name=name)
        is_package = any(other.startswith(f"{name}.") for other in MODULES)
        return ModuleSpec(name, _Loader(), is_package=is_package)


_finder = _Finder()


@contextmanager
def freqtrade_imports() -> Iterator[None]:
    """Inside, imports of `freqtrade` find this package. What was imported stays usable afterwards.

    Raises `ConfigError` where freqtrade itself is loaded in this process.
    """
    loaded = sys.modules.get(ROOT)
    if loaded is not None and not isinstance(loaded.__loader__, _Loader):
        raise ConfigError(
            "strategy",
            "a process in which freqtrade itself is loaded",
            "a process of Tradewind's own",
            "run it with the command tradewind, or in a Python that has not imported freqtrade",
        )
    if _finder in sys.meta_path:
        yield
        return
    sys.meta_path.insert(0, _finder)
    try:
        yield
    finally:
        sys.meta_path.remove(_finder)
