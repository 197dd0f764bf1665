"""From a bot to what runs where: pure, and the only place that decides it.

Operator, process runner, embedded runner and `tradewind render` all read the same plan, so a bot is the same thing
on a laptop and on a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tradewind.catalog import CATALOG, Resources, Scaling, ServiceSpec
from tradewind.contracts.api.v1alpha1 import ConsensusRule, Mode, Profile, TradingBot, Venue
from tradewind.contracts.strategies import FREQTRADE, parse_parameters
from tradewind.domain.errors import ConfigError, ConfigErrors


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one pod or process runs. `scalable` is true where every service in it may have replicas."""

    name: str
    services: tuple[str, ...]
    ports: dict[str, int]
    replicas: int
    scalable: bool
    recreate: bool
    resources: tuple[Resources, ...]


def services(bot: TradingBot) -> tuple[ServiceSpec, ...]:
    """The services that `bot` uses, in the order of the catalog."""
    used = {"sim-exchange": any(exchange.venue is Venue.SIMULATED for exchange in bot.spec.exchanges)}
    return tuple(spec for spec in CATALOG if not spec.on_demand or used[spec.name])


def plan(bot: TradingBot) -> tuple[Workload, ...]:
    """The workloads of `bot` in its profile; raises `ConfigErrors` for what only the whole can tell is wrong."""
    check(bot)
    used = services(bot)
    match bot.spec.profile:
        case Profile.MINIMAL:
            groups = {"bot": list(used)}
        case Profile.STANDARD:
            groups = {}
            for spec in used:
                groups.setdefault(spec.group.value, []).append(spec)
        case Profile.FULL:
            groups = {spec.name: [spec] for spec in used}
    return tuple(_workload(bot, name, specs) for name, specs in groups.items())


def check(bot: TradingBot) -> None:
    """What the schema cannot say: strategy kinds exist and accept their parameters."""
    errors: list[ConfigError] = []
    for index, strategy in enumerate(bot.spec.strategies):
        try:
            parse_parameters(f"spec.strategies[{index}]", strategy.kind, strategy.parameters)
        except ConfigErrors as error:
            errors.extend(error.errors)
        except ConfigError as error:
            errors.append(error)
    if not errors and has_class(bot) and bot.spec.decision.consensus is not ConsensusRule.WEIGHTED:
        allowed, fix = f"Weighted beside kind {FREQTRADE}: its signals count by confidence", "write Weighted"
        errors.append(ConfigError("spec.decision.consensus", bot.spec.decision.consensus.value, allowed, fix))
    if errors:
        raise ConfigErrors(errors)


def has_class(bot: TradingBot) -> bool:
    """Whether a strategy of `bot` is a class of the user's, which runs in a process of its own beside strategy."""
    return any(one.kind == FREQTRADE for one in bot.spec.strategies)


def check_live(bot: TradingBot, *, live: bool) -> None:
    """Orders with money are asked for twice: by the manifest's mode, and by `live`, the word of whoever starts it."""
    if bot.spec.mode is Mode.LIVE and not live:
        allowed = "--live beside mode: Live: orders with money are asked for twice"
        raise ConfigError("--live", "nothing", allowed, "add --live, or set mode: Paper")


def config_maps(bot: TradingBot) -> tuple[str, ...]:
    """The ConfigMaps that have the files of strategies, each once, in the order of the strategies."""
    named = (one.parameters.get("configMap") for one in bot.spec.strategies if one.kind == FREQTRADE)
    return tuple(dict.fromkeys(str(name) for name in named if name is not None))


_WITH_CLASSES = Resources(memory_request="256Mi", memory_limit="1Gi")
"""What strategy takes where classes of the user's run beside it, each in a process with pandas."""


def _workload(bot: TradingBot, name: str, specs: Iterable[ServiceSpec]) -> Workload:
    rows = tuple(specs)
    scalable = all(spec.scaling is Scaling.REPLICAS for spec in rows)
    return Workload(
        name=name,
        services=tuple(spec.name for spec in rows),
        ports={spec.name: spec.port for spec in rows},
        replicas=1,
        scalable=scalable,
        recreate=not scalable,
        resources=tuple(
            _WITH_CLASSES if spec.name == "strategy" and has_class(bot) else spec.resources for spec in rows
        ),
    )
