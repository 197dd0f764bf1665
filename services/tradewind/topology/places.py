"""Where everything of one bot lies on this machine, and which of its processes run.

serve/            the state of `tradewind serve BOT`
runs/MOMENT/      that of each `tradewind run BOT`
processes/NAME/   that of each process of a bot in several
supervisor/       what `tradewind up BOT` has for itself: its lock, its socket, the manifest that it gives to them
logs/NAME.log     what each of its processes printed
keys/             the keys that they share
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tradewind.kernel.state_directory import ADDRESSES, LOCK, StateDirectory

SERVE = "serve"


@dataclass(frozen=True, slots=True)
class Running:
    """A process of a bot. `addresses` is the base URL of each service, empty before it listens; `since` in RFC 3339."""

    name: str
    process: int
    directory: Path
    since: str
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one bot below `root`, the state directory of the user."""

    root: Path
    namespace: str
    name: str

    @property
    def bot(self) -> Path:
        """Where everything of the bot lies."""
        return self.root.absolute() / self.namespace / self.name

    @property
    def serve(self) -> Path:
        """The state of the bot in one process."""
        return self.bot / SERVE

    @property
    def supervisor(self) -> Path:
        """What the supervisor has for itself."""
        return self.bot / "supervisor"

    @property
    def keys(self) -> Path:
        """The keys that the processes share."""
        return self.bot / "keys"

    def process(self, name: str) -> Path:
        """The state of one process of several."""
        return self.bot / "processes" / name

    def log(self, name: str) -> Path:
        """What a supervised process printed."""
        return self.bot / "logs" / f"{name}.log"

    def directories(self) -> dict[str, Path]:
        """The directories in which a process of the bot may have its state, by the name of the process."""
        several = sorted(path for path in (self.bot / "processes").glob("*") if path.is_dir())
        return {SERVE: self.serve, **{path.name: path for path in several}}

    def running(self) -> list[Running]:
        """The processes that run the bot's services now, whoever started them."""
        found = []
        for name, path in self.directories().items():
            process = StateDirectory(path).holder()
            if process is not None:
                since = datetime.fromtimestamp((path / LOCK).stat().st_mtime, UTC).isoformat(timespec="seconds")
                found.append(Running(name, process, path, since, _addresses(path, process)))
        return found


def _addresses(path: Path, process: int) -> Mapping[str, str]:
    """What the process has written; nothing where that is from another one, which was killed."""
    try:
        told = json.loads((path / ADDRESSES).read_text())
    except (OSError, ValueError):
        return {}
    return dict(told["services"]) if told["process"] == process else {}
