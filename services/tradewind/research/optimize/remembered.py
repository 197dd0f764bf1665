"""What `populate_*` made of a pair's candles, given again as long as nothing has changed that the strategy looked at.

While a method runs it is watched: the parameters whose values it reads, and the attributes of the strategy. A frame is
kept only if all of these can be compared, and none was written: numbers, texts, and lists and mappings of them. A
strategy that keeps a model or a table, or notes something down for its callbacks, is asked each time. So is one whose
method read a parameter that is varied; one that reads `parameter.range`, as freqtrade documents it, is asked once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pandas import DataFrame

from tradewind.strategies.freqtrade.analysis import with_indicators, with_signals
from tradewind.strategies.freqtrade.configuration import OVERRIDES
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.parameters import BaseParameter

_SCALARS = (bool, int, float, str, bytes, type(None))
_GIVEN = ("dp", "wallets")
"""What is the same for every run of the same candles."""


@dataclass(slots=True)
class _Read:
    """What was looked at, as text that can be compared; `fit` is whether that is all there is to it."""

    looks: dict[str, str] = field(default_factory=dict)
    fit: bool = True


@dataclass(frozen=True, slots=True)
class _Kept:
    frame: DataFrame
    before: DataFrame
    read: _Read


class Remembered:
    """An `analyze` for many runs of one strategy class over the same candles."""

    def __init__(self) -> None:
        self._indicators: dict[str, _Kept] = {}
        self._signals: dict[str, _Kept] = {}
        self.computed = 0
        """How often a stage, of indicators or of signals, was computed for a pair."""

    def analyzed(self, strategy: IStrategy, pair: str, candles: DataFrame) -> DataFrame:
        """As `analysis.analyzed`."""
        frame = self._stage(self._indicators, with_indicators, strategy, pair, candles)
        return self._stage(self._signals, with_signals, strategy, pair, frame)

    def _stage(
        self, kept: dict[str, _Kept], stage: Any, strategy: IStrategy, pair: str, before: DataFrame
    ) -> DataFrame:
        held = kept.get(pair)
        if held is not None and held.before is before and _unchanged(strategy, held.read):
            return held.frame
        kept.pop(pair, None)
        self.computed += 1
        with _watching(strategy) as read:
            # Copies share their columns until somebody writes.
            frame = stage(strategy, pair, before.copy(deep=False))
        if read.fit:
            kept[pair] = _Kept(frame, before, read)
        return frame


def _unchanged(strategy: IStrategy, read: _Read) -> bool:
    return all(_text(strategy, name) == text for name, text in read.looks.items())


def _text(strategy: IStrategy, name: str) -> str:
    value = getattr(strategy, name)
    if isinstance(value, BaseParameter):
        value = value.value
    elif name == "config":
        value = {each: value.get(each) for each in OVERRIDES}
    return repr(value)


@contextmanager
def _watching(strategy: IStrategy) -> Iterator[_Read]:
    """Note what the methods of `strategy` look at."""
    read = _Read()
    kind = type(strategy)
    looked: dict[str, str | None] = {}
    parameters = [value for value in vars(strategy).values() if isinstance(value, BaseParameter)]

    class Watched(kind):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name not in looked:
                looked[name] = repr(value) if name != "config" and _grows(value) else None
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            read.fit = False
            super().__setattr__(name, value)

    Watched.__name__, Watched.__qualname__, Watched.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    heard: set[str] = set()
    for parameter in parameters:
        parameter.heard = heard.add
    try:
        strategy.__class__ = Watched
    except TypeError:  # a class with slots
        read.fit = False
    try:
        yield read
    finally:
        object.__setattr__(strategy, "__class__", kind)
        for parameter in parameters:
            parameter.heard = None
    for name in sorted(looked.keys() | heard):
        _note(strategy, name, read, heard)
    # A list that has grown meanwhile is the strategy's memory.
    read.fit &= all(text is None or text == read.looks.get(name, text) for name, text in looked.items())


def _note(strategy: IStrategy, name: str, read: _Read, heard: set[str]) -> None:
    try:
        value = inspect.getattr_static(strategy, name)
        if isinstance(value, property):
            value = getattr(strategy, name)
    except AttributeError:  # asked for and not there
        read.fit = False
        return
    if isinstance(value, BaseParameter):
        if name in heard:
            read.looks[name] = _text(strategy, name)
    elif name == "config" or _plain(value):
        read.looks[name] = _text(strategy, name)
    elif name not in _GIVEN and not (name.startswith("__") and name != "__dict__") and not _method(value):
        read.fit = False


def _method(value: Any) -> bool:
    return isinstance(value, staticmethod | classmethod) or inspect.isroutine(value)


def _grows(value: Any) -> bool:
    return isinstance(value, dict | list | set) and _plain(value)


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_plain(key) and _plain(below) for key, below in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_plain, value))
    return isinstance(value, _SCALARS)
