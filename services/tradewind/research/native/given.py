"""From a manifest to what the loop of a backtest needs: rules, ticks, and a tape for each pair.

Strategies are computed once over the whole series, as the running bot computes them over a recording; a test holds both
to evaluating the window up to each candle. What a backtest cannot honour is refused here, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

from tradewind.contracts.api.v1alpha1 import DataSource, Mode, TradingBot
from tradewind.contracts.rules import account_rules, rules_of, voters_of
from tradewind.contracts.strategies import FREQTRADE, parse_parameters
from tradewind.domain.backtest.rules import BacktestRules, DeskRules, Replies
from tradewind.domain.backtest.tape import SILENT, Tape, Told
from tradewind.domain.backtest.valuation import Valuation
from tradewind.domain.candle_checks import close_times
from tradewind.domain.consensus import Consensus, Vote, Voter
from tradewind.domain.decision import answer_of
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries, Floats, Integers
from tradewind.market_data.recording import Recording, load_candles
from tradewind.strategies.base import VectorisedStrategy
from tradewind.strategies.freqtrade.installed import check_installed
from tradewind.strategies.freqtrade.named import named_class
from tradewind.strategies.loader import build_strategy

if TYPE_CHECKING:
    from tradewind.strategies.freqtrade.voting import FileStrategy

Build = Callable[[str, BaseModel], VectorisedStrategy]
"""Makes a strategy of its kind and parameters."""


@dataclass(frozen=True, slots=True)
class Given:
    """What one backtest is made of. `times` are the open times of its ticks; `tapes` by pair, in whitelist order.

    `replies` are those of a class with callbacks: the one vote of such a bot is its own.
    """

    bot: TradingBot
    recording: Recording
    rules: BacktestRules
    times: Integers
    tapes: Mapping[str, Tape]
    replies: Replies
    set_aside: tuple[str, ...] = ()
    """What does not hold of a class, because the manifest has another, in sentences."""

    def valuation(self) -> Valuation:
        """A fresh account's worth over these ticks."""
        closes = {pair: _closes_at(tape.series, self.times) for pair, tape in self.tapes.items()}
        return Valuation(self.rules.start_balance, self.rules.currency, self.times, closes)


def check_backtest(bot: TradingBot) -> None:
    """Raises `ConfigError` for what of `bot` a backtest cannot honour."""
    spec = bot.spec
    exchange = spec.exchanges[0]
    if spec.mode is Mode.LIVE:
        raise ConfigError("spec.mode", "Live", "Paper: a backtest sends no orders", "add --set spec.mode=Paper")
    if spec.data.source is DataSource.EXCHANGE:
        allowed = "Replay or Synthetic: a backtest needs candles that are over"
        raise ConfigError("spec.data.source", "Exchange", allowed, "record its candles, and replay them")
    if exchange.faults:
        kinds = ", ".join(fault.kind.value for fault in exchange.faults)
        allowed = "no faults: in a backtest the venue answers at once"
        raise ConfigError("spec.exchanges[0].faults", kinds, allowed, "remove them, or use tradewind run")


def given_by(bot: TradingBot) -> Given:
    """Read and compute everything; raises `ConfigError` for what the user must mend."""
    check_backtest(bot)
    return given_of(bot, load_candles(bot))


