"""`tradewind optimize`: parameters of a bot or of a freqtrade strategy that trade well, and how they do after that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import BotIfAny, Output, OutputOption, Overrides
from tradewind.cli.strategy_input import (
    CandleFolder,
    FeeOption,
    FreqtradeConfig,
    PairNames,
    StrategyFile,
    TimerangeOption,
    check_freqtrade_extra,
    refuse_options,
)
from tradewind.contracts.searching import Sampler
from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade.engine import Engine

if TYPE_CHECKING:
    from tradewind.research.optimize.subject import Subject


def optimize(
    bot: BotIfAny = None,
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=LOW..HIGH",
            help="Of a BOT: a field as --set names it and its range, or KEY=A,B,C. May be repeated.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    strategy: StrategyFile = None,
    spaces: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME",
            help="Of a strategy: buy, sell, protection, roi, stoploss, trailing, all; default is all but trailing"
            " and protection.",
            show_default=False,
        ),
    ] = None,
    data: CandleFolder = None,
    config: FreqtradeConfig = None,
    pair: PairNames = None,
    engine: Annotated[Engine, typer.Option(help="Of a strategy; as in tradewind backtest.")] = Engine.AUTO,
    timerange: TimerangeOption = None,
    fee: FeeOption = None,
    trials: Annotated[int, typer.Option(min=1, help="How many in all, those of a study before included.")] = 100,
    loss: Annotated[str, typer.Option(metavar="NAME", help="What is best: see docs/optimize.md.")] = "profit",
    min_trades: Annotated[int, typer.Option(min=0, help="Trials with fewer trades do not count.")] = 1,
    sampler: Annotated[Sampler, typer.Option(help="How values are chosen.")] = Sampler.TPE,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, with one job, finds the same.")] = 0,
    prune: Annotated[bool, typer.Option(help="End trials early that are worse than half of those before.")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that trade.")] = 1,
    walk_forward: Annotated[
        str | None,
        typer.Option(metavar="IN:OUT", help="Windows to search and to try, in days, as 90d:30d.", show_default=False),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL", help="Where trials are kept: an SQLite file or postgresql://...", show_default=False
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(metavar="NAME", help="The study there; named as what is searched.", show_default=False)
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what is best: a strategy's parameter file (.json), a BOT's manifest (.yaml).",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Search parameters: of a BOT those that --vary names, of a --strategy its spaces.

    Needs the extra optimize of the package, and for a strategy the extra freqtrade.
    """
    from tradewind.research.optimize.loss import loss_named  # noqa: PLC0415
    from tradewind.research.optimize.study import needed  # noqa: PLC0415

    loss_named(loss)
    if bot is not None:
        refuse_options("--strategy in place of BOT", strategy=strategy, spaces=spaces, data=data, config=config)
        refuse_options("--strategy in place of BOT", pair=pair, engine=None if engine is Engine.AUTO else engine)
        needed()
        subject = _bot_subject(bot, vary or (), overrides or (), timerange, fee)
    else:
        refuse_options("BOT, a manifest", vary=vary, set=overrides)
        if strategy is None or data is None:
            allowed = "BOT and --vary, or --strategy and --data"
            raise ConfigError("tradewind optimize", "nothing to search", allowed, "name what to search")
        check_freqtrade_extra("tradewind optimize")
        needed()
        names = tuple(part.strip() for part in spaces.split(",")) if spaces is not None else ()
        subject = _strategy_subject(
            strategy, data, config, pair or (), timerange, fee, names, engine=engine, trials=trials
        )
    from tradewind.cli.optimizing import Wanted, optimized  # noqa: PLC0415
    from tradewind.research.optimize.bench import Judge  # noqa: PLC0415
    from tradewind.research.optimize.search import Plan  # noqa: PLC0415

    wanted = Wanted(
        plan=Plan(trials, Judge(loss, min_trades), prune),
        sampler=sampler,
        seed=seed,
        jobs=jobs,
        walk_forward=walk_forward,
        storage=storage,
        study=study,
        export=export,
        output=output,
    )
    optimized(subject, wanted)


def _bot_subject(
    bot: Path, vary: list[str] | tuple[()], overrides: list[str] | tuple[()], timerange: str | None, fee: float | None
) -> Subject:
    from tradewind.cli.native_backtest import as_overrides  # noqa: PLC0415
    from tradewind.cli.place import check_place  # noqa: PLC0415
    from tradewind.contracts.api.document import parse_bot  # noqa: PLC0415
    from tradewind.contracts.api.reading import read_document  # noqa: PLC0415
    from tradewind.research.optimize.native_bench import NativeSetup  # noqa: PLC0415
    from tradewind.research.optimize.subject import BotSubject  # noqa: PLC0415
    from tradewind.research.optimize.vary import vary_space  # noqa: PLC0415

    setup = NativeSetup.of(bot, read_document(bot), [*overrides, *as_overrides(timerange, fee)])
    check_place(parse_bot(setup.document, setup.origin))
    return BotSubject.of(setup, vary_space(vary, setup.document))


def _strategy_subject(  # noqa: PLR0917 - as the command has them
    strategy: Path,
    data: Path,
    config: Path | None,
    pair: list[str] | tuple[()],
    timerange: str | None,
    fee: float | None,
    names: tuple[str, ...],
    *,
    engine: Engine,
    trials: int,
) -> Subject:
    from tradewind.research.freqtrade.case import read_json  # noqa: PLC0415
    from tradewind.research.freqtrade.given import given_by  # noqa: PLC0415
    from tradewind.research.freqtrade.play import WORTH  # noqa: PLC0415
    from tradewind.research.optimize.freqtrade_bench import FreqtradeSetup  # noqa: PLC0415
    from tradewind.research.optimize.subject import freqtrade_subject  # noqa: PLC0415

    given = given_by(strategy, data, config=config, pairs=pair, timerange=timerange, fee=fee)
    own = read_json(config) if config is not None else {}
    return freqtrade_subject(FreqtradeSetup(given, names, own, engine, WORTH // trials))
