"""The process of a class that somebody wrote: `python -m tradewind.strategies.freqtrade.worker`.

It loads one class, answers questions on standard input one after the other, and ends with whoever asks them. What the
class prints goes to standard error, so that nothing it does can pass for an answer.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import BinaryIO

from tradewind.domain.errors import ConfigError
from tradewind.strategies.base import VectorisedStrategy
from tradewind.strategies.freqtrade.installed import check_installed
from tradewind.strategies.freqtrade.named import NamedClass, check_file
from tradewind.strategies.freqtrade.questions import (
    LENGTH,
    Answer,
    Load,
    Loaded,
    Look,
    Question,
    candles_of,
    framed,
    read_question,
    refused,
    said,
)


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[Question] = queue.SimpleQueue()
    # It listens also while the class thinks, for ever perhaps: whoever asks may be gone meanwhile.
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    office = _Office()
    while True:
        answers.write(framed(office.answer(asked.get())))
        answers.flush()


class _Office:
    """Holds the class once it is loaded."""

    def __init__(self) -> None:
        self._strategy: VectorisedStrategy | None = None

    def answer(self, question: Question) -> Answer:
        """What the class says, or what the user must mend."""
        try:
            if isinstance(question, Load):
                return self._load(question.named)
            return self._look(question)
        except ConfigError as error:
            return refused(error)

    def _load(self, named: NamedClass) -> Answer:
        check_file(named)
        check_installed(f"{named.field.removesuffix('.parameters')}.kind")
        from tradewind.strategies.freqtrade.voting import FileStrategy  # noqa: PLC0415 - pandas is an extra

        strategy = self._strategy = FileStrategy(named)
        return Loaded(strategy.class_name, strategy.warm_up)

    def _look(self, question: Look) -> Answer:
        assert self._strategy is not None, "a class is loaded before it is asked"
        return said(self._strategy.stances(candles_of(question)))


def _listen(questions: BinaryIO, asked: queue.SimpleQueue[Question]) -> None:
    while len(head := questions.read(LENGTH)) == LENGTH:
        asked.put(read_question(questions.read(int.from_bytes(head, "big"))))
    # At once, whatever the class is doing: its threads and its cleaning up are nobody's business any more.
    os._exit(0)


if __name__ == "__main__":
    main()
