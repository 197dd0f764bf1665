"""What one pod of a `Backtest` does: trade the bot once, or search with the other pods and trade what is best.

A search is shared by number: each pod has each n-th trial, and whichever finds that all are over trades the best set of
values and the spec as it stands, each as `tradewind backtest` does, and tells the result. There may be two of those,
who then tell the same. A pod that was killed begins again, and goes on with what is left of its trials.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradewind.contracts.api.backtest import Backtest, Search
from tradewind.contracts.api.backtest_status import AS_IT_STANDS, BEST
from tradewind.contracts.api.document import bot_document
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.money import ZERO, plain
from tradewind.plan import check
from tradewind.research.native.given import given_by
from tradewind.research.native.run import backtest as trade
from tradewind.research.native.run import result_of_backtest
from tradewind.research.result import RunResult, as_document, iso

LONGEST_MESSAGE = 4096
"""Bytes of what a container may leave behind for whoever reads the status of its pod."""
_STORAGE = "--storage"


@dataclass(frozen=True, slots=True)
class Played:
    """`message` is for the status of the resource; `document` is the whole result, None of a pod that has none."""

    message: Mapping[str, Any]
    document: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pod:
    """Which of the pods this is, of the resource of that `uid`, and the address of their database if there is one."""

    uid: str
    index: int = 0
    database: str | None = None


def play(backtest: Backtest, pod: Pod, on_trial: Callable[[int], None] = lambda _number: None) -> Played:
    """Do the work of `pod`; `on_trial` hears how many trials are finished, those of others included.

    Raises `ConfigError` for what the user must mend, `TemporaryError` where the database of a search does not answer.
    """
    check(backtest.bot)
    if backtest.options.search is None:
        result = _traded(backtest.bot)
        return Played({"results": [headline(AS_IT_STANDS, result)]}, as_document(result, None))
    try:
        return _searched(backtest, backtest.options.search, pod, on_trial)
    except ConfigError as error:
        if error.field != _STORAGE:
            raise
        raise TemporaryError(f"the database of the search: {error.received}") from error


def headline(name: str, result: RunResult) -> dict[str, Any]:
    """A result as `status.results` has it: money exact, ratios to six decimals, both as text."""
    ratio = result.profit / result.start_balance if result.start_balance else ZERO
    ratios = {
        "profitRatio": float(ratio),
        "winRate": result.trade_metrics.win_rate,
        "maxDrawdownRatio": result.wallet_metrics.max_drawdown_ratio,
        "sharpe": result.wallet_metrics.sharpe,
        "profitFactor": result.trade_metrics.profit_factor,
    }
    return {
        "name": name,
        "start": iso(result.start),
        "end": iso(result.end),
        "candles": result.candles,
        "trades": len(result.trades),
        "profit": plain(result.profit),
        "endBalance": plain(result.end_balance),
        **{field: _rounded(value) for field, value in ratios.items()},
    }


def message_text(message: Mapping[str, Any]) -> str:
    """The message in as few bytes as there may be."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=True)
    assert len(text) <= LONGEST_MESSAGE, f"the schema bounds what is varied: {len(text)} bytes"
    return text


def _traded(bot: TradingBot) -> RunResult:
    given = given_by(bot)
    return result_of_backtest(given, trade(given))


def _searched(backtest: Backtest, search: Search, pod: Pod, on_trial: Callable[[int], None]) -> Played:
    from tradewind.research.optimize.bench import Judge, nothing_counts  # noqa: PLC0415 - an extra
    from tradewind.research.optimize.crew import Alone  # noqa: PLC0415
    from tradewind.research.optimize.interruption import Interruption  # noqa: PLC0415
    from tradewind.research.optimize.native_bench import NativeSetup  # noqa: PLC0415
    from tradewind.research.optimize.search import Plan  # noqa: PLC0415
    from tradewind.research.optimize.search import search as look  # noqa: PLC0415
    from tradewind.research.optimize.study import Share, Study  # noqa: PLC0415
    from tradewind.research.optimize.subject import BotSubject  # noqa: PLC0415
    from tradewind.research.optimize.vary import overrides_of, vary_space  # noqa: PLC0415

    _needed()
    if backtest.shares and pod.database is None:
        allowed = "a PostgreSQL, which pods that share a search need"
        raise ConfigError("spec.parallelism", str(backtest.pods), allowed, "write 1, or give the installation one")
    document = bot_document(backtest.bot)
    subject = BotSubject.of(NativeSetup(document, backtest.key), vary_space(search.vary, document))
    # Traded once as it stands: what is wrong with it or its candles is told before anything is searched.
    subject.bench.trade(None, None)
    judge = Judge(search.loss.value, search.min_trades)
    study = Study(
        f"{backtest.key} {pod.uid}",
        subject.space,
        {**subject.begun_with(), "loss": judge.loss, "least trades": str(judge.min_trades)},
        storage=pod.database,
        sampler=search.sampler,
        seed=search.seed,
        prune=search.prune,
        share=None if pod.database is None else Share(pod.index, backtest.pods),
    )
    try:
        plan = Plan(search.trials, judge, search.prune)
        with Interruption() as interruption:
            look(study, Alone(subject.bench, interruption), plan, None, lambda one: on_trial(len(one.finished)))
        mine = {"trials": study.own}
        if not study.complete(search.trials):
            return Played(mine, None)
        best = study.best()
        if best is None:
            outcomes = [one.outcome for one in study.finished]
            raise nothing_counts(outcomes, search.min_trades, "spec.search.vary", "spec.search.minTrades")
    finally:
        study.close()
    found, stands = _traded(subject.setup.bot(overrides_of(best.values))), _traded(backtest.bot)
    values = dict(text.split("=", 1) for text in overrides_of(best.values))
    of_best = {**headline(BEST, found), "loss": _rounded(best.outcome.loss or 0.0), "values": values}
    results = [of_best, headline(AS_IT_STANDS, stands)]
    told = {"loss": judge.loss, "trials": len(study.finished), "results": results}
    return Played({**mine, "results": results}, {**as_document(found, None), "search": told})


def _needed() -> None:
    """Raises `ConfigError` where this image cannot search."""
    from tradewind.research.optimize.study import needed  # noqa: PLC0415

    try:
        needed()
    except ConfigError as error:
        fix = "build the image with --build-arg EXTRAS=optimize, and give the chart its name"
        raise ConfigError("spec.search", f"an image with {error.received}", error.allowed, fix) from error


def _rounded(value: float) -> str:
    # A decimal of 28 digits cannot be rounded to six places above 1e22, nor an infinite one at all.
    return plain(Decimal(f"{value:.6f}"))
