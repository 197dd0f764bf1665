"""How `tradewind status`, `stop`, `restart` and `logs` talk to a supervisor: a Unix socket in its directory.

One line of JSON is the question; lines of JSON are the answer, until the connection closes. Only the user whose bot it
is may connect: the socket has that user's rights. A socket that a killed supervisor left behind answers nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tradewind.domain.errors import NotFoundError, TemporaryError, TradewindError

SOCKET = "control"
LONGEST_PATH = 100
"""Bytes; the kernels take 107 (Linux) and 103 (macOS)."""
LAST_WORDS = 1.0
"""Seconds for answers that are under way when the supervisor ends."""

_KINDS: dict[str, type[TradewindError]] = {"NotFoundError": NotFoundError, "TemporaryError": TemporaryError}
"""Refusals that have an exit code of their own."""

Answers = Callable[[Mapping[str, Any]], AsyncIterator[Any]]
"""What answers a question, part by part."""


class Control:
    """The supervisor's end, in `directory`: `start`, then `close`."""

    def __init__(self, directory: Path, answers: Answers) -> None:
        self._path, self._answers = directory / SOCKET, answers
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Whoever has the directory is the only one that may."""
        self._path.unlink(missing_ok=True)
        with contextlib.ExitStack() as undo:
            one = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            with _short(self._path) as path:
                one.bind(path)
            self._path.chmod(0o600)
            self._server = await asyncio.start_unix_server(self._talk, sock=one)
            undo.pop_all()

    async def close(self) -> None:
        """Listen no more, and end the talks that are under way."""
        if self._server is not None:
            self._server.close()
        if self._talks:
            await asyncio.wait(self._talks, timeout=LAST_WORDS)
        for task in tuple(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            await self._answer(await reader.readline(), writer)
        except (OSError, asyncio.CancelledError):
            """Whoever asked is gone, or the supervisor ends: the close says so."""
        finally:
            self._talks.discard(task)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            async for part in self._answers(json.loads(line)):
                await _say(writer, {"part": part})
            await _say(writer, {"done": True})
        except TradewindError as error:
            await _say(writer, {"error": str(error), "kind": type(error).__name__})
        except ValueError as error:
            await _say(writer, {"error": f"not understood: {error}", "kind": ""})


async def _say(writer: asyncio.StreamWriter, words: Mapping[str, Any]) -> None:
    writer.write(json.dumps(words).encode() + b"\n")
    await writer.drain()


def ask(directory: Path, question: Mapping[str, Any]) -> Iterator[Any]:
    """The parts of the answer of the supervisor in `directory`.

    Raises `NotFoundError` where none listens or what was asked for does not exist, `TradewindError` for other refusals
    and for an answer that was cut off.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        try:
            with _short(directory / SOCKET) as path:
                one.connect(path)
        except OSError as error:
            raise NotFoundError(f"no `tradewind up` of this bot runs here ({directory})") from error
        with one.makefile("rwb") as file:
            file.write(json.dumps(dict(question)).encode() + b"\n")
            file.flush()
            yield from _parts(file)


def _parts(lines: Iterator[bytes]) -> Iterator[Any]:
    for line in lines:
        said = json.loads(line)
        if "part" in said:
            yield said["part"]
        elif "error" in said:
            raise _KINDS.get(said["kind"], TradewindError)(said["error"])
        else:
            return
    raise TradewindError("the supervisor ended before it had answered")


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A path to the same place that a socket can have: a deep folder is reached through a link while it is needed."""
    if len(str(path).encode()) <= LONGEST_PATH:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
        link = Path(folder) / "to"
        link.symlink_to(path.parent)
        yield str(link / path.name)
