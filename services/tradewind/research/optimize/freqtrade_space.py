"""What of a freqtrade strategy may be varied: its parameters, by their space, and ROI table, stop and trailing stop.

The ranges of the last three are those that freqtrade documents, unless the strategy has its own in a class `HyperOpt`.
A set of values becomes parameters by space, the form of a parameter file: what a search tried and what a file makes of
it are one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.domain.money import decimal_of
from tradewind.research.optimize.space import Choice, Dimension, Space, Span, Steps, Values
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import SPACES, StrategyFile
from tradewind.strategies.freqtrade.parameters import (
    BaseParameter,
    CategoricalParameter,
    DecimalParameter,
    IntParameter,
    NumericParameter,
)
from tradewind.strategies.freqtrade.spaces import Categorical, Integer, Real, SKDecimal
from tradewind.strategies.freqtrade.spaces import Dimension as Asked
from tradewind.strategies.freqtrade.timeframes import timeframe_to_minutes

TRAILING = (
    "trailing_stop",
    "trailing_stop_positive",
    "trailing_stop_positive_offset",
    "trailing_only_offset_is_reached",
)
ATTRIBUTES = {"roi": ("minimal_roi",), "stoploss": ("stoploss",), "trailing": TRAILING}
"""Spaces that are no parameters of the strategy, and the attributes that they set."""

_LESS = ("trailing", "protection")
"""What `default` leaves out."""
_METHODS = ("roi_space", "stoploss_space", "trailing_space", "generate_roi_table", "generate_trailing_params")


class FreqtradeSpace:
    """The dimensions of chosen spaces of a strategy, and the way from values back to its parameters."""

    def __init__(self, strategy: IStrategy, names: Sequence[str], own: Mapping[str, Any]) -> None:
        """`own` is the configuration as the user wrote it. Raises `ConfigError` for spaces with nothing to vary."""
        self._kind = type(strategy).__name__
        self._hyperopt = _hyperopt(type(strategy))
        self._minutes = timeframe_to_minutes(strategy.timeframe)
        parameters = _by_space(strategy)
        self.spaces = _chosen(names, parameters)
        self._refuse_overruled(own)
        self.dimensions: Space = {
            f"{space}.{name}": dimension
            for space in self.spaces
            for name, dimension in self._dimensions(space, parameters.get(space, {})).items()
        }
        self.varied = tuple(
            name for space in self.spaces for name, one in parameters.get(space, {}).items() if one.optimize
        )
        self.unloaded = tuple(name for name in self.varied if not getattr(strategy, name).load)
        self._fixed = {
            space: {name: one.value for name, one in parameters.get(space, {}).items()} for space in self.spaces
        }

    def parameters_of(self, values: Values) -> dict[str, dict[str, Any]]:
        """Values as parameters by space, those of a space that do not vary among them."""
        by_space: dict[str, dict[str, Any]] = {space: {} for space in self.spaces}
        for key, value in values.items():
            space, _, name = key.partition(".")
            by_space[space][name] = value
        return {space: self._made(space, found) for space, found in by_space.items()}

    def parameter_file(self, file: StrategyFile, values: Values) -> dict[str, Any]:
        """What a parameter file beside the strategy holds: what it held, and the spaces that were varied."""
        params = {**file.parameters, **self.parameters_of(values)}
        return {"strategy_name": file.kind.__name__, "params": params, "ft_stratparam_v": 1}

    def unvaried(self, file: StrategyFile) -> dict[str, Any]:
        """What of the parameters stays as it is: of spaces that are varied the rest, of others the file's."""
        rest = {space: values for space, values in file.parameters.items() if space not in self.spaces}
        fixed = {
            space: {name: value for name, value in values.items() if name not in self.varied}
            for space, values in self._fixed.items()
        }
        return {**rest, **{space: values for space, values in fixed.items() if values}}

    def _made(self, space: str, found: dict[str, Any]) -> dict[str, Any]:
        if space == "roi":
            return self._overridden("generate_roi_table", _roi_table, found)
        if space == "trailing":
            return self._overridden("generate_trailing_params", _trailing, found)
        return {**self._fixed[space], **found}

    def _overridden(self, name: str, default: Callable[[dict[str, Any]], Any], found: dict[str, Any]) -> dict[str, Any]:
        """Keys are texts, as JSON has them."""
        made = self._asked(name, found) if hasattr(self._hyperopt, name) else default(found)
        return {str(key): value for key, value in made.items()}

    def _asked(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self._hyperopt, name)(*arguments)
        except Exception as error:
            field, told = f"{self._kind}.HyperOpt.{name}", f"{type(error).__name__}: {error}"
            raise ConfigError(field, told, "a function of the class, without self", "correct it") from error

    def _dimensions(self, space: str, parameters: Mapping[str, BaseParameter]) -> Mapping[str, Dimension]:
        if space not in ATTRIBUTES:
            return {name: _dimension_of(one) for name, one in parameters.items() if one.optimize}
        own = f"{space}_space"
        if not hasattr(self._hyperopt, own):
            return {"roi": _roi_space(self._minutes), "stoploss": STOPLOSS, "trailing": TRAILING_SPACE}[space]
        asked = self._asked(own)
        return {str(one.options["name"]): self._dimension(own, one) for one in asked}

    def _dimension(self, own: str, asked: Asked) -> Dimension:
        name = f"{self._kind}.HyperOpt.{own}"
        match asked:
            case Integer(bounds=(low, high)):
                return Steps.rounded(low, high, 0)
            case SKDecimal(bounds=(low, high)):
                return Steps.rounded(low, high, int(asked.options.get("decimals", 3)))
            case Real(bounds=(low, high)):
                return Span(float(low), float(high))
            case Categorical(bounds=(values,)):
                return Choice(tuple(values))
        raise ConfigError(name, type(asked).__name__, "Integer, Real, SKDecimal or Categorical", "use one of these")

    def _refuse_overruled(self, own: Mapping[str, Any]) -> None:
        """What stands in the configuration wins over parameters: to vary it would be in vain."""
        for space in self.spaces:
            for name in ATTRIBUTES.get(space, ()):
                if own.get(name) is not None:
                    told, fix = f"{space}, with {name} in the configuration", f"remove {name} from the configuration"
                    raise ConfigError("--spaces", told, "spaces that the configuration leaves open", fix)
        if "protection" in self.spaces and not own.get("enable_protections"):
            told, fix = "protection, with protections turned off", 'add "enable_protections": true to the configuration'
            raise ConfigError("--spaces", told, "spaces that are traded by", fix)