def given_of(
    bot: TradingBot,
    recording: Recording,
    build: Build = build_strategy,
) -> Given:
    """Compute everything on candles that are read already; `build` makes the strategies that are built in."""
    spec, decision = bot.spec, rules_of(bot)
    pairs = {pair: one.series for pair, one in recording.checked.items()}
    if not pairs:
        allowed = "at least one pair by its name, because a synthetic market has no others"
        raise ConfigError("spec.pairs.include", ", ".join(spec.pairs.include), allowed, "name a pair, such as AAA/EUR")
    times = reduce(_merged, (series.open_time for series in pairs.values()))

    def agree(votes: Sequence[Vote]) -> Consensus:
        return answer_of(votes, decision)

    tapes, classes = {}, classes_of(bot, recording)
    for pair, series in pairs.items():
        told = [told_by(voter, recording, pair, one) for voter, one in strategies_of(bot, classes, build)]
        tapes[pair] = Tape(series, np.searchsorted(times, series.open_time), told, agree)
    target = spec.risk.take_profit
    rules = BacktestRules(
        desk=DeskRules(bot.key, spec.timeframe, spec.risk.stop_loss, target.distance if target else None),
        decision=decision,
        account=account_rules(spec.exchanges[0]),
        currency=spec.capital.currency,
        start_balance=spec.capital.starting_balance,
        named=frozenset(filter(spec.pairs.names, pairs)),
        trading_state="EmergencyStopped" if spec.emergency_stop else "Running",
    )
    for one in classes.values():
        one.check_entered()
    set_aside = tuple(told for one in classes.values() for told in one.set_aside)
    return Given(bot, recording, rules, times, tapes, _replies_of(classes.values()), set_aside)


def _replies_of(classes: Iterable[FileStrategy]) -> Replies:
    for one in classes:
        if one.callbacks:
            return Replies(one.callbacks, one.reply)
    return Replies()


def classes_of(bot: TradingBot, recording: Recording) -> dict[str, FileStrategy]:
    """The classes of the user's files, by the name of the strategy: one for all pairs, as in the running bot.

    Raises `ConfigError` for a class that cannot be used, or where the extra is missing that it needs.
    """
    found: dict[str, FileStrategy] = {}
    for row, one in enumerate(bot.spec.strategies):
        if one.kind == FREQTRADE:
            check_installed(f"spec.strategies[{row}].kind")
            from tradewind.strategies.freqtrade.voting import FileStrategy  # noqa: PLC0415 - pandas is an extra

            found[one.name] = FileStrategy(
                named_class(bot, row, recording.checked), lambda pair: recording.series[pair, recording.timeframe]
            )
    return found


def strategies_of(
    bot: TradingBot, classes: Mapping[str, VectorisedStrategy], build: Build = build_strategy
) -> list[tuple[Voter, VectorisedStrategy]]:
    """The strategy of every voter, in the order of the voters: one of `classes`, or one of its own."""
    kinds = {
        one.name: (one.kind, parse_parameters(f"spec.strategies[{row}]", one.kind, one.parameters))
        for row, one in enumerate(bot.spec.strategies)
    }
    return [(voter, classes.get(voter.strategy) or build(*kinds[voter.strategy])) for voter in voters_of(bot)]


def told_by(voter: Voter, recording: Recording, pair: str, strategy: VectorisedStrategy) -> Told:
    """What a voter says after each base candle: its stance after its last candle that is complete by then."""
    series, base = recording.series[pair, voter.timeframe], recording.series[pair, recording.timeframe]
    stances = strategy.stances(series)
    if voter.timeframe == recording.timeframe:
        return Told(voter, stances.side, stances.confidence)
    complete = close_times(voter.timeframe, series.open_time)
    places = np.searchsorted(complete, close_times(base.timeframe, base.open_time), side="right") - 1
    spoken, places = places >= 0, np.maximum(places, 0)
    if not len(series):
        return Told(voter, np.full(len(base), SILENT, np.int8), np.zeros(len(base)))
    side = np.where(spoken, stances.side[places], SILENT).astype(np.int8)
    return Told(voter, side, stances.confidence[places])


def _merged(times: Integers, others: Integers) -> Integers:
    return times if np.array_equal(times, others) else np.union1d(times, others)


def _closes_at(series: CandleSeries, times: Integers) -> Floats:
    """The latest close at each of `times`, 0 before the first."""
    places = np.searchsorted(series.open_time, times, side="right")
    return np.append(0.0, series.close)[places]
