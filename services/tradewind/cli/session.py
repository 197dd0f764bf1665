"""Running a bot in this process from the command line: where its state lies, and signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.transitions import FIXED, fixed_part
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import ConfigError
from tradewind.kernel.state_directory import MANIFEST, StateDirectory
from tradewind.topology.places import Places

if TYPE_CHECKING:
    from tradewind.topology.embedded import EmbeddedBot


def places_of(root: Path, bot: TradingBot) -> Places:
    """Where everything of one bot lies, below the state directory of the user."""
    return Places(root, bot.metadata.namespace, bot.metadata.name)


def fresh_directory(root: Path, bot: TradingBot) -> Path:
    """A directory for a new run, named by the moment; never one that is there already."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = places_of(root, bot).bot / "runs" / stamp
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{stamp}-{number}")
    return path


def resumable_directory(path: Path) -> Path:
    """The directory of an earlier run; raises `ConfigError` when it is none."""
    if not (path / MANIFEST).is_file():
        raise ConfigError(
            "--resume",
            str(path),
            f"the directory of an earlier run (it holds {MANIFEST})",
            "give the directory that `tradewind run` printed, or leave --resume out for a fresh run",
        )
    return path


def check_same_bot(bot: TradingBot, path: Path, *, whole: bool) -> None:
    """Refuse to go on with another bot's state.

    With `whole` everything but the speed must be equal; otherwise what the stored orders and balances rest on.
    """
    stored = load_bot(path / MANIFEST)
    for field in ("metadata", *FIXED, *(("",) if whole else ())):
        ours, theirs = _part(bot, field), _part(stored, field)
        if ours != theirs:
            name = {"": "the manifest", "metadata": "metadata"}.get(field, f"spec.{field}")
            raise ConfigError(
                name,
                "another value than in the state of this bot",
                f"what {path / MANIFEST} has, because its orders and balances rest on it",
                "use the same manifest and --set values, or begin afresh (without --resume, or under another name)",
            )


def _part(bot: TradingBot, field: str) -> Any:
    if field == "":
        data = bot.spec.data.model_copy(update={"speed": "max"})
        return bot.spec.model_copy(update={"data": data})
    return bot.key if field == "metadata" else fixed_part(bot.spec, field)


class Session:
    """One start-to-stop of an embedded bot, ended by the recording, a failure or a signal."""

    def __init__(self, embedded: EmbeddedBot) -> None:
        self._embedded = embedded
        self._interrupted = asyncio.Event()

    async def start(self) -> bool:
        """Listen for signals, and start; False where a signal came first, and nothing runs.

        A process that shares a database waits for it however long, so the wait has to end as orderly as the work.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._interrupt)
        starting = asyncio.create_task(self._embedded.start())
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait([starting, interrupted], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                return True
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return False
        finally:
            interrupted.cancel()

    def end(self) -> None:
        """End as after a signal."""
        self._interrupted.set()

    def _interrupt(self) -> None:
        self._interrupted.set()
        loop = asyncio.get_running_loop()
        # A second signal is meant: let it kill. The state on disk survives that too.
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)
            signal.signal(name, signal.SIG_DFL)

    async def wait(self, on_tick: Callable[[int], None] | None = None) -> bool:
        """True when the run ended by itself, False when a signal came; raises what failed."""
        # What is loaded by now stays: the collector of garbage, which stops everything, need not look at it again.
        gc.collect()
        gc.freeze()
        running = asyncio.create_task(self._embedded.wait(on_tick))
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait([running, interrupted], return_when=asyncio.FIRST_COMPLETED)
            return running.result() if running.done() else False
        finally:
            for task in (running, interrupted):
                task.cancel()
            await asyncio.gather(running, interrupted, return_exceptions=True)
            gc.unfreeze()


def state_of(path: Path) -> StateDirectory:
    """The state directory at `path`, absolute."""
    return StateDirectory(path.absolute())
