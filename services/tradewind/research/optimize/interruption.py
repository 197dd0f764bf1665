"""Ctrl-C in a search: at once while a trial is traded or waited for, at the next such place else.

An exception that is raised wherever the process happens to be, in the middle of keeping a trial or of letting go of an
object, may be swallowed there and never come back. So it is noted, and raised where somebody expects it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class Interruption:
    """Hears Ctrl-C while it is entered; a second one ends at once, wherever that is."""

    def __init__(self) -> None:
        self._pressed = self._expected = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if it was pressed."""
        if self._pressed:
            raise KeyboardInterrupt

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Inside, it is raised at once; and before, if it was pressed already."""
        self._expected = True
        try:
            self.check()
            yield
        finally:
            self._expected = False

    def _press(self, _number: int, _frame: object) -> None:
        again, self._pressed = self._pressed, True
        if self._expected or again:
            raise KeyboardInterrupt
