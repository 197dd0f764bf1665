"""The process of a class that somebody wrote: `python -m tradewind.strategies.freqtrade.worker`.

It loads one class, answers questions on standard input one after the other, and ends with whoever asks them. What the
class prints goes to standard error, so that nothing it does can pass for an answer.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO

from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.strategies.freqtrade.installed import check_installed
from tradewind.strategies.freqtrade.named import NamedClass, check_file
from tradewind.strategies.freqtrade.questions import (
    LENGTH,
    Answer,
    Asked,
    Load,
    Loaded,
    Look,
    Replied,
    Request,
    Wanted,
    framed,
    read_request,
    refused,
    said,
    unpacked,
)

if TYPE_CHECKING:
    from tradewind.strategies.freqtrade.voting import FileStrategy


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[Request] = queue.SimpleQueue()
    # It listens also while the class thinks, for ever perhaps: whoever asks may be gone meanwhile.
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    office, own = _Office(), os.getpid()
    while True:
        answer = office.answer(asked.get())
        if os.getpid() != own:
            # The class has forked and let both go on: a second answer would be taken for that of the next question.
            os._exit(1)
        answers.write(framed(answer))
        answers.flush()


class _WantedSignal(BaseException):
    """Candles are not here; no error, so that no class takes it for one of its own."""

    def __init__(self, pair: str) -> None:
        self.pair = pair


class _Office:
    """Holds the class once it is loaded."""

    def __init__(self) -> None:
        self._wanted: str | None = None
        self._strategy: FileStrategy | None = None
        self._others: dict[str, CandleSeries] = {}

    def answer(self, request: Request) -> Answer:
        """What the class says, or what the user must mend."""
        self._wanted = None
        try:
            answer = self._answer(request)
        except _WantedSignal as wanted:
            return Wanted(wanted.pair)
        except ConfigError as error:
            answer = refused(error)
        # A class with a bare `except:` goes on without the candles, and says what no backtest says.
        return answer if self._wanted is None else Wanted(self._wanted)

    def _answer(self, request: Request) -> Answer:
        match request:
            case Load(named=named):
                return self._load(named)
            case Look():
                return self._look(request)
            case Asked():  # pragma: no branch - there is no fourth
                return self._reply(request)

    def _load(self, named: NamedClass) -> Answer:
        check_file(named)
        check_installed(f"{named.field.removesuffix('.parameters')}.kind")
        from tradewind.strategies.freqtrade.voting import FileStrategy  # noqa: PLC0415 - pandas is an extra

        strategy = self._strategy = FileStrategy(named, self._other)
        return Loaded(strategy.class_name, strategy.warm_up, tuple(sorted(strategy.callbacks)), strategy.set_aside)

    def _look(self, request: Look) -> Answer:
        assert self._strategy is not None, "a class is loaded before it is asked"
        self._others = {one.pair: unpacked(one) for one in request.others}
        return said(self._strategy.stances(unpacked(request.candles)))

    def _reply(self, request: Asked) -> Answer:
        assert self._strategy is not None, "a class is loaded before it is asked"
        # What it knows of other pairs it has seen itself, or asks for.
        self._others = {}
        return Replied(self._strategy.reply(request.question, request.known))

    def _other(self, pair: str) -> CandleSeries:
        if pair not in self._others:
            self._wanted = pair
            raise _WantedSignal(pair)
        return self._others[pair]


def _listen(questions: BinaryIO, asked: queue.SimpleQueue[Request]) -> None:
    while len(head := questions.read(LENGTH)) == LENGTH:
        asked.put(read_request(questions.read(int.from_bytes(head, "big"))))
    # At once, whatever the class is doing: its threads and its cleaning up are nobody's business any more, and what it
    # has started ends too. It leads a session of its own, so that its group is nobody else's.
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
