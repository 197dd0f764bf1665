"""A freqtrade strategy as what is searched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tradewind.research.optimize.bench import Window
from tradewind.research.optimize.freqtrade_bench import FreqtradeBench, FreqtradeSetup
from tradewind.research.optimize.space import Space, Values
from tradewind.research.optimize.subject import digest_of, moment_of_export, spaces_text


@dataclass(slots=True)
class StrategySubject:
    """A strategy with the dimensions of its spaces."""

    name: str
    space: Space
    setup: FreqtradeSetup
    bench: FreqtradeBench
    endings: tuple[str, ...] = (".json",)

    @classmethod
    def of(cls, setup: FreqtradeSetup) -> StrategySubject:
        """Import it; raises `ConfigError` for what cannot be varied."""
        bench = setup.open()
        return cls(bench.file.kind.__name__, bench.space.dimensions, setup, bench)

    def span(self) -> Window:
        """All candles of the timerange, without the warm-up."""
        return self.bench.span()

    def begun_with(self) -> dict[str, str]:
        """The file of the strategy, what of its parameters does not vary, settings and candles."""
        source = hashlib.sha256(self.bench.file.path.read_bytes()).hexdigest()[:16]
        given = self.setup.given
        settings = {"config": dict(given.config), "markets": given.markets, "precision": given.precision_mode}
        return {
            "strategy": f"{self.name} ({source})",
            "parameters": digest_of(self.bench.space.unvaried(self.bench.file)),
            "spaces": spaces_text(self.space),
            "settings": digest_of(settings),
            "candles": self.bench.digest(),
        }

    def told(self, values: Values) -> dict[str, Any]:
        """As a parameter file holds them."""
        return {"parameters": self.bench.space.parameters_of(values)}

    def export(self, values: Values) -> str:
        """A parameter file, to stand beside the strategy under its name."""
        document = self.bench.space.parameter_file(self.bench.file, values)
        return json.dumps({**document, "export_time": moment_of_export()}, indent=2) + "\n"

    def notes(self) -> list[str]:
        """Parameters that no file is loaded for."""
        names = ", ".join(self.bench.space.unloaded)
        return [f"{names}: load=False, so no parameter file sets it; write the value into the strategy"] * bool(names)
