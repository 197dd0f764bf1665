"""Reading several logs together: in the order of time where they have ended, as they come where they go on."""

from __future__ import annotations

import heapq
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

import typer

from tradewind.cli.kubectl.cluster import Cluster
from tradewind.cli.kubectl.voices import Voice
from tradewind.domain.errors import DeniedError, PermanentError, TradewindError

LOOK_AGAIN = 2.0
"""Seconds between two looks for pods that are new, and for containers that were restarted."""

Parameters = Mapping[str, str]
Lines = queue.SimpleQueue[str | None]
"""What is to be printed; None is the end."""


def merged(cluster: Cluster, voices: Iterable[Voice], parameters: Parameters, *, previous: bool) -> Iterator[str]:
    """The labelled lines of logs as they are now, in the order of time."""
    wanted = {**parameters, "timestamps": "true", **({"previous": "true"} if previous else {})}
    for _, line in heapq.merge(*(_timed(cluster, one, wanted) for one in voices), key=lambda pair: pair[0]):
        yield line


def followed(cluster: Cluster, present: Callable[[], list[Voice]], parameters: Parameters) -> Iterator[str]:
    """The labelled lines as they come, of pods and runs of containers that begin meanwhile too; ends by Ctrl-C."""
    lines: Lines = queue.SimpleQueue()
    _end_by_signal(lines)
    heard: set[str] = set()
    first = True
    while True:
        for voice in present():
            if voice.run not in heard:
                heard.add(voice.run)
                # The end of the log is asked for once; what begins later is wanted from its beginning.
                wanted = {**(parameters if first else {}), "follow": "true"}
                threading.Thread(target=_listen, args=(cluster, voice, wanted, lines), daemon=True).start()
        first = False
        yield from _until_silent(lines)


def _end_by_signal(lines: Lines) -> None:
    """Ctrl-C is a line like the others: raised wherever the program is, it is lost where errors are ignored."""

    def interrupted(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        lines.put(None)

    signal.signal(signal.SIGINT, interrupted)


def _until_silent(lines: Lines) -> Iterator[str]:
    from time import monotonic  # noqa: PLC0415

    end = monotonic() + LOOK_AGAIN
    while (left := end - monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            return
        if line is None:
            # Nothing was interrupted that would be worth a word.
            raise typer.Exit(130)
        yield line


def _listen(cluster: Cluster, voice: Voice, parameters: dict[str, str], lines: Lines) -> None:
    try:
        with cluster.log(voice.pod, voice.container, parameters) as found:
            for line in found:
                if (labelled := voice.labelled(line)) is not None:
                    lines.put(labelled)
    except TradewindError as error:
        print(f"log of {voice.pod} ends: {error}", file=sys.stderr)


def _timed(cluster: Cluster, voice: Voice, parameters: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Moment and labelled line. A pod that ends meanwhile does not silence the others."""
    try:
        with cluster.log(voice.pod, voice.container, parameters) as found:
            for stamped in found:
                moment, _, line = stamped.partition(" ")
                if (labelled := voice.labelled(line)) is not None:
                    yield moment, labelled
    except DeniedError:
        raise
    except PermanentError as error:
        print(f"log of {voice.pod} is not there: {error}", file=sys.stderr)
