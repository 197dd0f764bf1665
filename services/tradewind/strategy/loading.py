"""The strategies of a bot, begun: what is built in here, each class of the user's in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable

from tradewind.contracts.strategies import FREQTRADE, parse_parameters
from tradewind.domain.callbacks import Question, Reply
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.service import Context
from tradewind.strategies.freqtrade.named import named_class, parameters_of
from tradewind.strategies.loader import build_strategy
from tradewind.strategy.apart import ApartStrategy, TimeLimits
from tradewind.strategy.evaluation import Evaluator


class Strategies:
    """Begins them, and ends what runs beside this process."""

    def __init__(self, context: Context) -> None:
        self._context, self._spec = context, context.bot.spec
        self._apart: dict[str, ApartStrategy] = {}
        self._begun = False

    async def begin(self) -> dict[tuple[str, str], list[Evaluator]]:
        """Every strategy on every pair and timeframe, evaluated on all candles that there are.

        What runs beside this process is ended and begun again. Raises `ConfigError` for what the user must mend.
        """
        await self.stop()
        pairs = await self._context.ask("market-data", "instruments")
        await self._begin_apart(pairs)
        found: dict[tuple[str, str], list[Evaluator]] = {}
        for row, strategy in enumerate(self._spec.strategies):
            parameters = parse_parameters(f"spec.strategies[{row}]", strategy.kind, strategy.parameters)
            for timeframe in strategy.timeframes or (self._spec.timeframe,):
                for pair in pairs:
                    series = await self._context.ask("market-data", "series", pair=pair, timeframe=timeframe)
                    one = self._apart.get(strategy.name) or build_strategy(strategy.kind, parameters)
                    evaluator = Evaluator(strategy.name, one, series)
                    await evaluator.compute(series)
                    found.setdefault((pair, timeframe), []).append(evaluator)
        return found

    def callbacks(self) -> list[str]:
        """What is to be asked of the class that votes alone, where it has callbacks.

        Raises `TemporaryError` before they have begun: nobody is to take that for none.
        """
        if not self._begun:
            raise TemporaryError("strategy begins, and does not know yet what its class is asked")
        return [callback.value for one in self._apart.values() for callback in one.callbacks]

    async def reply(self, question: Question) -> Reply:
        """What that class says. Raises `TemporaryError` where it cannot be asked now."""
        for one in self._apart.values():
            if self._begun and question.callback in one.callbacks:
                return await one.reply(question)
        raise TemporaryError(f"strategy has no class now that is asked {question.callback.value}")

    async def stop(self) -> None:
        """End the processes."""
        self._begun = False
        for strategy in self._apart.values():
            await strategy.close()
        self._apart.clear()

    async def _begin_apart(self, pairs: Iterable[str]) -> None:
        bot, folder = self._context.bot, self._context.settings.strategy_directory
        for row, strategy in enumerate(self._spec.strategies):
            if strategy.kind == FREQTRADE:
                named, parameters = named_class(bot, row, pairs, folder), parameters_of(bot, row)
                limits = TimeLimits(parameters.time_limit, parameters.callback_time_limit)
                self._apart[strategy.name] = ApartStrategy(self._context, strategy.name, named, limits)
                await self._apart[strategy.name].start()
        self._begun = True
