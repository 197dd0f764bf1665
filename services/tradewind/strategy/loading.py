"""The strategies of a bot, begun: what is built in here, each class of the user's in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable

from tradewind.contracts.strategies import FREQTRADE, parse_parameters
from tradewind.kernel.service import Context
from tradewind.strategies.freqtrade.named import named_class, parameters_of
from tradewind.strategies.loader import build_strategy
from tradewind.strategy.apart import ApartStrategy
from tradewind.strategy.evaluation import Evaluator


class Strategies:
    """Begins them, and ends what runs beside this process."""

    def __init__(self, context: Context) -> None:
        self._context, self._spec = context, context.bot.spec
        self._apart: dict[str, ApartStrategy] = {}

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

    async def stop(self) -> None:
        """End the processes."""
        for strategy in self._apart.values():
            await strategy.stop()
        self._apart.clear()

    async def _begin_apart(self, pairs: Iterable[str]) -> None:
        bot, folder = self._context.bot, self._context.settings.strategy_directory
        for row, strategy in enumerate(self._spec.strategies):
            if strategy.kind == FREQTRADE:
                named, limit = named_class(bot, row, pairs, folder), parameters_of(bot, row).time_limit
                self._apart[strategy.name] = ApartStrategy(self._context, strategy.name, named, limit)
                await self._apart[strategy.name].start()
