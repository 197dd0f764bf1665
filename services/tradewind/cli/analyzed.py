"""What an analysis is asked about: the pairs of a bot, or of a strategy written for freqtrade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tradewind.cli.strategy_input import check_freqtrade_extra, refuse_options
from tradewind.domain.errors import ConfigError
from tradewind.research.analyses.subject import Subject


def subjects_of(
    command: str,
    bot: Path | None,
    overrides: Sequence[str] | None,
    *,
    timerange: str | None,
    strategy: Path | None,
    data: Path | None,
    config: Path | None,
    pairs: Sequence[str] | None,
) -> list[Subject]:
    """One for each pair, in their order. Raises `ConfigError` for what the user must mend."""
    if bot is not None:
        instead = "--strategy in place of BOT"
        refuse_options(instead, strategy=strategy, data=data, config=config, pair=pairs)
        return _of_bot(bot, overrides or (), timerange)
    refuse_options("BOT, a manifest", set=overrides)
    if strategy is None or data is None:
        raise ConfigError(command, "nothing to ask", "BOT, or --strategy and --data", "name what to ask")
    check_freqtrade_extra(command)
    from tradewind.research.freqtrade.given import given_by  # noqa: PLC0415
    from tradewind.research.freqtrade.subject import Candles, StrategySubject  # noqa: PLC0415

    given = given_by(strategy, data, config=config, pairs=pairs or (), timerange=timerange)
    candles = Candles(given)
    return [StrategySubject(given, pair, candles) for pair in given.config["exchange"]["pair_whitelist"]]


def _of_bot(path: Path, overrides: Sequence[str], timerange: str | None) -> list[Subject]:
    from tradewind.cli.native_backtest import as_overrides  # noqa: PLC0415
    from tradewind.cli.place import with_files  # noqa: PLC0415
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.market_data.recording import load_candles  # noqa: PLC0415
    from tradewind.plan import check  # noqa: PLC0415
    from tradewind.research.native.given import check_backtest  # noqa: PLC0415
    from tradewind.research.native.subject import BotSubject  # noqa: PLC0415

    bot = with_files(load_bot(path, [*overrides, *as_overrides(timerange)]), path)
    check(bot)
    check_backtest(bot)
    recording = load_candles(bot)
    return [BotSubject(bot, recording, pair) for pair in recording.checked]
