"""`tradewind import`: a bot of another program as a manifest."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.strategy_input import StrategyFile, check_freqtrade_extra
from tradewind.domain.errors import ConfigError

if TYPE_CHECKING:
    from tradewind.research.freqtrade.moving.manifest import Moved

app = typer.Typer(help="Make a manifest of a bot of another program.", no_args_is_help=True)


@app.callback()
def _import() -> None:
    """Make a manifest of a bot of another program."""


@app.command("freqtrade")
def import_freqtrade(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="freqtrade's configuration, a JSON file.")],
    *,
    target: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to write the manifest; stdout.", show_default=False),
    ] = None,
    strategy: StrategyFile = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Recorded candles to replay, in place of the exchange's.", show_default=False),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="The built-in strategy that trades, such as EmaCross.", show_default=False),
    ] = None,
) -> None:
    """Make a TradingBot manifest of a configuration of freqtrade; what it cannot say is told on stderr, or refused.

    With --strategy the bot trades by that class, and what it sets and the configuration does not (timeframe, stop,
    targets) is taken from it. Secrets never go into the manifest.
    """
    from tradewind.research.freqtrade.configuration_file import read_configuration  # noqa: PLC0415
    from tradewind.research.freqtrade.moving.manifest import moved  # noqa: PLC0415

    if target is not None and target.resolve() == config.resolve():
        raise ConfigError("--output", str(target), "another file than the configuration", "write bot.yaml")
    given = read_configuration(config)
    if strategy is not None:
        given = _with_strategy(given, strategy)
    file = None if strategy is None else _beside(strategy, target)
    found = moved(given, name=config.stem, data=None if data is None else str(data), kind=kind, strategy_file=file)
    if strategy is not None and kind is None:
        _check_class(found, strategy)
    text = _text(found, config.name)
    if target is None:
        sys.stdout.write(text)
    else:
        _write(target, text)
    _tell(found)


def _with_strategy(config: dict[str, Any], path: Path) -> dict[str, Any]:
    check_freqtrade_extra("tradewind import freqtrade")
    from tradewind.research.freqtrade.moving.strategy import settings_of_class  # noqa: PLC0415

    return settings_of_class(config, path)


def _beside(strategy: Path, target: Path | None) -> str:
    """The path of the strategy as the manifest says it; without a file of its own it is for the present folder."""
    return os.path.relpath(strategy, Path() if target is None else target.parent)


def _check_class(found: Moved, path: Path) -> None:
    from tradewind.research.freqtrade.moving.strategy import check_class  # noqa: PLC0415

    check_class(found.bot, path)


def _text(found: Moved, origin: str) -> str:
    import yaml  # noqa: PLC0415

    from tradewind.contracts.api.reading import ManifestDumper  # noqa: PLC0415

    head = [f"# From {origin} of freqtrade, by `tradewind import freqtrade`. What a manifest cannot say:"]
    head += [f"#   {remark}" for remark in found.remarks]
    body = yaml.dump(found.document, Dumper=ManifestDumper, sort_keys=False, allow_unicode=True, width=100)
    return "\n".join(head) + "\n" + body


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        told = f"{error.strerror}: {target}"
        raise ConfigError("--output", told, "a file that can be written", "correct the path") from error


def _tell(found: Moved) -> None:
    """What was left, and what to do with secrets: never what they are."""
    for remark in found.remarks:
        print(f"note: {remark}", file=sys.stderr)
    if not found.secrets:
        return
    name = found.bot.spec.exchanges[0].name.upper()
    print(f"secret: {', '.join(found.secrets)}: not in the manifest", file=sys.stderr)
    print(
        f"secret: the keys of the exchange belong into files that TRADEWIND_CREDENTIALS__{name}__API_KEY_FILE and"
        f" TRADEWIND_CREDENTIALS__{name}__SECRET_FILE name, on a cluster into a Secret (api-key, secret) that"
        " spec.exchanges[0].credentialsSecretRef names; paper trading needs none",
        file=sys.stderr,
    )
