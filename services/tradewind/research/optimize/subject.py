"""What is searched: a freqtrade strategy or a bot, by one face for both.

It opens a bench, says what a study is begun with, how the values that were found are told, and what an export holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from tradewind.contracts.api.document import bot_document, parse_bot
from tradewind.contracts.api.overrides import apply_overrides
from tradewind.domain.errors import ConfigError
from tradewind.research.optimize.bench import Bench, Setup, Window
from tradewind.research.optimize.native_bench import NativeBench, NativeSetup
from tradewind.research.optimize.space import Space, Values
from tradewind.research.optimize.vary import overrides_of


class Subject(Protocol):
    """What is searched."""

    name: str
    space: Space
    endings: tuple[str, ...]
    """What the name of an export may end in."""

    @property
    def setup(self) -> Setup:
        """What workers open their benches from."""

    @property
    def bench(self) -> Bench:
        """The bench of this process."""

    def span(self) -> Window:
        """All candles that are given and traded."""

    def begun_with(self) -> dict[str, str]:
        """What trials depend on besides their values, in words; after it was traded once."""

    def told(self, values: Values) -> dict[str, Any]:
        """How values are told, in JSON."""

    def export(self, values: Values) -> str:
        """A file that holds them."""

    def notes(self) -> list[str]:
        """What somebody who uses the values has to know."""


@dataclass(slots=True)
class BotSubject:
    """A bot with the dimensions of `--vary`."""

    name: str
    space: Space
    setup: NativeSetup
    bench: NativeBench
    endings: tuple[str, ...] = (".yaml", ".yml")

    @classmethod
    def of(cls, setup: NativeSetup, space: Space) -> BotSubject:
        """Raises `ConfigError` for a bot that cannot be traded."""
        bot = parse_bot(setup.document, setup.origin)
        return cls(bot.metadata.name, space, setup, setup.open())

    def span(self) -> Window:
        """All candles of the manifest."""
        return self.bench.span()

    def begun_with(self) -> dict[str, str]:
        """Its manifest as a whole counts as the strategy."""
        document = bot_document(parse_bot(self.setup.document, self.setup.origin))
        return {"manifest": digest_of(document), "spaces": spaces_text(self.space), "candles": self.bench.digest()}

    def told(self, values: Values) -> dict[str, Any]:
        """As `--set` takes them."""
        return {"set": overrides_of(values)}

    def export(self, values: Values) -> str:
        """The manifest with the values in it."""
        document, _ = apply_overrides(self.setup.document, overrides_of(values))
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

    def notes(self) -> list[str]:
        """Nothing."""
        return []


def freqtrade_subject(setup: Any) -> Subject:
    """A strategy with its spaces; raises `ConfigError` for what cannot be varied. pandas is imported here."""
    from tradewind.research.optimize.freqtrade_subject import StrategySubject  # noqa: PLC0415

    return StrategySubject.of(setup)


def check_export(path: Path, endings: tuple[str, ...]) -> None:
    """Raises `ConfigError` for a file that will not do, before anything is searched."""
    if path.suffix not in endings:
        raise ConfigError("--export", str(path), f"a file that ends in {' or '.join(endings)}", "name it so")
    if not path.absolute().parent.is_dir():
        raise ConfigError("--export", f"no folder {path.absolute().parent}", "a folder that exists", "make it")


def digest_of(document: Any) -> str:
    """Sixteen hexadecimal digits that tell a document from others."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def spaces_text(space: Space) -> str:
    """The dimensions in a word that can be compared, and read."""
    ranges: Mapping[str, str] = {name: str(dimension) for name, dimension in space.items()}
    return f"{', '.join(ranges)} ({digest_of(ranges)[:8]})"


def moment_of_export() -> str:
    """As freqtrade writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")
