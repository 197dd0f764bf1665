"""From a strategy file to the object that runs: import, the one class, parameters, and what is refused by name."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.strategies.freqtrade.configuration import override_attributes
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.parameters import BaseParameter

METHODS_REFUSED = {
    "adjust_entry_price": "remove it, or let unfilledtimeout drop orders",
    "adjust_exit_price": "remove it, or let unfilledtimeout drop orders",
    "adjust_order_price": "remove it, or let unfilledtimeout drop orders",
    "custom_roi": "use minimal_roi",
    "populate_buy_trend": "rename it to populate_entry_trend, and the column buy to enter_long",
    "populate_sell_trend": "rename it to populate_exit_trend, and the column sell to exit_long",
    "custom_sell": "rename it to custom_exit",
    "check_buy_timeout": "rename it to check_entry_timeout",
    "check_sell_timeout": "rename it to check_exit_timeout",
    "feature_engineering_expand_all": "FreqAI is not honoured: compute features in populate_indicators",
    "feature_engineering_expand_basic": "FreqAI is not honoured: compute features in populate_indicators",
    "feature_engineering_standard": "FreqAI is not honoured: compute features in populate_indicators",
    "set_freqai_targets": "FreqAI is not honoured: load predictions in populate_indicators",
}
"""Methods that would silently do nothing, and what to do instead."""

SPACES = {"enter": "buy", "exit": "sell"}
"""Spaces of parameters that have a second name."""

_ATTRIBUTES = {"roi", "stoploss", "trailing", "max_open_trades"}


@dataclass(frozen=True, slots=True)
class StrategyFile:
    """A strategy that is imported: its class, and the values of the parameter file beside it, by space."""

    path: Path
    kind: type[IStrategy]
    parameters: Mapping[str, Any]


def load_strategy(path: Path, config: dict[str, Any]) -> IStrategy:
    """The strategy of `path`, by the name `config["strategy"]` where the file holds several.

    Raises `ConfigError` for a file that does not import, holds no strategy, or asks for what cannot be honoured.
    """
    return make_strategy(read_strategy(path, config.get("strategy")), config)


def read_strategy(path: Path, name: str | None) -> StrategyFile:
    """The class of `path`, by its `name` where the file holds several; raises as `load_strategy`."""
    kind = _strategy_class(path, _import(path), name)
    _refuse_methods(kind)
    return StrategyFile(path, kind, _parameter_file(path, kind.__name__))


def make_strategy(
    file: StrategyFile, config: dict[str, Any], tried: Mapping[str, Any] | None = None, varied: Collection[str] = ()
) -> IStrategy:
    """A new strategy. `tried` are values of an optimiser, by space, which win over all but `config`.

    `varied` are the names of parameters whose `range` is all that it may try. Raises as `load_strategy`.
    """
    path, kind = file.path, file.kind
    try:
        strategy = kind(config)
    except Exception as error:
        raise ConfigError(kind.__name__, _told(error), "a class that can be made", f"correct {path}") from error
    if not hasattr(strategy, "config"):
        strategy.config = config
    _apply_parameters(strategy, file.parameters)
    _try_parameters(strategy, tried or {}, varied)
    override_attributes(strategy, config)
    _refuse_settings(strategy, config)
    return strategy


def started(strategy: IStrategy) -> None:
    """Let it begin, with all that it may ask for at hand. Raises `ConfigError` where it fails."""
    try:
        strategy.bot_start()
    except ConfigError:
        raise
    except Exception as error:
        field = f"{type(strategy).__name__}.bot_start"
        raise ConfigError(field, _told(error), "a method that returns", "correct it") from error


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tradewind_strategy_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError("strategy", str(path), "a Python file", "correct the path")
    module = importlib.util.module_from_spec(spec)
    try:
        with freqtrade_imports(), _beside(path.absolute().parent, spec.name):
            # A strategy may ask for its own module, as pickle and dataclasses do.
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        fix = f"install {error.name} beside Tradewind, or remove the import"
        raise ConfigError("strategy", f"{path.name}: {error}", "imports that can be found", fix) from error
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError("strategy", f"{path.name}: {_told(error)}", "a file that imports", "correct it") from error
    return module


_BROUGHT: dict[str, Path] = {}
"""Modules that strategy files have imported from beside themselves, with the folder."""


@contextlib.contextmanager
def _beside(folder: Path, own: str) -> Iterator[None]:
    """Let a file import what stands in its `folder`, and not what one of another folder calls the same."""
    for name in [name for name, brought in _BROUGHT.items() if brought != folder]:
        del _BROUGHT[name]
        sys.modules.pop(name, None)  # whoever has imported it keeps it
    before = {*sys.modules, own}
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _BROUGHT.update({name: folder for name in sys.modules.keys() - before if _stands_in(folder, name)})


def _stands_in(folder: Path, name: str) -> bool:
    """Whether a module, or the package that it is part of, is in a folder itself."""
    top = sys.modules.get(name.partition(".")[0])
    places = (getattr(top, "__file__", None), *getattr(top, "__path__", ()))
    return any(Path(place).parent == folder for place in places if place)


def _strategy_class(path: Path, module: ModuleType, name: str | None) -> type[IStrategy]:
    found = {
        kind.__name__: kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, IStrategy) and kind.__module__ == module.__name__
    }
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        held = ", ".join(found) or "no class that derives from IStrategy"
        raise ConfigError(
            "strategy", f"{name or 'no name'}; {path.name} holds {held}", "a class of the file", "name it"
        )
    return found[name]


def _refuse_methods(kind: type[IStrategy]) -> None:
    for name, fix in METHODS_REFUSED.items():
        if hasattr(kind, name):
            raise ConfigError(f"{kind.__name__}.{name}", "a method that is not honoured", "none", fix)


def _refuse_settings(strategy: IStrategy, config: Mapping[str, Any]) -> None:
    name = type(strategy).__name__
    orders = {**IStrategy.order_types, **strategy.order_types}
    lives = {**IStrategy.order_time_in_force, **strategy.order_time_in_force}
    pairlists = [str(each.get("method")) for each in config.get("pairlists") or ()]
    refusals = {
        f"{name}.can_short": (strategy.can_short, "False", "remove the short side: spot trades are long"),
        "trading_mode": (config.get("trading_mode", "spot") != "spot", "spot", "backtest futures with freqtrade"),
        f"{name}.use_custom_roi": (strategy.use_custom_roi, "False", "use minimal_roi"),
        "freqai": ((config.get("freqai") or {}).get("enabled", False), "none", "FreqAI is not honoured: remove it"),
        "timeframe_detail": (config.get("timeframe_detail"), "none", "remove it: tradewind backtest alone honours it"),
        f"{name}.order_types": (
            "market" in (orders["entry"], orders["exit"]),
            'limit for "entry" and "exit"',
            'set order_types["entry"] and ["exit"] to "limit"',
        ),
        f"{name}.order_time_in_force": (
            any(life != "GTC" for life in lives.values()),
            "GTC",
            "remove it, and let unfilledtimeout drop orders",
        ),
        "pairlists": (
            any(method not in ("StaticPairList", "None") for method in pairlists),
            "StaticPairList",
            "name the pairs in exchange.pair_whitelist",
        ),
    }
    for field, (wrong, allowed, fix) in refusals.items():
        if wrong:
            received = {f"{name}.order_types": orders, f"{name}.order_time_in_force": lives, "pairlists": pairlists}
            value = received.get(field, config.get(field, wrong))
            raise ConfigError(field, value, allowed, fix)


def _parameter_file(path: Path, name: str) -> Mapping[str, Any]:
    file = path.with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        params = dict(held.get("params", {}))
        meant = held.get("strategy_name", name)
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            "strategy", f"{file.name}: {error}", "a parameter file of freqtrade", "export it again"
        ) from error
    if meant != name:
        told, fix = f"{file.name} with parameters of {meant}", f"move {file.name} away, or export it again"
        raise ConfigError("strategy", told, f"parameters of {name}", fix)
    return params


def _apply_parameters(strategy: IStrategy, params: Mapping[str, Any]) -> None:
    """Values of the parameter file, else of `buy_params` and its kin, else the defaults."""
    _set_attributes(strategy, params)
    for name, shared in inspect.getmembers(type(strategy), lambda value: isinstance(value, BaseParameter)):
        parameter = copy(shared)
        setattr(strategy, name, parameter)
        if not parameter.load:
            continue
        for space in (parameter.space or "", SPACES.get(parameter.space or "", "")):
            values = params.get(space) or getattr(strategy, f"{space}_params", None) or {}
            if name in values:
                parameter.accept(values[name])


def _try_parameters(strategy: IStrategy, tried: Mapping[str, Any], varied: Collection[str]) -> None:
    """Values of an optimiser, also for parameters that are not to be loaded from a file."""
    _set_attributes(strategy, tried)
    for name in varied:
        getattr(strategy, name).in_space = True
    for space in tried.keys() - _ATTRIBUTES:
        for name, value in tried[space].items():
            getattr(strategy, name).accept(value)


def _set_attributes(strategy: IStrategy, params: Mapping[str, Any]) -> None:
    if "roi" in params:
        strategy.minimal_roi = params["roi"]
    for space in _ATTRIBUTES - {"roi"}:
        for name, value in (params.get(space) or {}).items():
            setattr(strategy, name, value)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