STOPLOSS: Space = {"stoploss": Steps.rounded(-0.35, -0.02, 3)}
TRAILING_SPACE: Space = {
    "trailing_stop": Choice((True,)),
    "trailing_stop_positive": Steps.rounded(0.01, 0.35, 3),
    "trailing_stop_positive_offset_p1": Steps.rounded(0.001, 0.1, 3),
    "trailing_only_offset_is_reached": Choice((True, False)),
}


def _roi_space(minutes: int) -> Space:
    """Four steps of a ROI table: durations grow with the timeframe, profits with its logarithm; 1 for five minutes."""
    longer, wider = Decimal(minutes) / 5, math.log1p(minutes) / math.log1p(5)
    durations = {"roi_t1": (10, 120), "roi_t2": (10, 60), "roi_t3": (10, 40)}
    profits = {"roi_p1": (0.01, 0.04), "roi_p2": (0.01, 0.07), "roi_p3": (0.01, 0.20)}
    return {
        **{
            name: Steps.rounded(float(low * longer), float(high * longer), 0) for name, (low, high) in durations.items()
        },
        **{name: Steps.rounded(low * wider, high * wider, 3) for name, (low, high) in profits.items()},
    }


def _roi_table(found: Mapping[str, Any]) -> dict[int, float]:
    """The most at once, less after each duration, nothing in the end."""
    first, second, third = (decimal_of(found[f"roi_p{number}"]) for number in (1, 2, 3))
    return {
        0: float(first + second + third),
        found["roi_t3"]: float(first + second),
        found["roi_t3"] + found["roi_t2"]: float(first),
        found["roi_t3"] + found["roi_t2"] + found["roi_t1"]: 0.0,
    }


def _trailing(found: Mapping[str, Any]) -> dict[str, Any]:
    """The offset is above the distance, by as much as its own dimension says."""
    distance = decimal_of(found["trailing_stop_positive"])
    return {
        "trailing_stop": found["trailing_stop"],
        "trailing_stop_positive": float(distance),
        "trailing_stop_positive_offset": float(distance + decimal_of(found["trailing_stop_positive_offset_p1"])),
        "trailing_only_offset_is_reached": found["trailing_only_offset_is_reached"],
    }


def _by_space(strategy: IStrategy) -> dict[str, dict[str, BaseParameter]]:
    found: dict[str, dict[str, BaseParameter]] = {}
    for name, parameter in sorted(vars(strategy).items()):
        if isinstance(parameter, BaseParameter):
            if parameter.space is None:
                field, allowed = f"{type(strategy).__name__}.{name}", "a parameter with a space"
                raise ConfigError(field, "no space", allowed, 'give it space="buy", or a name that begins with buy_')
            found.setdefault(SPACES.get(parameter.space, parameter.space), {})[name] = parameter
    return found


def _chosen(names: Sequence[str], parameters: Mapping[str, Mapping[str, BaseParameter]]) -> tuple[str, ...]:
    own = [space for space, held in sorted(parameters.items()) if any(one.optimize for one in held.values())]
    every = [*own, *ATTRIBUTES]
    found: list[str] = []
    for name in names or ("default",):
        known = {"all": every, "default": [space for space in every if space not in _LESS]}
        if name not in known and name not in every:
            allowed = f"{', '.join(every)}, all or default"
            raise ConfigError("--spaces", name, f"{allowed} (others have nothing to vary)", "name some of these")
        found += known.get(name, [name])
    return tuple(dict.fromkeys(found))


def _dimension_of(parameter: BaseParameter) -> Dimension:
    match parameter:
        case IntParameter():
            return Steps.rounded(parameter.low, parameter.high, 0)
        case DecimalParameter():
            return Steps.rounded(parameter.low, parameter.high, parameter.decimals)
        case NumericParameter():
            return Span(float(parameter.low), float(parameter.high))
        case CategoricalParameter():
            return Choice(tuple(parameter.categories))
    allowed = "a parameter with a range"
    raise ConfigError(parameter.name, type(parameter).__name__, allowed, "use one of freqtrade's parameter classes")


def _hyperopt(kind: type[IStrategy]) -> type | None:
    found = getattr(kind, "HyperOpt", None)
    for name in vars(found) if found is not None else ():
        if not name.startswith("_") and name not in _METHODS:
            allowed = ", ".join(_METHODS)
            raise ConfigError(f"{kind.__name__}.HyperOpt.{name}", "what is not honoured", allowed, "remove it")
    return found
